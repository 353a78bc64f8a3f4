// The top of every view: whose page it is, the language, light or dark.

import { h, icon, mark, redraw, write } from '../dom.js';
import { LANGUAGES, t } from '../i18n.js';
import { nextTheme, theme } from '../theme.js';

const DRAWINGS = { auto: 'theme', light: 'sun', dark: 'moon' };

export function header(context, spoken) {
  const languages = h(
    'select',
    {
      class: 'input quiet',
      id: 'language',
      onchange: async () => {
        await context.change(languages.value);
        document.getElementById('language').focus();
      },
    },
    ...Object.entries(LANGUAGES).map(([tag, name]) =>
      h('option', { value: tag, lang: tag, selected: tag === spoken }, name),
    ),
  );
  const drawing = icon(DRAWINGS[theme()]);
  const label = h('span', { class: 'unseen' }, t(`theme.${theme()}`));
  const light = h(
    'button',
    {
      type: 'button',
      class: 'button quiet square',
      onclick: () => {
        const now = nextTheme();
        redraw(drawing, DRAWINGS[now]);
        write(label, t(`theme.${now}`));
        mark(light, 'title', t(`theme.${now}`));
        context.announcer.say(t(`theme.${now}`));
      },
      title: t(`theme.${theme()}`),
    },
    drawing,
    label,
  );
  const element = h(
    'div',
    { class: 'header-row' },
    h('a', { class: 'skip', href: '#main' }, t('header.skip')),
    h('p', { class: 'brand' }, icon('logo'), h('span', { class: 'brand-name' }, 'Samrom')),
    h(
      'div',
      { class: 'header-tools' },
      h(
        'div',
        { class: 'select language' },
        icon('globe'),
        h('label', { class: 'unseen', for: 'language' }, t('header.language')),
        languages,
        icon('down'),
      ),
      light,
    ),
  );
  return { element, update: () => {} };
}
