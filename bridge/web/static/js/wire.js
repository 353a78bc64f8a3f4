// The client API's answers and events in the page's words. Participants are read by person() in state.js.

/** The servers that a peer connection may use, out of the answer to request_token. */
export function serversOf(result) {
  const stun = (result.stun || []).map((one) => ({ urls: one.url }));
  return [...stun, ...(result.turn || [])];
}

/** Who we are in the room, out of the same answer. */
export function seatOf(room, result) {
  return {
    room,
    roomName: result.conference_name || '',
    me: result.participant_uuid,
    role: result.role === 'HOST' ? 'host' : 'guest',
    chat: result.chat_enabled === true,
  };
}

/** What a conference_update changes. */
export function conferenceOf(body) {
  const changes = {};
  if ('locked' in body) changes.locked = body.locked === true;
  if ('guests_muted' in body) changes.guestsMuted = body.guests_muted === true;
  if ('guests_can_unmute' in body) changes.guestsCanUnmute = body.guests_can_unmute === true;
  return changes;
}

/** How hosts want their picture arranged, "" = it is not known: what is seen is another one where an interpreter needs it. */
export function layoutOf(body) {
  const wanted = body && body.requested_layout && body.requested_layout.primary_screen;
  return String((wanted && wanted.chair_layout) || (body && body.view) || '');
}

/** Who shows slides, or null: the events are "start" with him, and "stop" with nothing. */
export function presenterOf(body) {
  const uuid = String((body && (body.presenter_uuid || body.presenter_uri)) || '');
  return uuid ? { uuid, name: String(body.presenter_name || '') } : null;
}

/** The places in a drawing of a layout: [{x, y, width, height}], of 1280x720. */
export function placesOf(svg) {
  const numbers = /<rect x="(\d+)" y="(\d+)" width="(\d+)" height="(\d+)"/g;
  return [...String(svg).matchAll(numbers)].map(([, ...found]) => {
    const [x, y, width, height] = found.map(Number);
    return { x, y, width, height };
  });
}

/** Who talks, the newest first. */
export function speakersOf(body) {
  return body.filter((one) => one.vad > 0).map((one) => String(one.participant_uuid));
}

/** A line of the chat; `id` is ours, `at` in Unix seconds. */
export function lineOf(body, me, id, at) {
  return { id, at, from: String(body.origin || ''), text: String(body.payload || ''), own: body.uuid === me };
}
