// One person's way into a room and back out: joins the API, the line of events, the call and the state of the page.
// Whatever goes wrong between us and the bridge ends in `restore`, which tries until we sit in our seat again.

import { showRoom } from './address.js';
import { Api, Refusal } from './api.js';
import { Call } from './call.js';
import { Events } from './events.js';
import { Pictures } from './pictures.js';
import { reasonOfEnd, reasonOfRefusal } from './reasons.js';
import { own, person, silence } from './state.js';
import { keepSeat } from './storage.js';
import { conferenceOf, layoutOf, lineOf, presenterOf, seatOf, serversOf, speakersOf } from './wire.js';

/** Waits before attempts to come back, and how long each may take [ms]; the last ones are repeated. */
const PAUSES_MS = [0, 300, 700, 1000];
const DEADLINES_MS = [2500, 2500, 2500, 5000, 10000];
/** A return that held so long is a new beginning for the pauses [ms]. */
const CALM_MS = 10000;
/** How long any other request may take, once we are in [ms]. */
const DEADLINE_MS = 10000;
/** How long we try to come back [ms]; the bridge keeps a seat no longer. */
const GIVE_UP_MS = 300000;
/** Waits before a new call after one that broke [ms]. */
const CALL_AGAIN_MS = [0, 500, 1000, 1500, 2000];

export class Session {
  constructor({ dispatch, state, devices, sounds, notify }) {
    this.dispatch = dispatch;
    this.state = state; // () -> the state now
    this.devices = devices;
    this.sounds = sounds;
    this.notify = notify; // (key, values, tone) -> a short line on screen
    this.pictures = new Pictures({ dispatch, state, devices, session: this, notify });
    this.forget();
  }

  forget() {
    this.api = null;
    this.seat = null; // {room, name, resume}
    this.servers = [];
    this.call = null;
    this.events = null;
    this.refreshing = 0;
    this.restoring = false;
    this.brokenCalls = 0;
    this.calling = false;
    this.hurry = () => {};
    this.attempts = 0;
    this.returned = 0;
    this.lines = 0;
  }

  /** Our own uuid while we are seated, else ''. */
  get me() {
    const { seat } = this.state();
    return seat ? seat.me : '';
  }

  // Coming in

  /** Asks for a place. Without a PIN first; what the room wants is in its answer. */
  async join({ room, name, pin = '' }) {
    this.dispatch({ type: 'join-asked' });
    const api = new Api(room);
    this.api = api;
    try {
      await this.seated(api, room, name, await this.ask(api, name, pin));
    } catch (error) {
      if (this.api === api) this.refused(error, pin !== '');
    }
  }

  async ask(api, name, pin) {
    const body = { display_name: name };
    try {
      return await api.requestToken(pin ? { ...body, pin } : body);
    } catch (error) {
      const wanted = !pin && error instanceof Refusal && error.status === 403 && error.result;
      if (wanted && wanted.pin && wanted.guest_pin === 'none')
        return api.requestToken({ ...body, pin: 'none' });
      throw error;
    }
  }

  refused(error, hadPin) {
    if (!(error instanceof Refusal)) throw error;
    const reason = reasonOfRefusal(error);
    if (reason === 'pin') {
      this.dispatch({ type: hadPin ? 'pin-wrong' : 'pin-asked' });
    } else {
      keepSeat(null);
      this.letGo();
      this.dispatch({ type: 'join-failed', reason });
    }
  }

  /** Back into a seat of before, after a reload of the page. False if it is no longer ours. */
  async resume({ room, name, resume }) {
    this.api = new Api(room);
    this.seat = { room, name, resume };
    this.dispatch({ type: 'join-asked' });
    return this.restore();
  }

