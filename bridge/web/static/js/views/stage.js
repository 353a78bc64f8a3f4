// What is seen in the room: its picture, slides beside it where they are wanted apart, and ourselves in a corner.

import { button, h, mark, redraw, show, write } from '../dom.js';
import { t } from '../i18n.js';
import { isHost } from '../state.js';
import { mirror } from './parts.js';

export function stage(context) {
  const { pictures } = context.session;
  const room = screen(t('stage.room'));
  const slides = screen(t('stage.slides'));
  const own = mirror(context, 'own-picture');
  const presents = h('p', { class: 'stage-presenter', dir: 'auto' });
  const frame = h('div', { class: 'stage-frame' }, room, slides, own.element);
  const layout = button({
    kind: 'tool',
    drawing: 'layout',
    text: t('stage.layout'),
    'aria-haspopup': 'dialog',
    onclick: () => context.dispatch({ type: 'dialog-opened', dialog: { kind: 'layout' } }),
  });
  const self = button({
    kind: 'tool',
    drawing: 'self',
    onclick: () => context.dispatch({ type: 'mirror', mirror: !now.mirror }),
  });
  const apart = button({
    kind: 'tool',
    drawing: 'screen',
    onclick: () => pictures.setApart(!now.slides.apart),
  });
  const full = button({ kind: 'tool', drawing: 'expand', text: t('stage.full'), onclick: () => toggle(frame) });
  const element = h(
    'section',
    { class: 'stage', 'aria-labelledby': 'stage-heading' },
    h('h2', { id: 'stage-heading', class: 'unseen' }, t('stage.title')),
    frame,
    h(
      'div',
      { class: 'stage-tools' },
      presents,
      layout.element,
      self.element,
      apart.element,
      full.element,
    ),
  );
  let now = null;

  const told = () => {
    const on = document.fullscreenElement === frame;
    write(full.label, on ? t('stage.small') : t('stage.full'));
    mark(full.element, 'aria-pressed', String(on));
  };
  document.addEventListener('fullscreenchange', told);
  show(full.element, document.fullscreenEnabled === true);
  told();

  const update = (state) => {
    now = state;
    const { presenter } = state.slides;
    fill(room, pictures.room);
    fill(slides, pictures.slides);
    show(element, state.pictures.picture);
    show(slides, state.slides.apart && state.pictures.slides);
    mark(frame, 'data-slides', state.slides.apart && state.pictures.slides);
    own.update(state);
    show(own.element, state.mirror && state.camera.status === 'ok');
    const { sharing } = state.slides;
    show(presents, sharing || presenter !== null);
    write(presents, sharing ? t('slides.yours') : presenter ? t('slides.by', { name: presenter.name }) : '');
    show(layout.element, isHost(state));
    show(self.element, state.camera.status === 'ok');
    redraw(self.picture, 'self');
    write(self.label, state.mirror ? t('stage.hide-self') : t('stage.show-self'));
    show(apart.element, state.slides.apart || presenter !== null);
    write(apart.label, state.slides.apart ? t('slides.together') : t('slides.apart'));
  };
  return { element, update, gone: () => document.removeEventListener('fullscreenchange', told) };
}

/** A picture that moves, without sound: that comes from a player of its own. */
function screen(label) {
  const video = h('video', { class: 'stage-picture', autoplay: true, playsinline: true, 'aria-label': label });
  video.muted = true;
  return video;
}

function fill(video, stream) {
  if (video.srcObject !== stream) video.srcObject = stream;
}

async function toggle(frame) {
  if (document.fullscreenElement === frame) await document.exitFullscreen().catch(() => {});
  else await frame.requestFullscreen().catch(() => {});
}
