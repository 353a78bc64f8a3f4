// The device check: does the microphone hear me, how do I look, where does the sound come from.

import { button, h, icon, show, write } from '../dom.js';
import { t } from '../i18n.js';
import { deviceChoices, meter, microphoneTrouble, mirror, toneCheck } from './parts.js';

export function checkView(context, state) {
  const picture = mirror(context);
  const noPicture = h('div', { class: 'no-picture' });
  const noPictureText = h('p', {});
  noPicture.append(icon('camera-off'), noPictureText);
  const toggle = button({
    kind: 'small over-picture',
    drawing: 'camera',
    text: '',
    onclick: () => {
      if (context.devices.camera) context.preparation.turnCameraOff();
      else context.preparation.openCamera();
    },
  });
  const onlyYou = h('p', { class: 'check-hint' }, t('check.only-you'));
  const level = meter(context);
  const heard = h('p', { class: 'check-hint' }, t('check.speak'));
  const trouble = microphoneTrouble(context);
  const choices = deviceChoices(context);
  const heading = h('h1', { class: 'title' }, t('check.title'));
  const join = button({
    kind: 'primary wide',
    drawing: 'forward',
    text: t('check.join'),
    onclick: () => context.preparation.join(),
  });
  const back = button({
    kind: 'quiet wide',
    text: t('check.back'),
    onclick: () => context.preparation.backToStart(),
  });
  const asking = h('p', { class: 'asking', role: 'status' }, icon('mic'), h('span', {}, t('check.asking')));

  const element = h(
    'div',
    { class: 'check' },
    h(
      'div',
      { class: 'check-head' },
      heading,
      h('p', { class: 'lead' }, t('check.lead', { room: state.form.room })),
    ),
    h(
      'section',
      { class: 'check-picture', 'aria-label': t('device.camera') },
      h('div', { class: 'picture' }, picture.element, noPicture, toggle.element),
      onlyYou,
    ),
    h(
      'section',
      { class: 'card check-card', 'aria-label': t('check.devices') },
      asking,
      trouble.element,
      h('div', { class: 'level' }, icon('mic'), level.element),
      heard,
      choices.element,
      toneCheck(context),
      h('div', { class: 'stack tight' }, join.element, back.element),
    ),
  );

  const update = (now) => {
    const { microphone, camera } = now;
    trouble.update(now);
    choices.update(now);
    show(asking, microphone.status === 'asking');
    show(level.element.parentElement, microphone.status === 'ok');
    show(heard, microphone.status === 'ok');
    write(
      join.label,
      ['ok', 'asking', 'idle'].includes(microphone.status) ? t('check.join') : t('check.join-silent'),
    );
    picture.update();
    show(picture.element, camera.status === 'ok');
    show(noPicture, camera.status !== 'ok');
    show(onlyYou, camera.status === 'ok');
    write(noPictureText, t(`camera.${camera.status}`));
    write(toggle.label, camera.status === 'ok' ? t('check.camera-off') : t('check.camera-on'));
    show(toggle.element, camera.status !== 'asking' && camera.status !== 'none');
  };
  return { element, heading, update, gone: () => level.gone() };
}
