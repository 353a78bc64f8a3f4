// The page as one value, and every way in which it changes: reduce(state, action) -> state.
// Pure: no clock, no network, no document. Views draw what they find here; js/session.js sends the actions.

/** How many lines of chat are kept; the oldest are dropped. */
const CHAT_LINES = 300;
/** Comings and goings are shown to the eye while so many are in at most; the list shows them in any case. */
const SMALL_ROOM = 20;

/** The page before anything has happened. */
export function initial(room = '', name = '', host = false) {
  return {
    view: 'start', // start, check, pin, joining, waiting, room, ended, unsupported
    form: { room, name, host, problem: '' }, // `host`: has a PIN, which is never in here
    pin: { wrong: 0 },
    microphone: { status: 'idle', on: true, talkingWhileMuted: false }, // idle, asking, ok, or a reason why not
    camera: { status: 'idle', on: true },
    devices: {
      microphones: [],
      cameras: [],
      speakers: [],
      chosen: { microphone: '', camera: '', speaker: '' },
    },
    seat: null, // who we are: {room, roomName, me, role, chat}
    people: {}, // by uuid, those who wait included
    arriving: null, // people of a synchronisation that is still going on
    synchronised: 0, // how many times people have come whole
    speaking: [], // uuids
    pictures: { picture: false, slides: false }, // whether the room's picture and slides of their own come
    slides: { sharing: false, apart: false, presenter: null }, // `presenter`: another one, {uuid, name}
    layout: '', // how the room's picture is arranged, as "1:7"
    mirror: true, // our own picture lies over the room's
    conference: { known: false, locked: false, guestsMuted: false, guestsCanUnmute: false },
    chat: { lines: [], open: false, unread: 0 },
    media: 'idle', // idle, connecting, up, restoring
    events: 'idle', // the same, of the line that events come by
    online: true,
    soundBlocked: false, // the browser waits for a click before it plays
    dialog: null, // {kind, uuid}
    notice: null, // {id, key, values, tone}
    ended: null, // {reason}
  };
}

/** The client API's participant object, as far as the page uses it, in the page's words. */
export function person(object) {
  return {
    uuid: String(object.uuid),
    name: String(object.display_name || ''),
    label: String(object.overlay_text || object.display_name || ''),
    role: object.role === 'chair' ? 'host' : 'guest',
    how: wayOf(object),
    muted: yes(object.is_muted),
    mutedByHost: yes(object.muted_by_host),
    clientMuted: yes(object.is_client_muted),
    hand: Number(object.buzz_time) || 0,
    spotlight: Number(object.spotlight) || 0,
    interpreter: yes(object.is_interpreter),
    hidden: yes(object.is_video_muted), // his picture, by a host or by himself
    hiddenByHost: yes(object.video_muted_by_host),
    presents: yes(object.is_presenting),
    waiting: object.service_type === 'waiting_room',
    since: Number(object.start_time) || 0,
    held: yes(object.is_on_hold),
    lost: yes(object.is_connection_lost),
  };
}

function yes(value) {
  return value === true || value === 'YES';
}

function wayOf(object) {
  switch (object.protocol) {
    case 'api':
    case 'webrtc':
      return 'browser';
    case 'sip':
      return yes(object.is_video_call) ? 'video' : 'phone';
    default:
      return '';
  }
}

/** The state after `action`; the same object if nothing changes. */
export function reduce(state, action) {
  const change = CHANGES[action.type];
  if (!change) throw new Error(`unknown action ${action.type}`);
  return change(state, action);
}

