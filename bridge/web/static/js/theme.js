// Light, dark, or as the system has it.

import { keepChoices, readChoices } from './storage.js';

const ORDER = ['auto', 'light', 'dark'];

export function theme() {
  const kept = readChoices().theme;
  return ORDER.includes(kept) ? kept : 'auto';
}

export function nextTheme() {
  const next = ORDER[(ORDER.indexOf(theme()) + 1) % ORDER.length];
  keepChoices({ theme: next });
  if (next === 'auto') document.documentElement.removeAttribute('data-theme');
  else document.documentElement.setAttribute('data-theme', next);
  return next;
}
