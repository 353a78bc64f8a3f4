// Those who wait outside, for hosts: one line each, with admit and decline.

import { button, h, icon, keyed, redraw, show, write } from '../dom.js';
import { clock, t } from '../i18n.js';
import { isHost, knocking } from '../state.js';

const WAYS = { phone: 'phone', video: 'screen', browser: 'browser' };

export function knocks(context) {
  const title = h('h2', { id: 'knocks-heading', class: 'section-title', tabindex: '-1' });
  const rows = h('ul', { class: 'knocks' });
  const element = h(
    'section',
    { class: 'knock-place', 'aria-labelledby': 'knocks-heading' },
    h('div', { class: 'section-head' }, icon('door'), title),
    rows,
  );
  const kept = new Map();
  const update = (state) => {
    const outside = isHost(state) ? knocking(state) : [];
    const had = rows.contains(document.activeElement);
    write(title, t('knocks.title', { count: outside.length }));
    keyed(
      rows,
      kept,
      outside,
      (one) => one.uuid,
      (one) => knock(context, one),
    );
    show(element, outside.length > 0);
    // The button that was pressed is gone with its line: the next line is where one goes on.
    if (had && !rows.contains(document.activeElement)) next(rows, outside.length);
  };
  return { element, update };
}

function next(rows, left) {
  const target = left ? rows.querySelector('button') : document.getElementById('people-heading');
  if (!left) target.tabIndex = -1;
  target.focus({ preventScroll: true });
}

function knock(context, first) {
  const name = h('span', { class: 'person-name', dir: 'auto' });
  const wayIcon = icon('phone');
  const facts = h('span', {});
  const admit = button({
    kind: 'primary',
    drawing: 'check',
    text: t('knocks.admit'),
    onclick: () => context.commands.admit(first.uuid),
  });
  const decline = button({
    kind: 'secondary',
    drawing: 'cross',
    text: t('knocks.decline'),
    onclick: () => context.commands.remove(first.uuid),
  });
  const element = h(
    'li',
    { class: 'knock' },
    h(
      'div',
      { class: 'person-words' },
      h('p', { class: 'person-line' }, name),
      h('p', { class: 'person-facts' }, wayIcon, facts),
    ),
    h('div', { class: 'row' }, admit.element, decline.element),
  );
  const update = (one) => {
    const called = one.label || t('people.nameless');
    write(name, called);
    admit.element.setAttribute('aria-label', t('knocks.admit-one', { name: called }));
    decline.element.setAttribute('aria-label', t('knocks.decline-one', { name: called }));
    redraw(wayIcon, WAYS[one.how] || 'door');
    const words = [
      one.how ? t(`way.${one.how}`) : '',
      one.since ? t('knocks.since', { time: clock(one.since) }) : '',
    ];
    write(facts, words.filter(Boolean).join(' · '));
  };
  return { element, update };
}
