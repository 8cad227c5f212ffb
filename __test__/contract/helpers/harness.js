'use strict';

// What the tests of the contract share. They know the pool by its contract alone and drive it through a
// browser manager given from JavaScript; `SPEC n` in a message names the section a statement is from.

const { format } = require('node:util');
const pagepool = require('../../../index.js');
const { FakeBrowser } = require('./fake-browser.js');

const SERVER = 'http://server.example:4221';
const HOST = 'https://host.example';
const MANAGER = 'http://manager.example:4222';
/** An envelope of 2 to 4 pages. */
const TWO_TO_FOUR = { PRERENDER_PAGE_POOL_MIN: '2', PRERENDER_PAGE_POOL_MAX: '4' };
/** What no step of a test takes, however busy the machine is. */
const BOUND_MS = 15_000;

const OURS = /^(PRERENDER_|RENDER_TIMEOUT_MS$|PAGEPOOL_)/;

/** Runs everything that is already on its way; for asserting that something does *not* happen. */
async function turns(rounds = 6) {
  for (let round = 0; round < rounds; round++) {
    await new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

async function microtasks(count) {
  for (let i = 0; i < count; i++) await null;
}

async function until(condition, what) {
  const end = performance.now() + BOUND_MS;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (performance.now() > end) throw new Error(`never came: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

function bounded(promise, what, ms = BOUND_MS) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`never settled: ${what}`)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** A promise that a test settles when it wants. */
class Gate {
  constructor() {
    this.promise = new Promise((resolve, reject) => {
      this.open = resolve;
      this.fail = reject;
    });
    this.promise.catch(() => {});
  }
}

/** A promise with its state in sight. */
class Watched {
  constructor(promise, what) {
    this.state = 'pending';
    this.what = what;
    this.promise = promise;
    this.settled = promise.then(
      (value) => {
        this.state = 'fulfilled';
        this.value = value;
      },
      (error) => {
        this.state = 'rejected';
        this.error = error;
      },
    );
  }

  async end() {
    await bounded(this.settled, this.what);
    return this;
  }

  async lease() {
    await this.end();
    if (this.state === 'rejected') throw this.error;
    return this.value;
  }
}

/** Everything one test makes, and its end. */
class Run {
  constructor() {
    this.pools = [];
    this.browsers = [];
    this.gates = [];
    this.asked = [];
    this.log = [];
    this.fetches = [];
    this.realFetch = globalThis.fetch;
    this.realNow = Date.now;
    this.savedEnv = {};
    for (const name of Object.keys(process.env)) {
      if (!OURS.test(name)) continue;
      this.savedEnv[name] = process.env[name];
      delete process.env[name];
    }
    process.env.PRERENDER_MANAGER_URL = MANAGER;
    globalThis.fetch = async (url, init) => {
      this.fetches.push({ url: String(url), method: init?.method });
      return new Response(null, { status: 204 });
    };
  }

  env(values) {
    for (const name of Object.keys(process.env))
      if (OURS.test(name) && name !== 'PRERENDER_MANAGER_URL') delete process.env[name];
    Object.assign(process.env, values);
  }

  get logger() {
    return (name) =>
      Object.fromEntries(
        ['debug', 'info', 'warn', 'error'].map((level) => [
          level,
          (...args) => this.log.push({ name, level, text: format(...args) }),
        ]),
      );
  }

  /** Log lines of a level, of the pool's own log unless another is named. */
  lines(level, name = 'prerenderer') {
    return this.log.filter((line) => line.level === level && line.name === name).map((line) => line.text);
  }

  browser() {
    const browser = new FakeBrowser();
    this.browsers.push(browser);
    return browser;
  }

  options(browser, more = {}) {
    return {
      maxPages: 2,
      serverURL: SERVER,
      browserManager: browser.manager,
      boxelHostURL: HOST,
      closeTimeoutMs: 2000,
      leaseGraceMs: 2000,
      logger: this.logger,
      ...more,
    };
  }

  /** A pool over a fake browser; nothing is warm. */
  make({ env = {}, browser = this.browser(), semaphore, ...more } = {}) {
    this.env(env);
    const options = this.options(browser, more);
    if (semaphore) options.renderSemaphore = semaphore;
    const pool = new pagepool.PagePool(options);
    this.pools.push(pool);
    return { pool, browser, semaphore };
  }

  /** The same, with its standbys ready. */
  async warm(options) {
    const made = this.make(options);
    await bounded(made.pool.warmStandbys(), 'warmStandbys()');
    return made;
  }

  /** A warm pool of 2 to 4 pages with a render semaphore of ours. */
  async dynamic({ env = {}, ...more } = {}) {
    return this.warm({
      env: { ...TWO_TO_FOUR, ...env },
      semaphore: new pagepool.AsyncSemaphore(1),
      ...more,
    });
  }

  gate() {
    const gate = new Gate();
    this.gates.push(gate);
    return gate;
  }

  ask(pool, key, ...rest) {
    const watched = new Watched(pool.getPage(key, ...rest), `getPage('${key}')`);
    this.asked.push(watched);
    return watched;
  }

  get(pool, key, ...rest) {
    return this.ask(pool, key, ...rest).lease();
  }

  /** One whole visit. */
  async visit(pool, key, ...rest) {
    const lease = await this.get(pool, key, ...rest);
    lease.release();
    return lease;
  }

  /** `Date.now` stands still and is moved by hand. */
  clock(start = 1_700_000_000_000) {
    const clock = { now: start };
    Date.now = () => clock.now;
    return clock;
  }

  async end() {
    Date.now = this.realNow;
    try {
      for (const browser of this.browsers) browser.on = {};
      for (const gate of this.gates) gate.open();
      const release = (lease) => lease?.release?.();
      for (const watched of this.asked) {
        watched.settled.then(() => release(watched.value));
        release(watched.value);
      }
      for (const pool of this.pools) await bounded(pool.closeAll(), 'closeAll() at the end of the test');
    } finally {
      globalThis.fetch = this.realFetch;
      for (const name of Object.keys(process.env)) if (OURS.test(name)) delete process.env[name];
      Object.assign(process.env, this.savedEnv);
    }
  }
}

const unhandled = [];
process.on('unhandledRejection', (error) => unhandled.push(error));

/** A module of tests, each with a `Run` of its own. */
function contract(name, define) {
  QUnit.module(name, () => {
    define((title, body) => {
      QUnit.test(title, async (assert) => {
        assert.timeout(60_000);
        unhandled.length = 0;
        const run = new Run();
        try {
          await body(assert, run);
        } finally {
          await run.end();
        }
        await turns(1);
        if (unhandled.length > 0)
          assert.deepEqual(unhandled.map(String), [], 'SPEC 13: no unhandled rejection, ever');
      });
    });
  });
}

const row = (pool, key) => pool.getQueueDepthSnapshot().affinities.find((each) => each.affinityKey === key);
const ledger = (pool, key) =>
  pool.getSharedContextSnapshot().entries.find((each) => each.affinityKey === key);

module.exports = {
  ...pagepool,
  BOUND_MS,
  HOST,
  MANAGER,
  SERVER,
  TWO_TO_FOUR,
  Gate,
  Watched,
  bounded,
  contract,
  ledger,
  microtasks,
  pagepool,
  row,
  turns,
  until,
};
