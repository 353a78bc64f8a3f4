// The drawings: one file, fetched once and kept in the page, so that no button waits for its picture.

/** Puts the symbols of icons.svg into the page. Without them every button still has its text. */
export async function loadIcons() {
  const answer = await fetch('/static/icons.svg');
  if (!answer.ok) return;
  const drawings = new DOMParser().parseFromString(await answer.text(), 'image/svg+xml').documentElement;
  drawings.setAttribute('class', 'unseen');
  drawings.setAttribute('aria-hidden', 'true');
  document.body.append(document.importNode(drawings, true));
}

/** What a `use` element refers to. */
export function iconAddress(name) {
  return `#icon-${name}`;
}
