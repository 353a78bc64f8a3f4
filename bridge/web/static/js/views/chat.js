// Lines that people in the room write to each other, where the room has it.

import { button, h, icon, keyed, show, write } from '../dom.js';
import { clock, t } from '../i18n.js';

export function chatPanel(context) {
  const rows = h('ol', { class: 'chat-lines', tabindex: '0', 'aria-label': t('chat.lines') });
  const kept = new Map();
  const empty = h('div', { class: 'chat-empty' }, icon('chat'), h('p', {}, t('chat.empty')));
  const input = h('input', {
    class: 'input',
    id: 'chat-text',
    maxlength: '2000',
    autocomplete: 'off',
    enterkeyhint: 'send',
    dir: 'auto',
  });
  const send = button({
    kind: 'primary square',
    drawing: 'send',
    text: t('chat.send'),
    quiet: true,
    type: 'submit',
  });
  const close = button({
    kind: 'quiet square',
    drawing: 'cross',
    text: t('chat.close'),
    quiet: true,
    onclick: () => context.dispatch({ type: 'chat-opened', open: false }),
  });
  const element = h(
    'aside',
    { class: 'chat', 'aria-labelledby': 'chat-heading' },
    h(
      'div',
      { class: 'section-head' },
      h('h2', { id: 'chat-heading', class: 'section-title' }, t('chat.title')),
      close.element,
    ),
    rows,
    empty,
    h(
      'form',
      {
        class: 'chat-form',
        onsubmit: async (event) => {
          event.preventDefault();
          const text = input.value.trim();
          if (text && (await context.commands.say(text))) input.value = '';
        },
      },
      h('label', { class: 'unseen', for: 'chat-text' }, t('chat.text')),
      input,
      send.element,
    ),
  );
  let open = false;
  let count = 0;
  const update = ({ chat, seat }) => {
    show(element, chat.open && Boolean(seat && seat.chat));
    show(rows, chat.lines.length > 0);
    show(empty, chat.lines.length === 0);
    keyed(rows, kept, chat.lines, (line) => line.id, chatLine);
    if (chat.lines.length !== count || chat.open !== open) rows.scrollTop = rows.scrollHeight;
    if (chat.open && !open) input.focus();
    count = chat.lines.length;
    open = chat.open;
  };
  return { element, update };
}

function chatLine(line) {
  const from = h('span', { class: 'chat-from', dir: 'auto' });
  const at = h('time', { class: 'chat-time' });
  const text = h('p', { class: 'chat-text', dir: 'auto' });
  const element = h(
    'li',
    { class: line.own ? 'chat-line own' : 'chat-line' },
    h('p', { class: 'chat-head' }, from, at),
    text,
  );
  const update = (now) => {
    write(from, now.own ? t('people.you-name') : now.from);
    write(at, clock(now.at));
    write(text, now.text);
  };
  return { element, update };
}
