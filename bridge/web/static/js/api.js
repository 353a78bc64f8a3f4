// The client API, one method a request. Its names are those of the wire; js/session.js knows what they mean.

/** A request that did not succeed. `status` 0: the bridge was not reached. */
export class Refusal extends Error {
  constructor(status, result, retryAfter = 0) {
    super(`refused with ${status}`);
    this.status = status;
    this.result = result;
    this.retryAfter = retryAfter; // [s]
  }

  get unreachable() {
    return this.status === 0 || this.status === 502 || this.status === 503 || this.status === 504;
  }
}

/** A verdict on a PIN is told late on purpose, so the first request may take its time [ms]. */
const DEADLINE_MS = 15000;

/** Requests for one room. The token is in memory only. */
export class Api {
  constructor(room) {
    this.base = `/api/client/v2/conferences/${encodeURIComponent(room)}/`;
    this.token = '';
    this.deadline = DEADLINE_MS; // of the requests to come [ms]
    this.running = new AbortController();
  }

  /** Gives up what is under way: the network is another one now, and old connections answer no more. */
  abandon() {
    this.running.abort();
    this.running = new AbortController();
  }

  requestToken(body) {
    return this.send('request_token', body);
  }

  async refresh() {
    const result = await this.send('refresh_token', {});
    this.token = result.token;
    return result;
  }

  /** Leaves; goes through even while the page is being closed. */
  release() {
    return this.send('release_token', {}, { keepalive: true });
  }

  eventsTicket() {
    return this.send('events_ticket', {});
  }

  /** `last`: id of the last event that was seen; what came after it is told first. */
  eventsAddress(ticket, last) {
    const query = new URLSearchParams(last ? { ticket, last_event_id: last } : { ticket });
    return `${this.base}events?${query}`;
  }

  invitation() {
    return this.send('invitation', null);
  }

  /** Drawings of the layouts there are: {name: SVG}. */
  layouts() {
    return this.send('layout_svgs', null);
  }

  /** A command to the room: lock, unlock, muteguests, unmuteguests, disconnect, clearallbuzz ... */
  room(command, body = {}) {
    return this.send(command, body);
  }

  /** A command about one person: unlock (admit), disconnect, mute, unmute, buzz, clearbuzz, role ... */
  person(uuid, command, body = {}) {
    return this.send(`participants/${encodeURIComponent(uuid)}/${command}`, body);
  }

  call(uuid, sdp) {
    return this.person(uuid, 'calls', { call_type: 'WEBRTC', sdp, media_type: 'video' });
  }

  ack(uuid, call) {
    return this.person(uuid, `calls/${encodeURIComponent(call)}/ack`);
  }

  update(uuid, call, sdp) {
    return this.person(uuid, `calls/${encodeURIComponent(call)}/update`, { sdp });
  }

  /** GET if `body` is null, else POST. Gives the answer's `result`; throws Refusal. */
  async send(path, body, options = {}) {
    const headers = { accept: 'application/json' };
    if (this.token) headers.token = this.token;
    if (body !== null) headers['content-type'] = 'application/json';
    let answer;
    try {
      answer = await fetch(this.base + path, {
        method: body === null ? 'GET' : 'POST',
        headers,
        body: body === null ? undefined : JSON.stringify(body),
        credentials: 'same-origin',
        cache: 'no-store',
        signal: AbortSignal.any([this.running.signal, AbortSignal.timeout(this.deadline)]),
        ...options,
      });
    } catch {
      throw new Refusal(0, null);
    }
    const content = await answer.json().catch(() => null);
    if (!answer.ok) throw new Refusal(answer.status, content && content.result, seconds(answer));
    return content ? content.result : null;
  }
}

function seconds(answer) {
  const said = Number(answer.headers.get('retry-after'));
  return Number.isFinite(said) && said > 0 ? said : 0;
}
