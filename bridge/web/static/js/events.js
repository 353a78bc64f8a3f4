// The line by which the bridge tells us what happens: server-sent events, opened with a ticket instead of the token.

const NAMES = [
  'participant_sync_begin',
  'participant_sync_end',
  'participant_create',
  'participant_update',
  'participant_delete',
  'conference_update',
  'stage',
  'layout',
  'presentation_start',
  'presentation_stop',
  'message_received',
  'refer',
  'disconnect',
  'call_disconnected',
  'refresh_token',
  'notice',
];

/** One line. It does not mend itself: `onlost` says once that it is gone, and a new one is to be opened. */
export class Events {
  constructor({ onopen, onevent, onlost }) {
    this.onopen = onopen;
    this.onevent = onevent;
    this.onlost = onlost;
    this.source = null;
    this.last = ''; // id of the last event, to go on from there
  }

  open(address) {
    this.close();
    const source = new EventSource(address);
    this.source = source;
    source.onopen = () => this.source === source && this.onopen();
    source.onerror = () => {
      if (this.source !== source) return;
      this.close();
      this.onlost();
    };
    for (const name of NAMES) {
      source.addEventListener(name, (event) => {
        if (this.source !== source) return;
        this.last = event.lastEventId || this.last;
        this.onevent(name, parse(event.data));
      });
    }
  }

  close() {
    if (this.source) this.source.close();
    this.source = null;
  }
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null; // events without data
  }
}
