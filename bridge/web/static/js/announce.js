// What a screen reader says without being asked: one polite and one urgent live region.

import { h, write } from './dom.js';

/** A line stays so long, so that it is read, and can be said again [ms]. */
const STAY_MS = 4000;
/** Speakers change often in a lively talk: one name in so long, at most [ms]. */
const SPEAKER_PAUSE_MS = 5000;

export class Announcer {
  constructor(polite, urgent) {
    this.own = { polite, urgent };
    this.regions = {
      polite: { element: polite, timer: 0, lines: [] },
      urgent: { element: urgent, timer: 0, lines: [] },
    };
    this.speaker = '';
    this.speakerAt = 0;
  }

  /** Speaks from within `place` from now on; null: from the page again. */
  lend(place) {
    const polite = place
      ? h('div', { class: 'unseen', role: 'status', 'aria-live': 'polite' })
      : this.own.polite;
    const urgent = place
      ? h('div', { class: 'unseen', role: 'alert', 'aria-live': 'assertive' })
      : this.own.urgent;
    if (place) place.append(polite, urgent);
    this.regions.polite.element = polite;
    this.regions.urgent.element = urgent;
  }

  say(text, urgent = false) {
    const region = this.regions[urgent ? 'urgent' : 'polite'];
    region.lines = [...region.lines, text].slice(-3); // of a burst, the last ones
    write(region.element, region.lines.join(' '));
    clearTimeout(region.timer);
    region.timer = setTimeout(() => {
      region.lines = [];
      write(region.element, '');
    }, STAY_MS);
  }

  speaks(text) {
    const now = Date.now();
    if (!text || text === this.speaker || now - this.speakerAt < SPEAKER_PAUSE_MS) return;
    this.speaker = text;
    this.speakerAt = now;
    this.say(text);
  }
}
