// The room asks for a PIN that was not given, or the one that was given is not right.

import { button, h, show } from '../dom.js';
import { t } from '../i18n.js';
import { isPin, pinField } from './start.js';

export function pinView(context, state) {
  const { pin, form } = state;
  const code = pinField(t('start.pin'), pin.wrong ? '' : t('pin.hint'));
  const heading = h('h1', { class: 'title' }, pin.wrong ? t('pin.wrong-title') : t('pin.title'));
  const go = button({ kind: 'primary wide', drawing: 'forward', text: t('check.join'), type: 'submit' });
  const guest = button({
    kind: 'secondary wide',
    text: t('pin.as-guest'),
    onclick: () => context.preparation.join(''),
  });
  const back = button({
    kind: 'quiet wide',
    text: t('check.back'),
    onclick: () => context.preparation.backToStart(),
  });
  show(guest.element, pin.wrong > 0 && form.host);
  const element = h(
    'div',
    { class: 'entry single' },
    h(
      'section',
      { class: 'card entry-card', 'aria-label': heading.textContent },
      heading,
      h('p', { class: 'lead' }, pin.wrong ? t('pin.wrong', { count: pin.wrong }) : t('pin.text')),
      h(
        'form',
        {
          class: 'stack',
          novalidate: true,
          onsubmit: (event) => {
            event.preventDefault();
            const digits = code.input.value.trim().replace(/#$/, '');
            code.complain(isPin(digits) ? '' : t('start.pin-missing'));
            if (!isPin(digits)) return code.input.focus();
            code.input.value = '';
            context.preparation.join(digits);
          },
        },
        code.element,
        go.element,
      ),
      guest.element,
      back.element,
    ),
  );
  return { element, heading, update: () => {} };
}
