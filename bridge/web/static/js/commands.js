// What people do in the room: one method a wish. A refusal becomes a line on screen.

import { Refusal } from './api.js';

export class Commands {
  /** `session`: whose api and seat they use; `notify(key, values, tone)` shows a line. */
  constructor(session, notify) {
    this.session = session;
    this.notify = notify;
  }

  /** Sends a command. True if it was done. */
  async act(command) {
    const { api, me } = this.session;
    if (!api) return false; // gone while the button was pressed
    try {
      const done = await command(api, me);
      if (done === false) this.notify('notice.refused', {}, 'problem');
      return done !== false;
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.notify(error.unreachable ? 'notice.unreachable' : 'notice.refused', {}, 'problem');
      return false;
    }
  }

  // For oneself

  raiseHand(up) {
    return this.act((api, me) => api.person(me, up ? 'buzz' : 'clearbuzz'));
  }

  /** Lifts what keeps the bridge from hearing us; our own switch is the session's. */
  unmuteSelf() {
    return this.act((api, me) => api.person(me, 'unmute'));
  }

  say(text) {
    return this.act((api) => api.room('message', { type: 'text/plain', payload: text }));
  }

  // For hosts, about one

  admit(uuid) {
    return this.act((api) => api.person(uuid, 'unlock'));
  }

  /** Removes one who is in; declines one who knocks. */
  remove(uuid) {
    return this.act((api) => api.person(uuid, 'disconnect'));
  }

  mute(uuid, on) {
    return this.act((api) => api.person(uuid, on ? 'mute' : 'unmute'));
  }

  lowerHand(uuid) {
    return this.act((api) => api.person(uuid, 'clearbuzz'));
  }

  makeHost(uuid) {
    return this.act((api) => api.person(uuid, 'role', { role: 'chair' }));
  }

  /** A place in everybody's picture, whoever speaks. */
  spotlight(uuid, on) {
    return this.act((api) => api.person(uuid, on ? 'spotlighton' : 'spotlightoff'));
  }

  /** A place that nobody's voice takes away. */
  interpreter(uuid, on) {
    return this.act((api) => api.person(uuid, on ? 'interpreteron' : 'interpreteroff'));
  }

  hidePicture(uuid, on) {
    return this.act((api) => api.person(uuid, on ? 'video_muted' : 'video_unmuted'));
  }

  // For hosts, about all

  arrange(layout) {
    return this.act((api) => api.room('transform_layout', { transforms: { layout } }));
  }

  lock(on) {
    return this.act((api) => api.room(on ? 'lock' : 'unlock'));
  }

  muteGuests(on) {
    return this.act((api) => api.room(on ? 'muteguests' : 'unmuteguests'));
  }

  endForAll() {
    return this.act((api) => api.room('disconnect'));
  }

  /** {name: SVG} of the layouts to choose from; null if the bridge does not say. */
  async layouts() {
    let found = null;
    await this.act(async (api) => (found = await api.layouts()));
    return found;
  }

  /** {number, sip, link} for those who are to come; null if the bridge does not say. */
  async invitation() {
    let found = null;
    await this.act(async (api) => (found = await api.invitation()));
    return found;
  }
}