const CHANGES = {
  unsupported: (state, { reason }) => ({ ...state, view: 'unsupported', ended: { reason } }),

  // Before the room
  'form-filled': (state, { form }) => ({ ...state, form: { ...state.form, ...form, problem: '' } }),
  'check-opened': (state) => ({ ...state, view: 'check' }),
  'start-opened': (state) => ({ ...anew(state), ...closed(state) }),
  'join-asked': (state) => ({ ...state, view: 'joining', ended: null }),
  'pin-asked': (state) => ({ ...state, view: 'pin' }),
  'pin-wrong': (state) => ({ ...state, view: 'pin', pin: { wrong: state.pin.wrong + 1 } }),
  'join-failed': (state, { reason }) =>
    reason === 'unknown-room'
      ? { ...state, ...closed(state), view: 'start', seat: null, form: { ...state.form, problem: reason } }
      : over(state, reason),
  joined: (state, { seat, waiting }) => ({
    ...state,
    view: waiting ? 'waiting' : 'room',
    seat,
    ended: null,
    events: 'connecting',
    pin: { wrong: 0 },
  }),
  // The room is another one: nothing of the first may show in it.
  transferred: (state, { room }) => ({
    ...anew(state),
    form: { ...state.form, room },
    microphone: state.microphone,
    camera: state.camera,
    view: 'joining',
  }),

  // Devices
  microphone: (state, { microphone }) => ({ ...state, microphone: { ...state.microphone, ...microphone } }),
  camera: (state, { camera }) => ({ ...state, camera: { ...state.camera, ...camera } }),
  devices: (state, { devices }) => ({ ...state, devices: { ...state.devices, ...devices } }),
  pictures: (state, { pictures }) => ({ ...state, pictures: { ...state.pictures, ...pictures } }),
  slides: (state, { slides }) => ({ ...state, slides: { ...state.slides, ...slides } }),
  presenter: (state, { presenter }) => ({ ...state, slides: { ...state.slides, presenter } }),
  layout: (state, { layout }) => (state.layout === layout ? state : { ...state, layout }),
  mirror: (state, { mirror }) => ({ ...state, mirror }),
  'sound-blocked': (state, { blocked }) => ({ ...state, soundBlocked: blocked }),

  // Lines
  media: (state, { media }) => (state.media === media ? state : { ...state, media }),
  events: (state, { events }) => (state.events === events ? state : { ...state, events }),
  online: (state, { online }) => ({ ...state, online }),

  // The roster
  'sync-begin': (state) => ({ ...state, arriving: {} }),
  'sync-end': (state) =>
    state.arriving
      ? moved({ ...state, people: state.arriving, arriving: null, synchronised: state.synchronised + 1 })
      : state,
  person: (state, { person: one }) =>
    state.arriving
      ? { ...state, arriving: { ...state.arriving, [one.uuid]: one } }
      : moved({ ...state, people: { ...state.people, [one.uuid]: one } }),
  'person-gone': (state, { uuid }) => {
    const { [uuid]: _gone, ...people } = state.people;
    const { [uuid]: _early, ...arriving } = state.arriving || {};
    return {
      ...state,
      people,
      arriving: state.arriving && arriving,
      speaking: state.speaking.filter((one) => one !== uuid),
      dialog: state.dialog && state.dialog.uuid === uuid ? null : state.dialog,
    };
  },
  speaking: (state, { speaking }) =>
    speaking.length === state.speaking.length && speaking.every((uuid, i) => uuid === state.speaking[i])
      ? state
      : { ...state, speaking },
  conference: (state, { conference }) => ({
    ...state,
    conference: { ...state.conference, ...conference, known: true },
  }),

  // Chat
  'message-received': (state, { line }) => ({
    ...state,
    chat: {
      ...state.chat,
      lines: [...state.chat.lines, line].slice(-CHAT_LINES),
      unread: state.chat.open || line.own ? state.chat.unread : state.chat.unread + 1,
    },
  }),
  'chat-opened': (state, { open }) => ({
    ...state,
    chat: { ...state.chat, open, unread: open ? 0 : state.chat.unread },
  }),

  // What lies over the view
  'dialog-opened': (state, { dialog }) => ({ ...state, dialog }),
  'dialog-closed': (state) => (state.dialog ? { ...state, dialog: null } : state),
  noticed: (state, { notice }) => ({ ...state, notice }),
  'notice-gone': (state, { id }) =>
    state.notice && state.notice.id === id ? { ...state, notice: null } : state,

  ended: (state, { reason }) => over(state, reason),
};

function over(state, reason) {
  return {
    ...anew(state),
    ...closed(state),
    view: 'ended',
    ended: { reason },
  };
}

/** The first state again, but for what outlives a conversation: who one is, the devices, the network. */
function anew(state) {
  const { form, devices, online } = state;
  return { ...initial(form.room, form.name, form.host), devices, online };
}

function closed(state) {
  return {
    microphone: { status: 'idle', on: true, talkingWhileMuted: false },
    camera: { ...state.camera, status: 'idle' },
  };
}

