// What the browser keeps for us. The seat (token and resume secret) lives as long as the tab; the PIN is never kept.

function read(store, key) {
  try {
    return JSON.parse(store().getItem(key));
  } catch {
    return null; // no storage allowed, or somebody else's value
  }
}

function write(store, key, value) {
  try {
    if (value === null) store().removeItem(key);
    else store().setItem(key, JSON.stringify(value));
  } catch {
    // Without storage the page works; a reload then begins anew.
  }
}

const tab = () => window.sessionStorage;
const browser = () => window.localStorage;

/** {room, name, resume, muted}: enough to come back to our seat after a reload. */
export const readSeat = () => read(tab, 'samrom.seat');
export const keepSeat = (seat) => write(tab, 'samrom.seat', seat);

/** {language, theme, microphone, camera, speaker}: choices of this browser, nothing about a person. */
export const readChoices = () => read(browser, 'samrom.choices') || {};
export const keepChoices = (choices) => write(browser, 'samrom.choices', { ...readChoices(), ...choices });
