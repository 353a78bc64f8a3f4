// Words: messages by language, plurals, times. A message file is flat JSON, one line a text.

/** Languages that there are message files for, with the name each calls itself. */
export const LANGUAGES = { nb: 'Norsk bokmål', nn: 'Norsk nynorsk', en: 'English', ar: 'العربية' };

const RIGHT_TO_LEFT = new Set(['ar']);
// Isolates keep a foreign name from turning the sentence around it (Unicode UAX 9, FSI and PDI).
const ISOLATE = '\u2068';
const RELEASE = '\u2069';

let language = 'en';
let messages = {};

/** The best of our languages for what a browser likes, best liked first; English if none fits. */
export function choose(liked) {
  for (const tag of liked) {
    const main = String(tag).toLowerCase().split('-')[0];
    if (main === 'no') return 'nb';
    if (main in LANGUAGES) return main;
  }
  return 'en';
}

/** The text of `key` in a table; `values` fill its {places}; a `count` picks the plural form. */
export function compose(table, tag, key, values = {}) {
  let text = table[key];
  if ('count' in values) {
    const form = new Intl.PluralRules(tag).select(values.count);
    text = table[`${key}.${form}`] ?? table[`${key}.other`];
  }
  if (text === undefined) return key;
  return text.replace(/\{([a-z]+)\}/g, (place, name) => (name in values ? filled(tag, values[name]) : place));
}

function filled(tag, value) {
  if (typeof value === 'number') return new Intl.NumberFormat(tag).format(value);
  return ISOLATE + value + RELEASE;
}

/** Loads a language and makes it that of the page. */
export async function speak(tag) {
  const answer = await fetch(`/static/messages/${tag}.json`);
  if (!answer.ok) throw new Error(`no messages for ${tag}`);
  messages = await answer.json();
  language = tag;
  document.documentElement.lang = tag;
  document.documentElement.dir = RIGHT_TO_LEFT.has(tag) ? 'rtl' : 'ltr';
}

export function spoken() {
  return language;
}

export function t(key, values) {
  return compose(messages, language, key, values);
}

/** Hour and minute of a Unix time [s], by the 24-hour clock that hospitals keep. */
export function clock(seconds) {
  return new Intl.DateTimeFormat(language, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }).format(
    new Date(seconds * 1000),
  );
}

/** Names joined as the language does it. */
export function list(names) {
  return new Intl.ListFormat(language, { type: 'conjunction' }).format(
    names.map((name) => ISOLATE + name + RELEASE),
  );
}