/** Our own entry decides whether we wait or are in, and as what. */
function moved(state) {
  const own = state.seat && state.people[state.seat.me];
  if (!own || (state.view !== 'waiting' && state.view !== 'room')) return state;
  const seat = own.role === state.seat.role ? state.seat : { ...state.seat, role: own.role };
  return { ...state, seat, view: own.waiting ? 'waiting' : 'room' };
}

// What views ask

/** Our own entry in the roster, or null. */
export function own(state) {
  return (state.seat && state.people[state.seat.me]) || null;
}

export function isHost(state) {
  return Boolean(state.seat && state.seat.role === 'host');
}

/** People in the room: oneself first, then raised hands in order, then by arrival. */
export function present(state) {
  const me = state.seat ? state.seat.me : '';
  const rank = (one) => (one.uuid === me ? 0 : one.hand ? 1 : 2);
  return Object.values(state.people)
    .filter((one) => !one.waiting)
    .sort(
      (a, b) =>
        rank(a) - rank(b) ||
        (a.hand && b.hand ? a.hand - b.hand : a.since - b.since) ||
        a.uuid.localeCompare(b.uuid),
    );
}

/** Those who knock, the longest waiting first; hosts alone are told of them. */
export function knocking(state) {
  return Object.values(state.people)
    .filter((one) => one.waiting && !(state.seat && one.uuid === state.seat.me))
    .sort((a, b) => a.since - b.since || a.uuid.localeCompare(b.uuid));
}

/** Why nobody hears us, or '': 'host' (muted by a host), 'self', 'device'. */
export function silence(state) {
  const me = own(state);
  if (me && me.muted) return 'host';
  if (state.microphone.status !== 'ok') return 'device';
  return state.microphone.on ? '' : 'self';
}

/** May we lift ourselves what keeps the bridge from hearing us? */
export function mayUnmute(state) {
  const me = own(state);
  return isHost(state) || state.conference.guestsCanUnmute || !(me && me.mutedByHost);
}

/** The state of our lines in one word: 'up', 'connecting', 'restoring' or 'offline'. */
export function line(state) {
  if (!state.online) return 'offline';
  if (state.media === 'restoring' || state.events === 'restoring') return 'restoring';
  if (state.media === 'connecting' || state.events === 'connecting') return 'connecting';
  return 'up';
}

/** What is to be told between two states: a list of {key, values, urgent, shown}; `shown`: to the eye as well. */
export function tidings(before, after) {
  const said = [];
  const say = (key, values = {}, urgent = false, shown = false) => said.push({ key, values, urgent, shown });
  if (line(before) !== line(after) && after.seat && before.seat) sayLine(say, line(before), line(after));
  if (!after.seat || after.view !== 'room' || before.view !== 'room') return said;
  if (before.synchronised > 0) sayPeople(say, before, after);
  if (before.conference.known && before.conference.locked !== after.conference.locked) {
    say(after.conference.locked ? 'said.locked' : 'said.unlocked');
  }
  if (before.seat.role !== after.seat.role) say(`said.role.${after.seat.role}`, {}, true, true);
  const [was, is] = [own(before), own(after)];
  if (was && is && was.hiddenByHost !== is.hiddenByHost)
    say(is.hiddenByHost ? 'said.hidden-by-host' : 'said.shown-by-host', {}, true, true);
  if (was && is && was.muted !== is.muted)
    say(is.muted ? 'said.muted-by-host' : 'said.unmuted-by-host', {}, true);
  return said;
}

function sayLine(say, before, after) {
  if (after === 'offline' || after === 'restoring') say(`line.${after}`, {}, true);
  else if (after === 'up' && before !== 'connecting') say('said.line-up');
}

function sayPeople(say, before, after) {
  const me = after.seat.me;
  const small = present(after).length <= SMALL_ROOM;
  for (const one of Object.values(after.people)) {
    const known = before.people[one.uuid];
    const name = one.label;
    if (one.uuid === me) continue;
    if (one.waiting) {
      if (!known) say('said.knocks', { name }, true);
    } else if (!known || known.waiting) {
      say('said.joined', { name }, false, small);
    } else if (one.hand && !known.hand) {
      say('said.hand', { name });
    }
  }
  for (const one of Object.values(before.people)) {
    if (one.uuid !== me && !after.people[one.uuid]) {
      say(one.waiting ? 'said.knock-over' : 'said.left', { name: one.label }, false, small);
    }
  }
}
