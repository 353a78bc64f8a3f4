// The first page: room number, name, and the PIN for who is the host.

import { button, h, icon, show } from '../dom.js';
import { t } from '../i18n.js';
import { field } from './parts.js';

export function startView(context, state) {
  const { form } = state;
  const room = field({
    label: t('start.room'),
    value: form.room,
    name: 'room',
    inputmode: 'text',
    autocomplete: 'off',
    autocapitalize: 'off',
    spellcheck: 'false',
    maxlength: '64',
    required: true,
    enterkeyhint: 'next',
    dir: 'ltr',
  });
  const name = field({
    label: t('start.name'),
    hint: t('start.name-hint'),
    value: form.name,
    name: 'name',
    autocomplete: 'name',
    maxlength: '64',
    required: true,
    enterkeyhint: 'next',
    dir: 'auto',
  });
  const pin = pinField(t('start.pin'));
  const host = h('input', {
    type: 'checkbox',
    id: 'host',
    class: 'checkbox',
    onchange: () => {
      show(pin.element, host.checked);
      if (host.checked) pin.input.focus();
    },
  });
  host.checked = form.host;
  show(pin.element, form.host);
  const go = button({ kind: 'primary wide', drawing: 'forward', text: t('start.continue'), type: 'submit' });
  const heading = h('h1', { class: 'title' }, t('start.title'));
  const element = h(
    'div',
    { class: 'entry' },
    h(
      'section',
      { class: 'welcome', 'aria-labelledby': 'welcome' },
      h('h2', { id: 'welcome', class: 'welcome-title' }, t('welcome.title')),
      h(
        'ul',
        { class: 'welcome-list' },
        promise('shield', t('welcome.encrypted')),
        promise('door', t('welcome.door')),
        promise('people', t('welcome.nothing')),
      ),
    ),
    h(
      'section',
      { class: 'card entry-card', 'aria-label': t('start.title') },
      heading,
      h(
        'form',
        {
          class: 'stack',
          novalidate: true,
          onsubmit: (event) => {
            event.preventDefault();
            submit();
          },
        },
        room.element,
        name.element,
        h('div', { class: 'check-line' }, host, h('label', { for: 'host' }, t('start.host'))),
        pin.element,
        go.element,
      ),
    ),
  );

  function submit() {
    const number = room.input.value.replace(/\s+/g, ''); // "12 34 56" is how numbers are written
    const called = name.input.value.trim();
    const digits = host.checked ? pin.input.value.trim().replace(/#$/, '') : '';
    room.complain(number ? '' : t('start.room-missing'));
    name.complain(called ? '' : t('start.name-missing'));
    pin.complain(host.checked && !isPin(digits) ? t('start.pin-missing') : '');
    const wrong = [room, name, pin].find((one) => one.input.hasAttribute('aria-invalid'));
    if (wrong) return wrong.input.focus();
    context.preparation.check({ room: number, name: called, host: host.checked, pin: digits });
  }

  let shown = '';
  const update = ({ form: now }) => {
    if (now.problem === shown) return;
    shown = now.problem;
    room.complain(now.problem ? t(`start.${now.problem}`) : '');
    if (now.problem) setTimeout(() => room.input.focus());
  };
  return { element, heading, update };
}

/** Digits that the screen does not show; password stores are asked to leave them alone. */
export function pinField(label, hint = '') {
  return field({
    label,
    hint,
    type: 'password',
    inputmode: 'numeric',
    autocomplete: 'off',
    name: 'room-code',
    maxlength: '21',
    enterkeyhint: 'go',
    dir: 'ltr',
    'data-1p-ignore': true,
    'data-lpignore': 'true',
  });
}

export function isPin(text) {
  return /^[0-9]{4,20}$/.test(text);
}

function promise(drawing, text) {
  return h('li', { class: 'welcome-item' }, icon(drawing), h('span', {}, text));
}
