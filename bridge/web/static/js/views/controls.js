// Our own controls, always at the foot of the room: microphone, camera, slides, hand, chat, devices, leave.

import { button, h, icon, mark, redraw, show, write } from '../dom.js';
import { t } from '../i18n.js';
import { isHost, mayUnmute, own, silence } from '../state.js';

export function controls(context) {
  const { pictures } = context.session;
  const microphone = button({ kind: 'control', drawing: 'mic', onclick: () => pressed() });
  const camera = button({
    kind: 'control',
    drawing: 'camera',
    onclick: () => {
      if (now.camera.status === 'ok') context.preparation.turnCameraOff();
      else context.preparation.openCamera();
    },
  });
  const slides = button({
    kind: 'control',
    drawing: 'share',
    onclick: () => (now.slides.sharing ? pictures.unshare() : pictures.share()),
  });
  show(slides.element, Boolean(navigator.mediaDevices.getDisplayMedia)); // telephones have none
  const hand = button({
    kind: 'control',
    drawing: 'hand',
    onclick: () => context.commands.raiseHand(!raised),
  });
  const chat = button({
    kind: 'control',
    drawing: 'chat',
    onclick: () => context.dispatch({ type: 'chat-opened', open: !chatOpen }),
  });
  const unread = h('span', { class: 'badge' });
  chat.element.append(unread);
  const devices = button({
    kind: 'control',
    drawing: 'settings',
    text: t('control.devices'),
    'aria-haspopup': 'dialog',
    onclick: () => context.dispatch({ type: 'dialog-opened', dialog: { kind: 'devices' } }),
  });
  const leave = button({
    kind: 'control leave',
    drawing: 'leave',
    text: t('control.leave'),
    onclick: () => context.session.leave(),
  });
  const noticeIcon = icon('mic-off');
  const noticeText = h('span', {});
  const notice = h('p', { class: 'control-notice' }, noticeIcon, noticeText);
  const element = h(
    'section',
    { class: 'controls', 'aria-labelledby': 'controls-heading' },
    h('h2', { id: 'controls-heading', class: 'unseen' }, t('control.title')),
    notice,
    h(
      'div',
      { class: 'control-row' },
      microphone.element,
      camera.element,
      slides.element,
      hand.element,
      chat.element,
      devices.element,
      leave.element,
    ),
  );
  let now = null;
  let raised = false;
  let chatOpen = false;

  function pressed() {
    const why = silence(now);
    if (why === 'device') return context.preparation.openMicrophone();
    if (why !== 'host') return context.session.setMicrophone(why === 'self');
    if (mayUnmute(now)) return context.commands.unmuteSelf();
    context.notify('notice.muted-by-host', {}, 'problem');
  }

  const update = (state) => {
    now = state;
    const me = own(state);
    const why = silence(state);
    raised = Boolean(me && me.hand);
    chatOpen = state.chat.open;
    redraw(microphone.picture, why ? 'mic-off' : 'mic');
    write(microphone.label, t(LABELS[why]));
    mark(microphone.element, 'data-silent', why || null);
    const seen = state.camera.status === 'ok';
    redraw(camera.picture, seen ? 'camera' : 'camera-off');
    write(camera.label, t(seen ? 'control.camera-off' : 'control.camera-on'));
    mark(camera.element, 'data-silent', !seen);
    write(slides.label, t(state.slides.sharing ? 'control.unshare' : 'control.share'));
    mark(slides.element, 'data-on', state.slides.sharing);
    write(hand.label, raised ? t('control.lower-hand') : t('control.raise-hand'));
    mark(hand.element, 'data-on', raised);
    show(chat.element, state.seat.chat);
    mark(chat.element, 'data-on', chatOpen);
    mark(chat.element, 'aria-expanded', String(chatOpen));
    write(chat.label, t('control.chat'));
    show(unread, state.chat.unread > 0);
    write(unread, state.chat.unread > 0 ? t('control.unread', { count: state.chat.unread }) : '');
    tell(state, why);
  };

  function tell(state, why) {
    const talking = state.microphone.talkingWhileMuted;
    show(notice, why === 'host' || talking);
    if (why === 'host') {
      write(
        noticeText,
        t(mayUnmute(state) || isHost(state) ? 'control.host-muted-you-may' : 'control.host-muted-you'),
      );
    } else if (talking) {
      write(noticeText, t('control.talking-while-muted'));
    }
    mark(notice, 'data-urgent', talking);
  }
  return { element, update, gone: () => {} };
}

const LABELS = {
  '': 'control.mute',
  self: 'control.unmute',
  host: 'control.muted-by-host',
  device: 'control.no-microphone',
};
