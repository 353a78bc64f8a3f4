// Why something ended or was refused, in the page's words (the keys of "ended.*").

const KNOWN = new Set(['kicked', 'declined', 'ended', 'host-absent', 'transferred', 'replaced', 'full']);
/** Ends that are nobody's wish: our seat may still be there. */
const ACCIDENTS = new Set(['shutdown', 'signalling-lost', 'media-lost', 'fault']);

/** The reason of a `disconnect` event; 'accident' if it is worth a try to come back. */
export function reasonOfEnd(body) {
  const code = body ? body.code : '';
  if (ACCIDENTS.has(code)) return 'accident';
  return KNOWN.has(code) ? code : 'disconnected';
}

/** The reason of a refused request for a place. 'pin': the room wants one, or another one. */
export function reasonOfRefusal({ status, result, unreachable }) {
  if (status === 404) return 'unknown-room';
  if (status === 403 && result && result.pin) return 'pin';
  if (status === 403 && result === 'Invalid PIN') return 'pin';
  if (status === 403 && result === 'Participant limit reached') return 'full';
  if (status === 429) return 'too-often';
  if (status === 503) return 'overloaded';
  return unreachable ? 'unreachable' : 'failed';
}
