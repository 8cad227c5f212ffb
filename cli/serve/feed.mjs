// What goes on in the pool, for those who watch: its figures and its events, as server-sent events.

import { HTTPError } from './failures.mjs';

/** How often those who watch are told what has changed. */
const TICK_MS = 500;
/** How long a connection may be silent: proxies close those that are. */
const HEARTBEAT_MS = 15_000;
/** As many of the last events are told to whoever begins to watch; of one tick as many at most. */
const KEPT = 200;
const TENANTS = 200;
const VIEWERS = 50;
const LONGEST_TEXT = 1024;

/** The pool's events that are told. */
const EVENTS = [
  'lease',
  'release',
  'reject',
  'standby',
  'evict',
  'retire',
  'migrate',
  'expand',
  'contract',
  'browser',
];

/** As JSON, in which there is neither `Infinity` nor an error. */
export const asJSON = (value) =>
  JSON.stringify(value, (_, each) => {
    if (each === Infinity) return '+Inf';
    if (each instanceof Error) return { code: each.code, message: each.message };
    return typeof each === 'string' && each.length > LONGEST_TEXT ? `${each.slice(0, LONGEST_TEXT)}…` : each;
  });

const message = (event, json) => `event: ${event}\ndata: ${json}\n\n`;

/** The tenants with most to do first; of very many the rest is only counted. */
function tenantsOf(pool) {
  const { affinities } = pool.getQueueDepthSnapshot();
  const order = (a, b) =>
    b.pendingTotal + b.admission.pending - a.pendingTotal - a.admission.pending ||
    (a.affinityKey < b.affinityKey ? -1 : 1);
  const sorted = [...affinities].sort(order);
  return { tenants: sorted.slice(0, TENANTS), moreTenants: Math.max(0, sorted.length - TENANTS) };
}

/** One pool's feed; it looks at nothing while nobody watches. */
export class Feed {
  #pool;
  #version;
  #startedAt = Date.now();
  #viewers = new Set();
  #kept = [];
  #fresh = [];
  #missed = 0;
  #timer;
  #told = '';
  #silentTicks = 0;

  constructor(pool, { version }) {
    this.#pool = pool;
    this.#version = version;
    for (const name of EVENTS) pool.on(name, (what) => this.#happened(name, what));
  }

  #happened(type, what) {
    const event = { at: Date.now(), type, ...what };
    this.#kept.push(event);
    if (this.#kept.length > KEPT) this.#kept.shift();
    if (this.#viewers.size === 0) return;
    this.#fresh.push(event);
    if (this.#fresh.length <= KEPT) return;
    this.#fresh.shift();
    this.#missed += 1;
  }

  #figures() {
    return asJSON({
      version: this.#version,
      startedAt: this.#startedAt,
      stats: this.#pool.stats(),
      ...tenantsOf(this.#pool),
    });
  }

  #tick() {
    const figures = this.#figures();
    let told = '';
    if (figures !== this.#told) told += message('stats', figures);
    if (this.#fresh.length > 0) {
      told += message('events', asJSON({ events: this.#fresh, missed: this.#missed }));
      this.#fresh = [];
      this.#missed = 0;
    }
    this.#silentTicks += 1;
    if (told === '' && this.#silentTicks * TICK_MS < HEARTBEAT_MS) return;
    this.#told = figures;
    this.#silentTicks = 0;
    for (const viewer of this.#viewers) {
      // Who does not read is told less, and of the figures the newest once it reads again.
      if (viewer.response.writableNeedDrain) viewer.isBehind = true;
      else viewer.response.write(viewer.isBehind ? message('stats', figures) + told : told || ': \n\n');
      if (!viewer.response.writableNeedDrain) viewer.isBehind = false;
    }
  }

  /** Whether somebody else may watch; throws an HTTPError where there are too many. */
  admit() {
    if (this.#viewers.size < VIEWERS) return;
    const headers = { 'retry-after': '10' };
    throw new HTTPError(503, 'TOO_MANY_VIEWERS', `${VIEWERS} connections watch already`, { headers });
  }

  /** Tells one more, until its connection is closed. */
  open(response) {
    const viewer = { response, isBehind: false };
    response.writeHead(200, {
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    });
    response.write(`retry: 1000\n\n${message('stats', this.#figures())}`);
    response.write(message('events', asJSON({ events: this.#kept, missed: 0 })));
    this.#viewers.add(viewer);
    this.#timer ??= setInterval(() => this.#tick(), TICK_MS);
    response.on('close', () => {
      this.#viewers.delete(viewer);
      if (this.#viewers.size > 0) return;
      clearInterval(this.#timer);
      this.#timer = undefined;
      this.#fresh = [];
      this.#missed = 0;
    });
  }

  /** Tells all who watch that the server stops, and ends their connections. */
  end() {
    for (const { response } of this.#viewers) response.end(message('stopping', '{}'));
  }
}
