// What is wrong with our lines just now, in words, across the top of the view.

import { button, h, icon, redraw, show, write } from '../dom.js';
import { t } from '../i18n.js';
import { line } from '../state.js';

export function lineBanner(context) {
  const drawing = icon('again');
  const text = h('span', {});
  const state = h('p', { class: 'banner banner-line' }, drawing, text);
  const sound = button({
    kind: 'primary',
    drawing: 'speaker',
    text: t('banner.sound'),
    onclick: () => {},
  });
  const blocked = h(
    'div',
    { class: 'banner banner-sound' },
    h('p', {}, t('banner.sound-blocked')),
    sound.element,
  );
  const element = h('div', { class: 'banners' }, state, blocked);
  const update = (now) => {
    const is = line(now);
    show(state, is !== 'up');
    show(blocked, now.soundBlocked && is === 'up');
    state.dataset.line = is;
    redraw(drawing, is === 'offline' ? 'warning' : 'again');
    if (is !== 'up') write(text, t(`line.${is}`));
  };
  return { element, update };
}
