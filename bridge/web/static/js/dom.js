// Elements. Text goes in as text nodes only: there is no way from here to markup.

import { iconAddress } from './icons.js';

const SVG = 'http://www.w3.org/2000/svg';

/** An element: attributes by name, functions under "onclick" and the like, children as nodes or text. */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, '');
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(
    ...children.filter((child) => child !== null && child !== undefined && child !== false && child !== ''),
  );
  return element;
}

/** A drawing from icons.svg; it says nothing to a screen reader. */
export function icon(name) {
  const drawing = document.createElementNS(SVG, 'svg');
  drawing.setAttribute('class', 'icon');
  drawing.setAttribute('aria-hidden', 'true');
  drawing.setAttribute('focusable', 'false');
  const use = document.createElementNS(SVG, 'use');
  use.setAttribute('href', iconAddress(name));
  drawing.append(use);
  return drawing;
}

/** Boxes at `places` of 1280x720, as a picture that says nothing to a screen reader. */
export function drawing(places) {
  const picture = document.createElementNS(SVG, 'svg');
  picture.setAttribute('class', 'drawing');
  picture.setAttribute('viewBox', '0 0 1280 720');
  picture.setAttribute('aria-hidden', 'true');
  for (const place of places) {
    const box = document.createElementNS(SVG, 'rect');
    for (const [name, value] of Object.entries(place)) box.setAttribute(name, value);
    picture.append(box);
  }
  return picture;
}

/** Another drawing in the same place. */
export function redraw(drawing, name) {
  const use = drawing.firstElementChild;
  mark(use, 'href', iconAddress(name));
}

/** Sets text only if it differs, so that a live region does not repeat itself. */
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function show(element, visible) {
  if (element.hidden === visible) element.hidden = !visible;
}

/** Sets or removes an attribute only if it differs. */
export function mark(element, name, value) {
  if (value === null || value === false) {
    if (element.hasAttribute(name)) element.removeAttribute(name);
  } else if (element.getAttribute(name) !== String(value)) {
    element.setAttribute(name, String(value));
  }
}

/**
 * Makes `parent`'s children those of `items`, in order, and keeps the element of each key: focus stays where it is.
 * `create(item)` gives {element, update(item)}. `kept` is a Map that lives as long as the parent.
 */
export function keyed(parent, kept, items, key, create) {
  const wanted = new Set(items.map(key));
  for (const [name, part] of kept) {
    if (!wanted.has(name)) {
      part.element.remove();
      kept.delete(name);
    }
  }
  items.forEach((item, index) => {
    let part = kept.get(key(item));
    if (!part) {
      part = create(item);
      kept.set(key(item), part);
    }
    part.update(item);
    const there = parent.children[index];
    // Moving an element takes the focus from it, so the others move around the one that has it.
    if (there !== part.element) place(parent, part.element, there || null);
  });
}

function place(parent, element, before) {
  const focused =
    element.isConnected && element.contains(document.activeElement) ? document.activeElement : null;
  parent.insertBefore(element, before);
  if (focused) focused.focus({ preventScroll: true });
}

/** A button with a drawing and a text. `quiet` hides the text from sight, not from the screen reader. */
export function button({ kind = '', drawing = '', text = '', quiet = false, onclick, ...rest }) {
  const label = h('span', { class: quiet ? 'unseen' : 'button-text' }, text);
  const picture = drawing ? icon(drawing) : null;
  const element = h(
    'button',
    { type: 'button', class: `button ${kind}`.trim(), onclick, ...rest },
    picture,
    label,
  );
  return { element, label, picture };
}
