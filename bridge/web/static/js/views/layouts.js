// How the room's picture is arranged: one drawing a layout, and the one in use.

import { drawing, h, mark } from '../dom.js';
import { t } from '../i18n.js';
import { placesOf } from '../wire.js';

export function layoutDialog(context, state, close) {
  const element = h('div', { class: 'layouts', role: 'group' }, h('p', { class: 'field-hint' }, t('joining.text')));
  let now = state;
  let choices = [];
  context.commands.layouts().then((found) => {
    if (!found) return close();
    choices = Object.entries(found).map(([name, svg]) => choice(context, close, name, placesOf(svg)));
    element.replaceChildren(...choices.map((one) => one.element));
    update(now);
  });
  const update = (next) => {
    now = next;
    for (const one of choices) mark(one.element, 'aria-pressed', String(one.name === now.layout));
  };
  return { element, update, title: t('stage.layout') };
}

function choice(context, close, name, places) {
  const onclick = async () => {
    close();
    await context.commands.arrange(name);
  };
  const element = h(
    'button',
    { type: 'button', class: 'layout', onclick },
    drawing(places),
    h('span', {}, called(name)),
  );
  return { element, name };
}

/** "1:7" in words. */
function called(name) {
  const [large, small] = name.split(':').map(Number);
  if (small) return t('layout.large', { large, small });
  return large === 1 ? t('layout.single') : t('layout.equal', { large });
}