  async seated(api, room, name, result) {
    api.token = result.token;
    if (this.api !== api) return api.release().catch(() => {}); // we went while the bridge made up its mind
    if (this.events) this.events.last = ''; // another line begins: everything is told anew
    this.seat = { room, name, resume: result.resume };
    this.servers = serversOf(result);
    this.remember();
    showRoom(room);
    this.dispatch({
      type: 'joined',
      waiting: result.current_service_type === 'waiting_room',
      seat: seatOf(room, result),
    });
    api.deadline = DEADLINE_MS;
    this.refreshLater(result.expires);
    await Promise.all([this.openEvents().catch(() => this.restore()), this.openCall()]);
  }

  /** What a reload needs, and nothing more; it goes when the tab goes. */
  remember() {
    const { microphone, camera, form } = this.state();
    if (this.seat)
      keepSeat({ ...this.seat, host: form.host, muted: !microphone.on, seen: camera.status === 'ok' });
  }

  refreshLater(expires) {
    clearTimeout(this.refreshing);
    const seconds = Number(expires) || 120;
    this.refreshing = setTimeout(() => this.refresh(), seconds * 500);
  }

  async refresh() {
    const api = this.api;
    try {
      const result = await api.refresh();
      if (this.api === api) this.refreshLater(result.expires);
    } catch {
      if (this.api === api) this.restore();
    }
  }

  // The line of events

  async openEvents() {
    const api = this.api;
    const seen = this.events ? this.events.last : '';
    if (this.events) this.events.close();
    const events = new Events({
      onopen: () => this.dispatch({ type: 'events', events: 'up' }),
      onevent: (name, body) => this.happened(name, body),
      onlost: () => this.restore(),
    });
    this.events = events;
    events.last = seen;
    const { ticket } = await api.eventsTicket();
    if (this.events === events) this.events.open(api.eventsAddress(ticket, seen));
  }

  happened(name, body) {
    switch (name) {
      case 'participant_sync_begin':
        return this.dispatch({ type: 'sync-begin' });
      case 'participant_sync_end':
        return this.dispatch({ type: 'sync-end' });
      case 'participant_create':
      case 'participant_update':
        return this.seen(person(body));
      case 'participant_delete':
        return this.dispatch({ type: 'person-gone', uuid: body.uuid });
      case 'conference_update':
        return this.dispatch({ type: 'conference', conference: conferenceOf(body) });
      case 'stage':
        return this.dispatch({ type: 'speaking', speaking: speakersOf(body) });
      case 'layout':
        return this.dispatch({ type: 'layout', layout: layoutOf(body) });
      case 'presentation_start':
      case 'presentation_stop':
        return this.dispatch({ type: 'presenter', presenter: presenterOf(body) });
      case 'message_received':
        return this.received(body);
      case 'call_disconnected':
        return !body || !this.call || body.call_uuid === this.call.id ? this.broken() : undefined;
      case 'refer':
        return this.transferred(body);
      case 'refresh_token':
        return this.refresh();
      case 'notice':
        return this.noticed(body);
      case 'disconnect':
        return this.disconnected(reasonOfEnd(body));
    }
  }

  disconnected(reason) {
    if (reason === 'accident') this.restore();
    else this.over(reason);
  }

  /** Things that happen in the room and are no state of anybody. */
  noticed({ what, again, count, after_s: after, ends_after_s: rest }) {
    if ((what === 'knock' && !again) || what === 'knocks') this.sounds.sound('knock');
    if (what === 'knocks') this.notify('knocks.title', { count }, 'knock');
    if (what === 'ending') this.notify('notice.ending', { count: after }, 'problem');
    if (what === 'ending-cancelled') this.notify('notice.ending-cancelled');
    if (what === 'hosts-gone') this.notify('notice.hosts-gone', { count: Math.round(rest) }, 'problem');
  }

  received(body) {
    const line = lineOf(body, this.me, ++this.lines, Date.now() / 1000);
    this.dispatch({ type: 'message-received', line });
    if (!line.own && !this.state().chat.open) this.notify('notice.message', { name: line.from }, 'chat');
  }

