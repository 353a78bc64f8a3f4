// The page's state machine and its words, without a browser. Run by tests/web/test_static.py.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';

const STATIC = new URL('../../bridge/web/static/', import.meta.url);
const state = await load('js/state.js');
const words = await load('js/i18n.js');
const reasons = await load('js/reasons.js');
const wire = await load('js/wire.js');
const { TalkDetector } = await load('js/talking.js');

/** The package has no package.json, so node would take ".js" for a script: it is given the text as a module. */
async function load(path) {
  const text = readFileSync(new URL(path, STATIC), 'utf8');
  return import(`data:text/javascript;base64,${Buffer.from(text).toString('base64')}`);
}

const SEAT = { room: '1001', roomName: 'Open room', me: 'me', role: 'host', chat: true };
const someone = (uuid, more = {}) =>
  state.person({
    uuid,
    display_name: uuid,
    role: 'guest',
    protocol: 'webrtc',
    service_type: 'conference',
    is_muted: 'NO',
    buzz_time: 0,
    start_time: 1,
    ...more,
  });
const run = (from, ...actions) => actions.reduce((now, action) => state.reduce(now, action), from);
const inside = (...people) =>
  run(
    state.initial('1001', 'Me'),
    { type: 'joined', seat: SEAT, waiting: false },
    { type: 'sync-begin' },
    ...[someone('me', { role: 'chair' }), ...people].map((person) => ({ type: 'person', person })),
    { type: 'sync-end' },
  );
const names = (list) => list.map((one) => one.uuid);

test('nothing of the room is in the state of one who waits, and being let in changes the view', () => {
  const waiting = run(
    state.initial('1004', 'Me'),
    { type: 'joined', seat: { ...SEAT, role: 'guest' }, waiting: true },
    { type: 'person', person: someone('me', { service_type: 'waiting_room' }) },
  );
  assert.equal(waiting.view, 'waiting');
  assert.deepEqual(state.present(waiting), []);
  assert.deepEqual(state.knocking(waiting), []);
  assert.equal(run(waiting, { type: 'person', person: someone('me') }).view, 'room');
});

test('a synchronisation replaces the list at its end, not before', () => {
  const before = inside(someone('a'), someone('b'));
  const midway = run(before, { type: 'sync-begin' }, { type: 'person', person: someone('me') });
  assert.deepEqual(names(state.present(midway)), ['me', 'a', 'b']);
  const after = run(midway, { type: 'person', person: someone('b') }, { type: 'sync-end' });
  assert.deepEqual(names(state.present(after)), ['me', 'b']);
});

test('one self comes first, then raised hands in their order, then the others as they came', () => {
  const now = inside(
    someone('late', { start_time: 9 }),
    someone('early', { start_time: 2 }),
    someone('second', { buzz_time: 20 }),
    someone('first', { buzz_time: 10 }),
  );
  assert.deepEqual(names(state.present(now)), ['me', 'first', 'second', 'early', 'late']);
});

test('knocks are told urgently, comings and goings politely, oneself and a first list not at all', () => {
  const before = inside(someone('a'));
  const knock = run(before, { type: 'person', person: someone('k', { service_type: 'waiting_room' }) });
  assert.deepEqual(state.tidings(before, knock), [
    { key: 'said.knocks', values: { name: 'k' }, urgent: true, shown: false },
  ]);
  const admitted = run(knock, { type: 'person', person: someone('k') });
  assert.deepEqual(state.tidings(knock, admitted), [
    { key: 'said.joined', values: { name: 'k' }, urgent: false, shown: true },
  ]);
  const gone = run(admitted, { type: 'person-gone', uuid: 'k' });
  assert.deepEqual(state.tidings(admitted, gone), [
    { key: 'said.left', values: { name: 'k' }, urgent: false, shown: true },
  ]);
  const joined = run(state.initial(), { type: 'joined', seat: SEAT, waiting: false });
  assert.deepEqual(
    state.tidings(joined, inside(someone('a'))).filter(({ key }) => key === 'said.joined'),
    [],
  );
});

test('who is silent knows why, and whether it is his to change', () => {
  const guest = run(
    inside(),
    { type: 'person', person: someone('me', { is_muted: 'YES', muted_by_host: true }) },
    { type: 'microphone', microphone: { status: 'ok' } },
  );
  assert.equal(guest.seat.role, 'guest');
  assert.equal(state.silence(guest), 'host');
  assert.equal(state.mayUnmute(guest), false);
  assert.equal(
    state.mayUnmute(run(guest, { type: 'conference', conference: { guestsCanUnmute: true } })),
    true,
  );
  const free = run(guest, { type: 'person', person: someone('me') });
  assert.equal(state.silence(free), '');
  assert.equal(state.silence(run(free, { type: 'microphone', microphone: { on: false } })), 'self');
  assert.equal(state.silence(run(free, { type: 'microphone', microphone: { status: 'refused' } })), 'device');
});

