// Parts that several views are made of: fields, the level meter, device choices, the tone check.

import { button, h, icon, keyed, mark, show, write } from '../dom.js';
import { t } from '../i18n.js';

let numbers = 0;

/** An id that nothing else on the page has. */
export function unique(name) {
  return `${name}-${++numbers}`;
}

/** A labelled input with room for a hint and for what is wrong with it. */
export function field({ label, hint = '', ...attributes }) {
  const id = unique('field');
  const input = h('input', {
    id,
    class: 'input',
    'aria-describedby': `${id}-hint ${id}-problem`,
    ...attributes,
  });
  const hintLine = h('p', { id: `${id}-hint`, class: 'field-hint' }, hint);
  const problem = h('p', { id: `${id}-problem`, class: 'field-problem' });
  hintLine.hidden = !hint;
  problem.hidden = true;
  const element = h(
    'div',
    { class: 'field' },
    h('label', { for: id, class: 'field-label' }, label),
    hintLine,
    input,
    problem,
  );
  const complain = (text) => {
    problem.replaceChildren(...(text ? [icon('warning'), h('span', {}, text)] : []));
    show(problem, Boolean(text));
    mark(input, 'aria-invalid', text ? 'true' : null);
  };
  return { element, input, complain };
}

/** A labelled choice out of {id, label} entries. */
export function choice({ label, drawing, onchange }) {
  const id = unique('choice');
  const select = h('select', { id, class: 'input', onchange: () => onchange(select.value) });
  const element = h(
    'div',
    { class: 'field' },
    h('label', { for: id, class: 'field-label with-icon' }, icon(drawing), h('span', {}, label)),
    h('div', { class: 'select' }, select, icon('down')),
  );
  const options = new Map();
  const update = (entries, chosen) => {
    keyed(
      select,
      options,
      entries,
      (entry) => entry.id,
      (entry) => {
        const option = h('option', { value: entry.id });
        return { element: option, update: (now) => write(option, now.label) };
      },
    );
    const wanted = entries.some((entry) => entry.id === chosen)
      ? chosen
      : entries.length
        ? entries[0].id
        : '';
    if (select.value !== wanted) select.value = wanted;
    select.disabled = entries.length === 0;
  };
  return { element, update };
}

const BARS = 20;
const LEVEL_MS = 60;

/** The microphone's level, as bars that light up. Runs while it is on the page. */
export function meter(context) {
  const bars = Array.from({ length: BARS }, () => h('span', { class: 'meter-bar' }));
  const element = h(
    'div',
    {
      class: 'meter',
      role: 'meter',
      'aria-label': t('meter.label'),
      'aria-valuemin': '0',
      'aria-valuemax': '100',
      'aria-valuenow': '0',
    },
    ...bars,
  );
  let told = 0;
  let lit = -1;
  const timer = setInterval(() => {
    if (!element.isConnected) return;
    const level = context.sounds.level();
    const now = Math.round(level * BARS);
    if (now !== lit)
      bars.forEach((bar, i) => mark(bar, 'data-lit', i < now ? (i > BARS * 0.85 ? 'loud' : 'good') : null));
    lit = now;
    if (Date.now() - told > 1000) {
      told = Date.now();
      mark(element, 'aria-valuenow', Math.round(level * 100));
    }
  }, LEVEL_MS);
  return { element, gone: () => clearInterval(timer) };
}

/** "Test the sound": three notes from the chosen speaker. */
export function toneCheck(context, kind = 'secondary') {
  const { element, label } = button({
    kind,
    drawing: 'speaker',
    text: t('tone.play'),
    onclick: () => {
      const seconds = context.sounds.sound('check');
      write(label, t('tone.playing'));
      setTimeout(() => write(label, t('tone.play')), seconds * 1000);
    },
  });
  return element;
}

/** Microphone, camera and speaker, as far as there is something to choose. */
export function deviceChoices(context) {
  const pick = (kind) => (id) => context.preparation.choose(kind, id);
  const microphone = choice({ label: t('device.microphone'), drawing: 'mic', onchange: pick('microphone') });
  const lens = choice({ label: t('device.camera'), drawing: 'camera', onchange: pick('camera') });
  const speaker = choice({ label: t('device.speaker'), drawing: 'speaker', onchange: pick('speaker') });
  const element = h(
    'div',
    { class: 'stack' },
    microphone.element,
    lens.element,
    speaker.element,
  );
  const update = ({ devices }) => {
    microphone.update(named(devices.microphones, 'microphone'), devices.chosen.microphone);
    lens.update(named(devices.cameras, 'camera'), devices.chosen.camera);
    speaker.update(named(devices.speakers, 'speaker'), devices.chosen.speaker);
    show(microphone.element, devices.microphones.length > 0);
    show(lens.element, devices.cameras.length > 0);
    show(speaker.element, context.sounds.canChoose && devices.speakers.length > 0);
  };
  return { element, update };
}

function named(entries, kind) {
  return entries.map((entry, i) => ({
    id: entry.id,
    label: entry.label || t(`device.${kind}.nth`, { n: i + 1 }),
  }));
}

/** Our own picture, as in a mirror. */
export function mirror(context, kind = '') {
  const element = h('video', {
    class: `mirror ${kind}`.trim(),
    autoplay: true,
    playsinline: true,
    'aria-label': t('check.picture'),
  });
  element.muted = true;
  const update = () => {
    if (element.srcObject !== context.devices.camera) element.srcObject = context.devices.camera;
  };
  return { element, update };
}

/** What is wrong with the microphone, in words, and what to do about it. */
export function microphoneTrouble(context) {
  const heading = h('p', { class: 'trouble-title' });
  const text = h('p', { class: 'trouble-text' });
  const again = button({
    kind: 'small',
    drawing: 'again',
    text: t('trouble.again'),
    onclick: () => context.preparation.openMicrophone(),
  }).element;
  const element = h(
    'div',
    { class: 'trouble', role: 'alert' },
    icon('warning'),
    h('div', { class: 'trouble-words' }, heading, text, again),
  );
  const update = ({ microphone }) => {
    const wrong = !['idle', 'asking', 'ok'].includes(microphone.status);
    show(element, wrong);
    if (!wrong) return;
    write(heading, t(`microphone.${microphone.status}`));
    write(text, t(`microphone.${microphone.status}.help`));
  };
  return { element, update };
}

/** The first letters of the first and the last name. */
export function initials(name) {
  const words = name.trim().split(/\s+/).filter(Boolean);
  const letters = words.length > 1 ? [words[0], words[words.length - 1]] : words;
  return letters.map((word) => [...word][0].toLocaleUpperCase()).join('') || '?';
}

/** One of six calm hues for a person, always the same one. */
export function hue(uuid) {
  let sum = 0;
  for (const letter of uuid) sum = (sum * 31 + letter.codePointAt(0)) % 6007;
  return sum % 6;
}
