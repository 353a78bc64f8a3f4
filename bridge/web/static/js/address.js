// The page's address: /<number> is the page of a room, so that a link opens it and a reload comes back to it.

/** The number in the address, or ''. */
export function roomOfAddress() {
  const number = window.location.pathname.slice(1);
  return isNumber(number) ? number : '';
}

/** Makes the address that of a room; rooms with other names than numbers have none. */
export function showRoom(room) {
  window.history.replaceState(null, '', isNumber(room) ? `/${room}` : '/');
}

function isNumber(text) {
  return /^[0-9]{1,20}$/.test(text);
}