test('an end empties the state of everybody, and closes the microphone', () => {
  const over = run(
    inside(someone('a')),
    { type: 'microphone', microphone: { status: 'ok' } },
    { type: 'ended', reason: 'kicked' },
  );
  assert.equal(over.view, 'ended');
  assert.deepEqual(over.people, {});
  assert.equal(over.seat, null);
  assert.equal(over.microphone.status, 'idle');
  assert.equal(over.form.room, '1001');
});

test('an unknown room leads back to the first page and its fields', () => {
  const back = run(
    state.initial('9999', 'Me'),
    { type: 'join-asked' },
    { type: 'join-failed', reason: 'unknown-room' },
  );
  assert.deepEqual(
    [back.view, back.form.room, back.form.name, back.form.problem],
    ['start', '9999', 'Me', 'unknown-room'],
  );
});

test('wrong PINs are counted until one is right', () => {
  const twice = run(
    state.initial('1002', 'Me'),
    { type: 'pin-asked' },
    { type: 'pin-wrong' },
    { type: 'pin-wrong' },
  );
  assert.equal(twice.pin.wrong, 2);
  assert.equal(run(twice, { type: 'joined', seat: SEAT, waiting: false }).pin.wrong, 0);
});

test('the line is as good as its worst part, and its return is told once', () => {
  const up = run(inside(), { type: 'media', media: 'up' }, { type: 'events', events: 'up' });
  assert.equal(state.line(up), 'up');
  const lost = run(up, { type: 'events', events: 'restoring' });
  assert.equal(state.line(lost), 'restoring');
  assert.equal(state.line(run(lost, { type: 'online', online: false })), 'offline');
  assert.deepEqual(
    state.tidings(lost, up).map(({ key }) => key),
    ['said.line-up'],
  );
});

test('chat keeps the last lines and counts the unread ones', () => {
  let now = inside();
  for (let i = 0; i < 400; i++) now = run(now, { type: 'message-received', line: { id: i, own: false } });
  assert.equal(now.chat.lines.length, 300);
  assert.equal(now.chat.lines[0].id, 100);
  assert.equal(now.chat.unread, 400);
  assert.equal(run(now, { type: 'chat-opened', open: true }).chat.unread, 0);
});

test('how somebody comes is told by protocol and picture', () => {
  const way = (more) => someone('x', more).how;
  assert.equal(way({ protocol: 'webrtc' }), 'browser');
  assert.equal(way({ protocol: 'sip', is_video_call: 'NO' }), 'phone');
  assert.equal(way({ protocol: 'sip', is_video_call: 'YES' }), 'video');
  assert.equal(way({ protocol: '' }), '');
});

test('a browser gets the language it likes best, else English', () => {
  assert.equal(words.choose(['sv', 'nn-NO', 'nb']), 'nn');
  assert.equal(words.choose(['no']), 'nb');
  assert.equal(words.choose(['ar-EG']), 'ar');
  assert.equal(words.choose(['de', 'fi']), 'en');
});

test('numbers pick their plural form, and names cannot turn a sentence around', () => {
  const table = { 'n.one': '{count} person', 'n.other': '{count} people', hi: 'Hi {name}, {unknown}' };
  assert.equal(words.compose(table, 'en', 'n', { count: 1 }), '1 person');
  assert.equal(words.compose(table, 'en', 'n', { count: 5 }), '5 people');
  assert.equal(words.compose(table, 'en', 'hi', { name: '{count}' }), 'Hi \u2068{count}\u2069, {unknown}');
  assert.equal(words.compose(table, 'en', 'not-there'), 'not-there');
});

test('refusals and ends have their words', () => {
  const refusal = (status, result) => reasons.reasonOfRefusal({ status, result, unreachable: status === 0 });
  assert.equal(refusal(403, { pin: 'required', guest_pin: 'none' }), 'pin');
  assert.equal(refusal(403, 'Invalid PIN'), 'pin');
  assert.equal(refusal(403, 'Participant limit reached'), 'full');
  assert.equal(refusal(404, 'x'), 'unknown-room');
  assert.equal(refusal(429, 'x'), 'too-often');
  assert.equal(refusal(0, null), 'unreachable');
  assert.equal(reasons.reasonOfEnd({ code: 'kicked' }), 'kicked');
  assert.equal(reasons.reasonOfEnd({ code: 'media-lost' }), 'accident');
  assert.equal(reasons.reasonOfEnd(null), 'disconnected');
});

