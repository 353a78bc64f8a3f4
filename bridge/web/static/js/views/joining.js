// The moment between the wish to come in and the bridge's answer.

import { button, h, show, write } from '../dom.js';
import { t } from '../i18n.js';

export function joiningView(context) {
  const heading = h('h1', { class: 'title' }, t('joining.title'));
  const text = h('p', { class: 'lead' });
  const stop = button({ kind: 'quiet', text: t('joining.stop'), onclick: () => context.session.leave() });
  const element = h(
    'div',
    { class: 'entry single' },
    h(
      'section',
      { class: 'card calm', 'aria-label': t('joining.title') },
      h('div', { class: 'spinner', 'aria-hidden': 'true' }),
      heading,
      text,
      stop.element,
    ),
  );
  const update = (state) => {
    write(text, state.online ? t('joining.text') : t('line.offline'));
    show(stop.element, true);
  };
  return { element, heading, update };
}
