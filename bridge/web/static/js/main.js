// The composition root: one state, one view at a time, one session.

import { roomOfAddress } from './address.js';
import { Announcer } from './announce.js';
import { Commands } from './commands.js';
import { h, icon } from './dom.js';
import { choose, LANGUAGES, speak, spoken, t } from './i18n.js';
import { loadIcons } from './icons.js';
import { Devices, lacking } from './media.js';
import { Preparation } from './preparation.js';
import { Session } from './session.js';
import { Sounds } from './sounds.js';
import { initial, isHost, knocking, own, present, reduce, silence, tidings } from './state.js';
import { keepChoices, readChoices, readSeat } from './storage.js';
import { TalkDetector } from './talking.js';
import { checkView } from './views/check.js';
import { dialogs } from './views/dialogs.js';
import { endedView, unsupportedView } from './views/ended.js';
import { header } from './views/header.js';
import { joiningView } from './views/joining.js';
import { pinView } from './views/pin.js';
import { roomView } from './views/room.js';
import { startView } from './views/start.js';
import { waitingView } from './views/waiting.js';
import { stayAwake } from './wake.js';

const VIEWS = {
  start: startView,
  check: checkView,
  pin: pinView,
  joining: joiningView,
  waiting: waitingView,
  room: roomView,
  ended: endedView,
  unsupported: unsupportedView,
};
const NOTICE_MS = 6000;
const SAMPLE_S = 0.1;

const at = (id) => document.getElementById(id);
const sounds = new Sounds(at('player'), at('effects'));
const devices = new Devices();
const announcer = new Announcer(at('polite'), at('urgent'));
const detector = new TalkDetector();

let state = initial(roomOfAddress());
let shown = { name: '', view: null };
let top = null;
let over = null;
let notices = 0;

const context = { dispatch, sounds, devices, notify, announcer, change };
context.session = new Session({ dispatch, state: () => state, devices, sounds, notify });
context.commands = new Commands(context.session, notify);
context.preparation = new Preparation({
  dispatch,
  state: () => state,
  devices,
  sounds,
  session: context.session,
});

function dispatch(action) {
  const before = state;
  state = reduce(state, action);
  if (state === before) return;
  for (const { key, values, urgent, shown: visible } of tidings(before, state)) {
    announcer.say(t(key, values), urgent);
    if (visible) put(key, values, 'plain');
  }
  draw();
}

function draw() {
  top.update(state);
  if (shown.name !== state.view) mount();
  shown.view.update(state);
  over.update(state);
  drawNotice();
  document.title = title();
  document.documentElement.dataset.view = state.view;
  stayAwake(state.view === 'room' || state.view === 'waiting');
  announceSpeaker();
}

/** A new view; its heading takes the focus, so that the next thing read is where one is. */
function mount() {
  if (shown.view && shown.view.gone) shown.view.gone();
  const view = VIEWS[state.view](context, state);
  const first = shown.view === null; // whoever opens the page begins at its top
  shown = { name: state.view, view };
  at('main').replaceChildren(view.element);
  window.scrollTo(0, 0);
  if (!first) {
    view.heading.tabIndex = -1;
    view.heading.focus({ preventScroll: true });
  }
}

function title() {
  // Who waits is told nothing of the room, not even its name.
  const place = (state.view === 'room' && state.seat.roomName) || (state.seat && state.seat.room);
  const knocks = isHost(state) ? knocking(state).length : 0;
  const words = [t(`title.${state.view}`), place, 'Samrom'].filter(Boolean).join(' – ');
  return knocks ? `(${knocks}) ${words}` : words;
}

function announceSpeaker() {
  if (state.view !== 'room' || state.speaking.length === 0) return;
  const first = present(state).find((one) => state.speaking.includes(one.uuid));
  if (first && first !== own(state)) announcer.speaks(t('said.speaks', { name: first.label }));
}

// The short line on screen

/** Shows a line for a while, and has it read out. */
function notify(key, values = {}, tone = 'plain') {
  announcer.say(t(key, values));
  put(key, values, tone);
}

function put(key, values, tone) {
  const id = ++notices;
  state = reduce(state, { type: 'noticed', notice: { id, key, values, tone } });
  drawNotice();
  setTimeout(() => dispatch({ type: 'notice-gone', id }), NOTICE_MS);
}

function drawNotice() {
  const place = at('notice');
  const id = state.notice ? String(state.notice.id) : '';
  if (place.dataset.notice === id) return;
  place.dataset.notice = id;
  if (!state.notice) return place.replaceChildren();
  const { key, values, tone } = state.notice;
  const drawing = { plain: 'check', problem: 'warning', chat: 'chat', knock: 'door' }[tone];
  place.replaceChildren(
    h('p', { class: `notice notice-${tone}` }, icon(drawing), h('span', {}, t(key, values))),
  );
}

// Language, and what the browser tells us

/** Speaks another language from now on; the view is made anew, the state stays. */
async function change(tag) {
  await speak(tag);
  keepChoices({ language: tag });
  build();
}

function build() {
  top = header(context, spoken());
  at('header').replaceChildren(top.element);
  over = dialogs(context);
  at('dialogs').replaceChildren(over.element);
  at('notice').dataset.notice = '';
  shown = { name: '', view: shown.view };
  draw();
}

function watchTalking() {
  const open = state.view === 'room' && state.microphone.status === 'ok' && silence(state) !== '';
  if (!open) {
    detector.forget();
    if (state.microphone.talkingWhileMuted)
      dispatch({ type: 'microphone', microphone: { talkingWhileMuted: false } });
    return;
  }
  const talking = detector.push(sounds.level(), performance.now() / 1000, SAMPLE_S);
  if (talking === state.microphone.talkingWhileMuted) return;
  dispatch({ type: 'microphone', microphone: { talkingWhileMuted: talking } });
  if (talking) announcer.say(t('said.talking-while-muted'), true);
}

function listen() {
  window.addEventListener('online', () => {
    dispatch({ type: 'online', online: true });
    context.session.networkChanged();
  });
  window.addEventListener('offline', () => dispatch({ type: 'online', online: false }));
  if (navigator.connection)
    navigator.connection.addEventListener('change', () => context.session.networkChanged());
  navigator.mediaDevices.addEventListener('devicechange', () => context.preparation.devicesChanged());
  // A click anywhere is leave to play.
  document.addEventListener('click', () => {
    sounds.rouse();
    if (state.soundBlocked) context.session.play(at('player').srcObject);
  });
  setInterval(watchTalking, SAMPLE_S * 1000);
}

async function begin() {
  const choices = readChoices();
  const language = choices.language in LANGUAGES ? choices.language : choose(navigator.languages);
  await Promise.all([speak(language), loadIcons()]);
  const reason = lacking();
  if (reason) state = reduce(state, { type: 'unsupported', reason });
  state = reduce(state, { type: 'online', online: navigator.onLine });
  state = reduce(state, { type: 'devices', devices: { chosen: chosenOf(choices) } });
  build();
  if (reason) return;
  listen();
  const seat = readSeat();
  if (seat && seat.resume && (seat.room === state.form.room || !state.form.room))
    await context.preparation.comeBack(seat);
}

function chosenOf({ microphone = '', camera = '', speaker = '' }) {
  return { microphone, camera, speaker };
}

begin().catch((error) => {
  at('before')?.append(h('p', {}, 'Samrom: ', String(error.message)));
  throw error;
});
