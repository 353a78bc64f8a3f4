// One call: a peer connection with the bridge, its offers and answers, and how it is mended.

/** Waits before ICE is restarted on a connection that only stutters [ms]. */
const PATIENCE_MS = 2000;
/** How long a restart may take before a new call is made [ms]. */
const MENDING_MS = 6000;
/** The camera's picture goes in three sizes, so that a small place in the room costs nobody a large picture. */
const LAYERS = [
  { rid: 'l', scaleResolutionDownBy: 4, maxBitrate: 150000 },
  { rid: 'm', scaleResolutionDownBy: 2, maxBitrate: 500000 },
  { rid: 'h', scaleResolutionDownBy: 1, maxBitrate: 1500000 },
];

/**
 * `onmedia(state)`: 'up', 'restoring' or 'broken' (a new call is needed). `ontrack(kind, track)`: what the room sends,
 * 'sound', 'picture' or 'slides'.
 */
export class Call {
  constructor({ api, me, servers, onmedia, ontrack }) {
    this.api = api;
    this.me = me;
    this.servers = servers;
    this.onmedia = onmedia;
    this.ontrack = ontrack;
    this.peer = null;
    this.sound = null; // transceivers
    this.picture = null;
    this.slides = null;
    this.id = '';
    this.timer = 0;
    this.mending = false;
    this.turn = Promise.resolve(); // offers go one after the other
  }

  /**
   * Offers `sound`, a track, and `camera`, a track or null; `slides`: {track, wanted} of slides, see `present`.
   * Returns when the bridge's answer is set. Throws Refusal if there is none.
   */
  async open({ sound, camera, slides }) {
    const peer = new RTCPeerConnection({ iceServers: this.servers, bundlePolicy: 'max-bundle' });
    this.peer = peer;
    peer.addEventListener('track', ({ track, transceiver }) => this.ontrack(this.kindOf(transceiver), track));
    peer.addEventListener('connectionstatechange', () => this.changed(peer));
    peer.addEventListener('iceconnectionstatechange', () => this.changed(peer));
    this.sound = peer.addTransceiver(sound, {
      direction: 'sendrecv',
      streams: [new MediaStream([sound])],
    });
    this.picture = peer.addTransceiver(camera || 'video', {
      direction: camera ? 'sendrecv' : 'recvonly',
      sendEncodings: LAYERS,
      streams: camera ? [new MediaStream([camera])] : [],
    });
    if (slides.track || slides.wanted) this.addSlides(slides);
    await peer.setLocalDescription(await peer.createOffer());
    // The bridge learns our addresses from our checks (it is ICE-lite), so the offer need not wait for candidates.
    const answer = await this.api.call(this.me, this.offer());
    if (this.peer !== peer) return;
    this.id = answer.call_uuid;
    await peer.setRemoteDescription({ type: 'answer', sdp: answer.sdp });
    await this.api.ack(this.me, this.id);
    this.await(peer, MENDING_MS * 2);
  }

  /** Sends another sound from now on, without a new offer. */
  async replace(track) {
    if (this.sound) await this.sound.sender.replaceTrack(track);
  }

  /** Sends `camera` from now on; null: none. */
  async film(camera) {
    if (!this.picture) return;
    await this.picture.sender.replaceTrack(camera);
    if (camera && this.picture.direction === 'recvonly') {
      this.picture.direction = 'sendrecv';
      await this.renegotiate();
    }
  }

  /** Slides apart from the room's picture: `track` is what we show (null: nothing), `wanted`: we get what others show. */
  async present({ track, wanted }) {
    if (!this.peer) return;
    if (this.slides) {
      await this.slides.sender.replaceTrack(track);
      this.slides.direction = direction(track, wanted);
    } else {
      this.addSlides({ track, wanted });
    }
    await this.renegotiate();
  }

  addSlides({ track, wanted }) {
    this.slides = this.peer.addTransceiver(track || 'video', { direction: direction(track, wanted) });
  }

  kindOf(transceiver) {
    if (transceiver === this.sound) return 'sound';
    return transceiver === this.slides ? 'slides' : 'picture';
  }

  /** Finds a new way through the network for the same call; says 'broken' if that fails. */
  async mend() {
    const peer = this.peer;
    if (!peer || this.mending || !this.id) return;
    this.mending = true;
    this.onmedia('restoring');
    try {
      await this.exchange({ iceRestart: true });
      if (this.peer === peer) this.await(peer, MENDING_MS);
    } catch {
      if (this.peer === peer) this.onmedia('broken');
    } finally {
      this.mending = false;
    }
  }

  /** Tells the bridge what we want to send and get by now. A call for which that fails is of no use any more. */
  async renegotiate() {
    const peer = this.peer;
    try {
      await this.exchange({});
    } catch {
      if (this.peer === peer) this.onmedia('broken');
    }
  }

  exchange(options) {
    const done = this.turn.then(() => this.reoffer(options));
    this.turn = done.catch(() => {});
    return done;
  }

  async reoffer(options) {
    const peer = this.peer;
    if (!peer) return;
    await peer.setLocalDescription(await peer.createOffer(options));
    const answer = await this.api.update(this.me, this.id, this.offer());
    if (this.peer !== peer) return;
    await peer.setRemoteDescription({ type: 'answer', sdp: sdpOf(answer) });
  }

  /** Our description, as the bridge gets it: browsers have no word of their own for slides (RFC 4796). */
  offer() {
    const sdp = this.peer.localDescription.sdp;
    if (!this.slides) return sdp;
    const mine = `a=mid:${this.slides.mid}\r\n`;
    return sdp
      .split(/^(?=m=)/m)
      .map((section) => (section.includes(mine) ? `${section}a=content:slides\r\n` : section))
      .join('');
  }

  close() {
    clearTimeout(this.timer);
    const peer = this.peer;
    this.peer = null;
    this.sound = this.picture = this.slides = null;
    if (peer) peer.close();
  }

  changed(peer) {
    if (this.peer !== peer) return;
    const state = peer.connectionState;
    if (state === 'connected' && peer.iceConnectionState !== 'disconnected') {
      clearTimeout(this.timer);
      this.onmedia('up');
    } else if (state === 'failed' || state === 'closed') {
      clearTimeout(this.timer);
      this.mend();
    } else if (state === 'disconnected' || peer.iceConnectionState === 'disconnected') {
      this.onmedia('restoring');
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.peer === peer && this.mend(), PATIENCE_MS);
    }
  }

  /** Expects the connection to stand within `patience` [ms]. */
  await(peer, patience) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      if (this.peer !== peer) return;
      if (peer.connectionState === 'connected' && peer.iceConnectionState !== 'disconnected')
        this.onmedia('up');
      else this.onmedia('broken');
    }, patience);
  }
}

function direction(track, wanted) {
  if (track) return wanted ? 'sendrecv' : 'sendonly';
  return wanted ? 'recvonly' : 'inactive';
}

function sdpOf(answer) {
  return typeof answer === 'string' ? answer : answer.sdp;
}