  seen(one) {
    this.dispatch({ type: 'person', person: one });
    if (one.uuid === this.me) this.pictures.presented(one.presents);
  }

  // The call

  /** A call with what we have: our microphone, or silence; our camera, or none. */
  async openCall() {
    if (this.calling || !this.api) return;
    this.calling = true;
    if (this.call) {
      this.call.close();
      this.pictures.ended();
    }
    if (this.state().media !== 'restoring') this.dispatch({ type: 'media', media: 'connecting' });
    const call = new Call({
      api: this.api,
      me: this.me,
      servers: this.servers,
      onmedia: (media) => this.call === call && this.mediaIs(media),
      ontrack: (kind, track) => this.call === call && this.arrived(kind, track),
    });
    this.call = call;
    try {
      await call.open({ sound: this.track(), ...this.pictures.offered });
      this.tellMute();
      if (this.pictures.screen) this.takeFloor(); // it went with the call before this one
    } catch (error) {
      if (this.call !== call) return;
      if (!(error instanceof Refusal)) await this.leave('no-media');
      else if (error.status === 0 || error.status === 403) this.restore();
      else this.broken(); // the bridge is there, its media are not yet
    } finally {
      this.calling = false;
    }
  }

  mediaIs(media) {
    if (media === 'broken') return this.broken();
    if (media === 'up') this.mediaUp();
    this.dispatch({ type: 'media', media });
  }

  /** What cut the sound may have cut the line of events too, and that one would not tell. */
  mediaUp() {
    this.brokenCalls = 0;
    if (this.state().media === 'restoring' && !this.restoring && this.state().events === 'up') {
      this.openEvents().catch(() => this.restore());
    }
  }

  /** The call is past mending: another one, with growing pauses. */
  broken() {
    if (!this.api || this.restoring) return;
    this.dispatch({ type: 'media', media: 'restoring' });
    const wait = last(CALL_AGAIN_MS, this.brokenCalls++);
    const api = this.api;
    setTimeout(() => this.api === api && !this.restoring && this.openCall(), wait);
  }

  track() {
    const track = this.devices.microphoneTrack;
    if (track) track.enabled = this.state().microphone.on;
    return track || this.sounds.silence();
  }

  arrived(kind, track) {
    if (kind === 'sound') this.play(new MediaStream([track]));
    else this.pictures.arrived(kind, track);
  }

  async play(stream) {
    const played = await this.sounds.play(stream);
    this.dispatch({ type: 'sound-blocked', blocked: !played });
  }

  /** The microphone was changed or came back: the call goes on with the new one. */
  async microphoneChanged() {
    if (this.call) await this.call.replace(this.track());
  }

  /** The network changed under us: do not wait until we notice by silence. */
  networkChanged() {
    if (!this.api) return;
    this.api.abandon();
    this.hurry();
    if (this.restoring || !this.state().seat) return;
    if (this.call) this.call.mend();
    this.openEvents().catch(() => this.restore());
  }

  // Coming back

  /** Works until we are in our seat again, or know that we have none. True if we are back. */
  async restore() {
    if (this.restoring || !this.api) return false;
    this.restoring = true;
    const api = this.api;
    clearTimeout(this.refreshing);
    if (this.events) this.events.close();
    this.dispatch({ type: 'events', events: 'restoring' });
    const began = Date.now();
    if (began - this.returned > CALM_MS) this.attempts = 0;
    while (this.api === api) {
      await this.pause(last(PAUSES_MS, this.attempts));
      if (this.api !== api) break;
      api.deadline = last(DEADLINES_MS, this.attempts++);
      try {
        await this.comeBack();
        this.returned = Date.now();
        return true;
      } catch (error) {
        if (this.api !== api) break;
        this.restoring = true;
        if (!(error instanceof Refusal)) throw error;
        if (!error.unreachable && error.status !== 429) {
          this.over(reasonOfRefusal(error) === 'full' ? 'full' : 'lost');
          return false;
        }
        if (Date.now() - began > GIVE_UP_MS) {
          this.over('lost');
          return false;
        }
      }
    }
    return false;
  }

