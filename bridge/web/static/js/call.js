// One call: a peer connection with the bridge, its offer and answer, and how it is mended.

/** Waits before ICE is restarted on a connection that only stutters [ms]. */
const PATIENCE_MS = 2000;
/** How long a restart may take before a new call is made [ms]. */
const MENDING_MS = 6000;

/** `onmedia(state)`: 'up', 'restoring' or 'broken' (a new call is needed); `onstream(stream)`: what to play. */
export class Call {
  constructor({ api, me, servers, onmedia, onstream }) {
    this.api = api;
    this.me = me;
    this.servers = servers;
    this.onmedia = onmedia;
    this.onstream = onstream;
    this.peer = null;
    this.sender = null;
    this.id = '';
    this.timer = 0;
    this.mending = false;
  }

  /** Offers `track`; returns when the bridge's answer is set. Throws Refusal if there is none. */
  async open(track) {
    const peer = new RTCPeerConnection({ iceServers: this.servers, bundlePolicy: 'max-bundle' });
    this.peer = peer;
    peer.addEventListener('track', (event) =>
      this.onstream(event.streams[0] || new MediaStream([event.track])),
    );
    peer.addEventListener('connectionstatechange', () => this.changed(peer));
    peer.addEventListener('iceconnectionstatechange', () => this.changed(peer));
    this.sender = peer.addTransceiver(track, {
      direction: 'sendrecv',
      streams: [new MediaStream([track])],
    }).sender;
    await peer.setLocalDescription(await peer.createOffer());
    // The bridge learns our addresses from our checks (it is ICE-lite), so the offer need not wait for candidates.
    const answer = await this.api.call(this.me, peer.localDescription.sdp);
    if (this.peer !== peer) return;
    this.id = answer.call_uuid;
    await peer.setRemoteDescription({ type: 'answer', sdp: answer.sdp });
    await this.api.ack(this.me, this.id);
    this.await(peer, MENDING_MS * 2);
  }

  /** Sends another track from now on, without a new offer. */
  async replace(track) {
    if (this.sender) await this.sender.replaceTrack(track);
  }

  /** Finds a new way through the network for the same call; says 'broken' if that fails. */
  async mend() {
    const peer = this.peer;
    if (!peer || this.mending || !this.id) return;
    this.mending = true;
    this.onmedia('restoring');
    try {
      const offer = await peer.createOffer({ iceRestart: true });
      await peer.setLocalDescription(offer);
      const answer = await this.api.update(this.me, this.id, peer.localDescription.sdp);
      if (this.peer !== peer) return;
      await peer.setRemoteDescription({ type: 'answer', sdp: sdpOf(answer) });
      this.await(peer, MENDING_MS);
    } catch {
      if (this.peer === peer) this.onmedia('broken');
    } finally {
      this.mending = false;
    }
  }

  close() {
    clearTimeout(this.timer);
    const peer = this.peer;
    this.peer = null;
    this.sender = null;
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

function sdpOf(answer) {
  return typeof answer === 'string' ? answer : answer.sdp;
}
