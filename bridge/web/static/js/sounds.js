// Sounds that the page makes itself, what the room sends, and how loud the microphone is. One audio context for all.

const FLOOR_DB = -60; // the foot of the level meter
const NOTES = { check: [523.25, 659.25, 783.99], knock: [392, 392], message: [880] }; // [Hz]

export class Sounds {
  constructor(player, effects) {
    this.player = player; // <audio> for the room
    this.effects = effects; // <audio> for the page's own sounds, so that they come from the chosen speaker too
    this.context = null;
    this.output = null;
    this.meter = null;
    this.silent = null;
  }

  /** To be called from a click: browsers let sound begin only then. */
  wake() {
    this.prepare();
    if (this.context.state === 'suspended') this.context.resume().catch(() => {});
    if (this.effects.paused) this.effects.play().catch(() => {});
  }

  /** A click came: what had to wait for one goes on. */
  rouse() {
    if (this.context && this.context.state === 'suspended') this.wake();
  }

  /** Plays the room. False if the browser wants a click first. */
  async play(stream) {
    if (this.player.srcObject !== stream) this.player.srcObject = stream;
    try {
      await this.player.play();
      return true;
    } catch (error) {
      return error.name !== 'NotAllowedError';
    }
  }

  stop() {
    this.player.pause();
    this.player.srcObject = null;
  }

  async choose(speaker) {
    for (const element of [this.player, this.effects]) {
      if (element.setSinkId) await element.setSinkId(speaker).catch(() => {});
    }
  }

  get canChoose() {
    return typeof this.player.setSinkId === 'function';
  }

  /** 'check': three rising notes; 'knock': two soft knocks; 'message': one. Gives their length [s]. */
  sound(name) {
    this.wake();
    const start = this.context.currentTime + 0.05;
    const knock = name === 'knock';
    const step = knock ? 0.2 : 0.4;
    NOTES[name].forEach((note, i) => this.note(note, start + i * step, knock ? 0.18 : 0.6));
    return NOTES[name].length * step + 0.3;
  }

  note(hertz, start, length) {
    const tone = this.context.createOscillator();
    const gain = this.context.createGain();
    tone.type = 'sine';
    tone.frequency.value = hertz;
    gain.gain.setValueAtTime(0, start);
    gain.gain.linearRampToValueAtTime(0.25, start + 0.02);
    gain.gain.exponentialRampToValueAtTime(0.0005, start + length);
    tone.connect(gain).connect(this.output);
    tone.start(start);
    tone.stop(start + length);
  }

  /** Measures `stream` from now on, also while its track is disabled. */
  listen(stream) {
    this.deafen();
    if (!stream) return;
    this.prepare();
    const copy = stream.clone();
    for (const track of copy.getTracks()) track.enabled = true;
    const analyser = this.context.createAnalyser();
    analyser.fftSize = 1024;
    const source = this.context.createMediaStreamSource(copy);
    source.connect(analyser);
    this.meter = { copy, source, analyser, samples: new Float32Array(analyser.fftSize) };
  }

  deafen() {
    if (!this.meter) return;
    this.meter.source.disconnect();
    for (const track of this.meter.copy.getTracks()) track.stop();
    this.meter = null;
  }

  /** How loud the microphone is just now, 0 (-60 dBFS and below) to 1 (full scale). */
  level() {
    if (!this.meter) return 0;
    const { analyser, samples } = this.meter;
    analyser.getFloatTimeDomainData(samples);
    let power = 0;
    for (const sample of samples) power += sample * sample;
    const decibel = 10 * Math.log10(power / samples.length + 1e-12);
    return Math.min(1, Math.max(0, 1 - decibel / FLOOR_DB));
  }

  /** A track that carries silence, for those who have no microphone to give. */
  silence() {
    this.prepare();
    if (!this.silent) {
      // Without a source nothing at all is sent, and the bridge would take us for lost.
      const nothing = new ConstantSourceNode(this.context, { offset: 0 });
      this.silent = this.context.createMediaStreamDestination();
      nothing.connect(this.silent);
      nothing.start();
    }
    return this.silent.stream.getAudioTracks()[0];
  }

  prepare() {
    if (this.context) return;
    this.context = new AudioContext();
    this.output = this.context.createMediaStreamDestination();
    this.effects.srcObject = this.output.stream;
    this.effects.play().catch(() => {});
  }
}
