// Outside the room: that one waits, that one's own sound works, and nothing about who is in there.

import { button, h, icon, redraw, show, write } from '../dom.js';
import { t } from '../i18n.js';
import { line } from '../state.js';
import { lineBanner } from './banner.js';
import { meter, microphoneTrouble, mirror, toneCheck } from './parts.js';

export function waitingView(context) {
  const heading = h('h1', { class: 'title' }, t('waiting.title'));
  const level = meter(context);
  const trouble = microphoneTrouble(context);
  const banner = lineBanner(context);
  const microphone = button({
    kind: 'secondary',
    drawing: 'mic',
    text: '',
    onclick: () => context.session.setMicrophone(!on),
  });
  const own = mirror(context, 'waiting-picture');
  const camera = button({
    kind: 'secondary',
    drawing: 'camera',
    text: '',
    onclick: () => (seen ? context.preparation.turnCameraOff() : context.preparation.openCamera()),
  });
  const leave = button({
    kind: 'danger-quiet',
    drawing: 'leave',
    text: t('waiting.leave'),
    onclick: () => context.session.leave(),
  });
  const levelLine = h('div', { class: 'level' }, icon('mic'), level.element);
  const element = h(
    'div',
    { class: 'entry single' },
    banner.element,
    h(
      'section',
      { class: 'card calm waiting', 'aria-label': t('waiting.title') },
      h('div', { class: 'rings', 'aria-hidden': 'true' }, h('span', {}), h('span', {}), icon('door')),
      heading,
      h('p', { class: 'lead' }, t('waiting.text')),
      h('p', { class: 'check-hint' }, t('waiting.nobody')),
      h(
        'div',
        { class: 'waiting-check' },
        trouble.element,
        own.element,
        levelLine,
        h('div', { class: 'row' }, toneCheck(context), microphone.element, camera.element),
      ),
      leave.element,
    ),
  );
  let on = true;
  let seen = false;
  const update = (state) => {
    on = state.microphone.on;
    seen = state.camera.status === 'ok';
    own.update();
    show(own.element, seen);
    redraw(camera.picture, seen ? 'camera' : 'camera-off');
    write(camera.label, t(seen ? 'control.camera-off' : 'control.camera-on'));
    banner.update(state);
    trouble.update(state);
    show(levelLine, state.microphone.status === 'ok');
    show(microphone.element, state.microphone.status === 'ok');
    redraw(microphone.picture, on ? 'mic' : 'mic-off');
    write(microphone.label, on ? t('control.mute') : t('control.unmute'));
    element.dataset.line = line(state);
  };
  return { element, heading, update, gone: () => level.gone() };
}
