// Inside: the picture, the people, what a host can do, our own controls.

import { h, icon, mark, redraw, show, write } from '../dom.js';
import { list, t } from '../i18n.js';
import { isHost, own, present } from '../state.js';
import { lineBanner } from './banner.js';
import { chatPanel } from './chat.js';
import { controls } from './controls.js';
import { hostTools } from './host.js';
import { knocks } from './knocks.js';
import { microphoneTrouble } from './parts.js';
import { people } from './people.js';
import { stage } from './stage.js';

export function roomView(context, state) {
  const { seat } = state;
  const heading = h('h1', { class: 'room-name' }, seat.roomName || t('room.number', { room: seat.room }));
  const lockIcon = icon('unlock');
  const lockText = h('span', {});
  const lock = h('p', { class: 'chip' }, lockIcon, lockText);
  const count = h('span', {});
  const speaking = h('span', { class: 'speaking-names' });
  const speakingLine = h('p', { class: 'speaking-line' }, icon('speaking'), speaking);
  const banner = lineBanner(context);
  const trouble = microphoneTrouble(context);
  const knockers = knocks(context);
  const tools = hostTools(context);
  const roster = people(context);
  const pictures = stage(context);
  const chat = chatPanel(context);
  const bar = controls(context);
  const element = h(
    'div',
    { class: 'room' },
    h(
      'div',
      { class: 'room-head' },
      h(
        'div',
        { class: 'room-title' },
        heading,
        h('p', { class: 'room-number' }, t('room.number', { room: seat.room })),
      ),
      h('div', { class: 'room-facts' }, lock, h('p', { class: 'chip' }, icon('people'), count)),
    ),
    banner.element,
    h(
      'div',
      { class: 'room-body' },
      h(
        'div',
        { class: 'room-main', role: 'group', 'aria-label': t('title.room'), tabindex: '0' },
        trouble.element,
        knockers.element,
        pictures.element,
        tools.element,
        h(
          'section',
          { class: 'roster', 'aria-labelledby': 'people-heading' },
          h(
            'div',
            { class: 'section-head' },
            h('h2', { id: 'people-heading', class: 'section-title' }, t('people.title')),
            speakingLine,
          ),
          roster.element,
        ),
      ),
      chat.element,
    ),
    bar.element,
  );

  const update = (now) => {
    const inside = present(now);
    banner.update(now);
    trouble.update(now);
    knockers.update(now);
    tools.update(now);
    roster.update(now);
    pictures.update(now);
    chat.update(now);
    bar.update(now);
    redraw(lockIcon, now.conference.locked ? 'lock' : 'unlock');
    write(lockText, now.conference.locked ? t('room.locked') : t('room.open'));
    mark(lock, 'data-locked', now.conference.locked);
    write(count, t('room.count', { count: inside.length }));
    const me = own(now);
    const names = inside
      .filter((one) => now.speaking.includes(one.uuid))
      .map((one) => (one === me ? t('people.you-name') : one.label));
    show(speakingLine, names.length > 0);
    write(speaking, names.length ? t('room.speaking', { names: list(names.slice(0, 3)) }) : '');
    mark(element, 'data-host', isHost(now));
    mark(element, 'data-chat', now.chat.open);
    mark(element, 'data-pictures', now.pictures.picture);
  };
  const gone = () => {
    bar.gone();
    pictures.gone();
  };
  return { element, heading, update, gone };
}
