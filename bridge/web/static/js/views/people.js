// Who is here, how they come, who speaks; for hosts also what can be done with each.

import { button, h, icon, keyed, mark, redraw, show, write } from '../dom.js';
import { t } from '../i18n.js';
import { isHost, present } from '../state.js';
import { hue, initials } from './parts.js';

const WAYS = { phone: 'phone', video: 'screen', browser: 'browser' };

export function people(context) {
  const rows = h('ul', { class: 'people' });
  const kept = new Map();
  const alone = h(
    'div',
    { class: 'alone' },
    icon('people'),
    h('p', { class: 'alone-title' }, t('people.alone')),
    h('p', {}, t('people.alone-text')),
  );
  const element = h('div', { class: 'people-place' }, rows, alone);
  const update = (state) => {
    const inside = present(state);
    const me = state.seat ? state.seat.me : '';
    keyed(
      rows,
      kept,
      inside.map((one) => entry(one, state, me)),
      (one) => one.uuid,
      (one) => card(context, one),
    );
    show(alone, inside.length === 1 && state.synchronised > 0);
  };
  return { element, update };
}

function entry(one, state, me) {
  const quiet = one.muted || one.clientMuted;
  const speaks = state.speaking.includes(one.uuid) && !quiet;
  return { ...one, self: one.uuid === me, manages: isHost(state), quiet, speaks };
}

function card(context, first) {
  const face = h('span', { class: 'face', 'aria-hidden': 'true', 'data-hue': hue(first.uuid) });
  const name = h('span', { class: 'person-name', dir: 'auto' });
  const self = h('span', { class: 'tag' }, t('people.you'));
  const role = h('span', { class: 'tag tag-host' }, icon('host'), h('span', {}, t('people.host')));
  const interpreter = h(
    'span',
    { class: 'tag' },
    icon('interpreter'),
    h('span', {}, t('people.interpreter')),
  );
  const wayIcon = icon('phone');
  const wayText = h('span', {});
  const way = h('span', { class: 'person-way' }, wayIcon, wayText);
  const stateText = h('span', { class: 'person-state' });
  const hand = h(
    'span',
    { class: 'sticker sticker-hand' },
    icon('hand'),
    h('span', { class: 'unseen' }, t('people.hand')),
  );
  const micIcon = icon('mic-off');
  const mic = h('span', { class: 'sticker sticker-muted' }, micIcon);
  const muteIcon = icon('mic');
  const muteText = h('span', { class: 'unseen' });
  const mute = h(
    'button',
    {
      type: 'button',
      class: 'button square person-tool',
      onclick: () => context.commands.mute(first.uuid, !muted),
    },
    muteIcon,
    muteText,
  );
  const more = button({
    kind: 'square person-tool',
    drawing: 'more',
    quiet: true,
    text: '',
    'aria-haspopup': 'dialog',
    onclick: () => context.dispatch({ type: 'dialog-opened', dialog: { kind: 'person', uuid: first.uuid } }),
  });
  const element = h(
    'li',
    { class: 'person' },
    face,
    h(
      'div',
      { class: 'person-words' },
      h('p', { class: 'person-line' }, name, self, role, interpreter),
      h('p', { class: 'person-facts' }, way, stateText),
    ),
    h('div', { class: 'person-side' }, hand, mic, mute, more.element),
  );
  let muted = false;
  const update = (one) => {
    muted = one.muted;
    write(face, initials(one.label));
    write(name, one.label || t('people.nameless'));
    show(self, one.self);
    show(role, one.role === 'host');
    show(interpreter, one.interpreter);
    show(way, one.how !== '');
    if (one.how) {
      redraw(wayIcon, WAYS[one.how]);
      write(wayText, t(`way.${one.how}`));
    }
    write(stateText, [stateOf(one), ...shownAs(one)].filter(Boolean).join(' · '));
    mark(element, 'data-speaks', one.speaks);
    mark(element, 'data-hand', one.hand > 0);
    mark(element, 'data-self', one.self);
    show(hand, one.hand > 0);
    const tools = one.manages && !one.self;
    show(mic, one.quiet && !tools);
    show(mute, tools);
    show(more.element, tools);
    if (tools) {
      redraw(muteIcon, one.muted ? 'mic-off' : 'mic');
      mark(mute, 'data-muted', one.muted);
      write(muteText, t(one.muted ? 'host.unmute-one' : 'host.mute-one', { name: one.label }));
      mark(mute, 'title', muteText.textContent);
      write(more.label, t('host.more', { name: one.label }));
    }
  };
  return { element, update };
}

function stateOf(one) {
  if (one.lost) return t('people.lost');
  if (one.held) return t('people.held');
  if (one.presents) return t('people.presents');
  if (one.mutedByHost) return t('people.muted-by-host');
  if (one.quiet) return t('people.muted');
  return one.speaks ? t('people.speaks') : '';
}

/** What is to be known of his picture. */
function shownAs(one) {
  return [one.spotlight && t('people.spotlight'), one.hidden && t('people.hidden')];
}