  /** Resolves after `ms`, or at once when `hurry` is called. */
  pause(ms) {
    return new Promise((resolve) => {
      this.hurry = resolve;
      setTimeout(resolve, ms);
    });
  }

  async comeBack() {
    const { api } = this;
    if (await this.stillKnown(api)) {
      this.restoring = false;
      await this.openEvents();
      api.deadline = DEADLINE_MS;
      if (this.state().media !== 'up') this.openCall();
      return;
    }
    const { room, name, resume } = this.seat;
    const result = await api.requestToken({ display_name: name, resume });
    this.restoring = false;
    if (this.state().seat) this.dispatch({ type: 'media', media: 'restoring' });
    await this.seated(api, room, name, result);
  }

  /** Does the bridge still take our token? Throws if it cannot be reached. */
  async stillKnown(api) {
    if (!api.token) return false;
    try {
      const result = await api.refresh();
      this.refreshLater(result.expires);
      return true;
    } catch (error) {
      if (error instanceof Refusal && error.unreachable) throw error;
      api.token = '';
      return false;
    }
  }

  /** A host sent us to another room; the token that came along opens it. */
  async transferred(body) {
    const name = this.seat.name;
    const room = String(body.alias || '');
    this.hangUp();
    this.dispatch({ type: 'transferred', room });
    const api = new Api(room);
    this.api = api;
    try {
      await this.seated(api, room, name, await api.requestToken({ display_name: name, token: body.token }));
    } catch (error) {
      if (this.api === api) this.refused(error, false);
    }
  }

  // Going

  /** We go of our own: at once for us, and the bridge is told. */
  async leave(reason = 'left') {
    const api = this.api;
    this.over(reason);
    if (api) await api.release().catch(() => {});
  }

  over(reason) {
    this.hangUp();
    keepSeat(null);
    this.letGo();
    this.dispatch({ type: 'ended', reason });
  }

  /** The microphone is closed as soon as there is nobody to hear it. */
  letGo() {
    this.sounds.deafen();
    this.devices.closeMicrophone();
    this.devices.closeCamera();
  }

  hangUp() {
    clearTimeout(this.refreshing);
    if (this.events) this.events.close();
    if (this.call) this.call.close();
    this.sounds.stop();
    this.pictures.stop();
    this.forget();
  }

  // Our own switch

  /** The track goes silent here, before anything leaves this computer. */
  setMicrophone(on) {
    const track = this.devices.microphoneTrack;
    if (track) track.enabled = on;
    this.dispatch({ type: 'microphone', microphone: { on, talkingWhileMuted: false } });
    this.remember();
    this.tellMute();
  }

  tellMute() {
    const state = this.state();
    if (!state.seat) return;
    const quiet = silence(state) === 'self' || silence(state) === 'device';
    const entry = own(state);
    if (entry && entry.clientMuted === quiet) return;
    this.api.person(state.seat.me, quiet ? 'client_mute' : 'client_unmute').catch(() => {});
  }

  // Our own picture, and slides

  /** Others are to know a camera that is off from one that has failed. */
  tellCamera(on) {
    if (this.api && this.me) this.api.person(this.me, on ? 'video_unmuted' : 'video_muted').catch(() => {});
    this.remember();
  }

  /** True if the room shows our slides. */
  async takeFloor() {
    try {
      return (await this.api.person(this.me, 'take_floor')) !== false;
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.notify('slides.refused', {}, 'problem');
      return false;
    }
  }

  releaseFloor() {
    if (this.api && this.me) this.api.person(this.me, 'release_floor').catch(() => {});
  }
}

/** The entry at `index`, or the last one. */
function last(list, index) {
  return list[Math.min(index, list.length - 1)];
}
