// Notices that somebody talks into a microphone that is off. Pure: levels and times in, a verdict out.

const LOUD = 0.45; // of the meter's scale, about -33 dBFS: speech, not breath or typing
const LOUD_S = 0.6; // so long in all, within ...
const WINDOW_S = 1.5;
const STAY_S = 4; // the notice stays so long after the last word

export class TalkDetector {
  constructor() {
    this.loud = []; // times of loud samples within the window
    this.last = -Infinity;
  }

  /** Samples come every `step` seconds; true while the notice is to be shown. */
  push(level, now, step) {
    this.loud = this.loud.filter((time) => now - time < WINDOW_S);
    if (level > LOUD) this.loud.push(now);
    if (this.loud.length * step >= LOUD_S) this.last = now;
    return now - this.last < STAY_S;
  }

  forget() {
    this.loud = [];
    this.last = -Infinity;
  }
}
