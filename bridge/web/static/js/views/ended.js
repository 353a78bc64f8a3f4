// How a conversation ended, or why it did not begin, and what one can do now.

import { button, h, icon, show } from '../dom.js';
import { t } from '../i18n.js';

/** Ends after which coming in again makes no sense without asking somebody first. */
const FINAL = new Set(['replaced', 'declined', 'kicked', 'no-media']);
const CALM = new Set(['left', 'ended', 'replaced', 'transferred']);

export function endedView(context, state) {
  const { reason } = state.ended;
  const heading = h('h1', { class: 'title' }, t(`ended.${reason}`));
  const again = button({
    kind: 'primary wide',
    drawing: 'again',
    text: reason === 'replaced' ? t('ended.here') : t('ended.again'),
    onclick: () => context.preparation.again(),
  });
  const start = button({
    kind: 'secondary wide',
    text: t('ended.start'),
    onclick: () => context.preparation.backToStart(),
  });
  show(again.element, !FINAL.has(reason) || reason === 'replaced');
  const element = h(
    'div',
    { class: 'entry single' },
    h(
      'section',
      { class: 'card calm', 'aria-label': t(`ended.${reason}`) },
      h(
        'div',
        { class: `sign ${CALM.has(reason) ? 'sign-calm' : 'sign-problem'}` },
        icon(CALM.has(reason) ? 'check' : 'warning'),
      ),
      heading,
      h('p', { class: 'lead' }, t(`ended.${reason}.text`)),
      h('div', { class: 'stack tight narrow' }, again.element, start.element),
    ),
  );
  return { element, heading, update: () => {} };
}

export function unsupportedView(context, state) {
  const { reason } = state.ended;
  const heading = h('h1', { class: 'title' }, t(`unsupported.${reason}`));
  const element = h(
    'div',
    { class: 'entry single' },
    h(
      'section',
      { class: 'card calm', 'aria-label': t(`unsupported.${reason}`) },
      h('div', { class: 'sign sign-problem' }, icon('warning')),
      heading,
      h('p', { class: 'lead' }, t(`unsupported.${reason}.text`)),
    ),
  );
  return { element, heading, update: () => {} };
}