test('speech into a closed microphone is noticed, a cough is not', () => {
  const detector = new TalkDetector();
  assert.equal(detector.push(0.9, 0, 0.1), false);
  assert.equal(detector.push(0.1, 0.1, 0.1), false);
  let noticed = false;
  for (let i = 2; i < 12; i++) noticed = detector.push(0.8, i / 10, 0.1);
  assert.equal(noticed, true);
  assert.equal(detector.push(0, 6, 0.1), false);
});

test('whatever ends a conversation is told in words', () => {
  const english = JSON.parse(readFileSync(new URL('messages/en.json', STATIC), 'utf8'));
  const codes = [
    'kicked',
    'declined',
    'ended',
    'host-absent',
    'transferred',
    'replaced',
    'full',
    'never heard of',
  ];
  const refusals = [
    [403, 'Participant limit reached'],
    [403, 'x'],
    [429, 'x'],
    [500, 'x'],
    [503, 'x'],
    [504, 'x'],
    [0, null],
  ];
  const reached = [
    ...codes.map((code) => reasons.reasonOfEnd({ code })),
    ...refusals.map(([status, result]) =>
      reasons.reasonOfRefusal({ status, result, unreachable: [0, 502, 503, 504].includes(status) }),
    ),
    'left',
    'lost',
    'no-media',
  ];
  const told = new Set(
    Object.keys(english)
      .filter((key) => /^ended\..*\.text$/.test(key))
      .map((key) => key.split('.')[1]),
  );
  assert.deepEqual(new Set(reached), told);
  for (const reason of told) assert.ok(english[`ended.${reason}`], reason);
});

test('who shows slides is known as long as he does, and a hidden picture is told to him whose it is', () => {
  const shown = run(inside(someone('a')), { type: 'presenter', presenter: { uuid: 'a', name: 'a' } });
  assert.equal(shown.slides.presenter.name, 'a');
  assert.equal(run(shown, { type: 'presenter', presenter: null }).slides.presenter, null);
  const me = (more) => ({ type: 'person', person: someone('me', { role: 'chair', ...more }) });
  const said = state.tidings(shown, run(shown, me({ video_muted_by_host: true, is_video_muted: 'YES' })));
  assert.deepEqual(said.map((one) => one.key), ['said.hidden-by-host']);
});

test('nothing that was seen of a room is left when one is out of it', () => {
  const seen = run(
    inside(someone('a')),
    { type: 'pictures', pictures: { picture: true } },
    { type: 'slides', slides: { apart: true } },
    { type: 'layout', layout: '4:0' },
    { type: 'ended', reason: 'left' },
  );
  assert.deepEqual(seen.pictures, { picture: false, slides: false });
  assert.deepEqual([seen.slides.apart, seen.layout], [false, '']);
});

test('places are read from a drawing, whatever else is in it', () => {
  const svg = '<svg viewBox="0 0 1 1"><rect x="4" y="8" width="632" height="352" rx="4"/><script/></svg>';
  assert.deepEqual(wire.placesOf(svg), [{ x: 4, y: 8, width: 632, height: 352 }]);
  assert.deepEqual(wire.placesOf(undefined), []);
});

test('what is marked in the picker is what was chosen, not what an interpreter makes of it', () => {
  const screen = { primary_screen: { chair_layout: '1:7', guest_layout: '4:0' } };
  assert.equal(wire.layoutOf({ view: '2:21', requested_layout: screen }), '1:7');
  assert.equal(wire.layoutOf({ view: '9:0' }), '9:0');
  assert.equal(wire.layoutOf(null), '');
});

test('who shows slides is told by the start, and nobody does after the stop', () => {
  assert.deepEqual(wire.presenterOf({ presenter_uuid: 'a', presenter_name: 'A' }), { uuid: 'a', name: 'A' });
  assert.equal(wire.presenterOf(null), null);
});

test('slides of a call that is over are not shown in the next one', async () => {
  const text = readFileSync(new URL('js/pictures.js', STATIC), 'utf8').replace(/^import .*$/gm, '');
  const { Pictures } = await import(`data:text/javascript;base64,${Buffer.from(text).toString('base64')}`);
  const told = [];
  const pictures = new Pictures({ dispatch: (event) => told.push(event) });
  pictures.slides = {};
  pictures.ended();
  assert.equal(pictures.slides, null);
  assert.deepEqual(told, [{ type: 'pictures', pictures: { slides: false } }]);
});
