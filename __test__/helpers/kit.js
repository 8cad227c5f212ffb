'use strict';

// What every test of the pool begins and ends with: a pool over a fake browser with an environment of its
// own, leases that are remembered and released, and the checks that hold after any test whatever it did.

const { format } = require('node:util');
const lib = require('../..');
const { FakeBrowserManager } = require('./fake-browser.js');
const { until, watch, within } = require('./wait.js');

const VARIABLES = /^(PRERENDER_|RENDER_TIMEOUT_MS$|PAGEPOOL_|PUPPETEER_|BOXEL_)/;

/** Runs `run` with exactly these variables of the pool's environment set. */
function withEnv(env, run) {
  const before = { ...process.env };
  for (const name of Object.keys(process.env)) {
    if (VARIABLES.test(name)) {
      delete process.env[name];
    }
  }
  Object.assign(process.env, env);
  try {
    return run();
  } finally {
    for (const name of Object.keys(process.env)) {
      if (!(name in before)) {
        delete process.env[name];
      }
    }
    Object.assign(process.env, before);
  }
}

class Logs {
  constructor() {
    this.lines = [];
    this.factory = (name) => ({
      debug: (...args) => this.add(name, 'debug', args),
      info: (...args) => this.add(name, 'info', args),
      warn: (...args) => this.add(name, 'warn', args),
      error: (...args) => this.add(name, 'error', args),
    });
  }

  add(name, level, args) {
    this.lines.push({ name, level, text: format(...args) });
  }

  find(level, pattern) {
    return this.lines.filter((line) => line.level === level && pattern.test(line.text));
  }
}

class Kit {
  constructor() {
    this.pools = [];
    this.fakes = [];
    this.leases = [];
    this.watched = [];
    this.disposed = [];
    this.unhandled = [];
    this.onUnhandled = (reason) => this.unhandled.push(reason);
    process.on('unhandledRejection', this.onUnhandled);
    this.managerUrl = process.env.PRERENDER_MANAGER_URL;
    process.env.PRERENDER_MANAGER_URL = '';
  }

  fake(options) {
    const fake = new FakeBrowserManager(options);
    this.fakes.push(fake);
    return fake;
  }

  /**
   * A pool over a fake browser. `env` is its environment, `fakeOptions` goes to the fake; everything else
   * to the constructor. Not warmed. Returns the pool with `fake` and `logs` beside it.
   */
  make({ env = {}, fake, fakeOptions, Class = lib.PagePool, unchecked = false, ...options } = {}) {
    fake ??= this.fake(fakeOptions);
    const logs = new Logs();
    const disposed = [];
    const pool = withEnv({ PRERENDER_MANAGER_URL: '', ...env }, () => new Class({
      maxPages: 1,
      serverURL: 'http://server.test:4221',
      boxelHostURL: 'http://host.test:4200',
      standbyTimeoutMs: 5000,
      browserManager: fake,
      logger: logs.factory,
      onAffinityDisposed: (key) => disposed.push(key),
      ...options,
    }));
    if (!unchecked) {
      fake.pools.push(pool);
    }
    this.pools.push(pool);
    return { pool, fake, logs, disposed };
  }

  /** `make`, and every standby it wants. */
  async warm(options) {
    const made = this.make(options);
    await within(made.pool.warmStandbys(), 'warmStandbys() of a fresh pool');
    return made;
  }

  /** A lease that the end of the test gives back. */
  async take(pool, key, queue, options) {
    const lease = await within(pool.getPage(key, queue, options), `getPage(${key}, ${queue})`);
    return this.keep(lease, key);
  }

  keep(lease, key) {
    this.leases.push(lease);
    lease.page.leasedBy = key;
    const release = lease.release;
    lease.release = () => {
      lease.page.leasedBy = undefined;
      release();
    };
    return lease;
  }

  /** A `getPage` that may not settle: watched, and given back whenever it does. */
  ask(pool, key, queue, options) {
    const watched = watch(pool.getPage(key, queue, options).then((lease) => this.keep(lease, key)));
    this.watched.push(watched);
    return watched;
  }

  /** One whole visit: lease and release. */
  async visit(pool, key, queue, options) {
    const lease = await this.take(pool, key, queue, options);
    lease.release();
    return lease;
  }

  /** Ends everything, and checks what must hold after any test. */
  async end(assert) {
    for (const fake of this.fakes) {
      fake.openAllGates();
    }
    let over = false;
    const closing = Promise.all(this.pools.map((pool) => pool.closeAll()))
      .finally(() => {
        over = true;
      });
    await until(() => {
      this.leases.splice(0).forEach((lease) => lease.release());
      return over;
    }, 'closeAll() at the end of the test');
    await closing;
    process.off('unhandledRejection', this.onUnhandled);
    if (this.managerUrl === undefined) {
      delete process.env.PRERENDER_MANAGER_URL;
    } else {
      process.env.PRERENDER_MANAGER_URL = this.managerUrl;
    }
    assert.deepEqual(this.unhandled, [], 'no rejection stays unhandled');
    for (const fake of this.fakes) {
      assert.deepEqual(fake.violations, [], 'the browser saw nothing that must not be');
    }
  }
}

/** A QUnit module with a fresh kit for each test, in `kit()`. */
function poolModule(name, define, hooks = {}) {
  let kit;
  QUnit.module(name, {
    beforeEach(assert) {
      assert.timeout(hooks.timeout ?? 20_000);
      kit = new Kit();
    },
    async afterEach(assert) {
      await kit.end(assert);
    },
  }, () => define(() => kit));
}

/** A semaphore object as a caller might write one, whose every move is recorded. */
class ForeignSemaphore {
  constructor(max = 1) {
    this.max = max;
    this.held = 0;
    this.queue = [];
    this.calls = [];
    this.capacities = [];
  }

  get capacity() {
    return this.max;
  }

  get inUseCount() {
    return this.held;
  }

  get pendingCount() {
    return this.queue.length;
  }

  setCapacity(n) {
    this.capacities.push(n);
    this.max = n;
    this.pump();
  }

  pump() {
    while (this.held < this.max && this.queue.length) {
      this.held++;
      this.queue.shift()(this.releaser());
    }
  }

  releaser() {
    let done = false;
    return () => {
      if (!done) {
        done = true;
        this.held--;
        this.pump();
      }
    };
  }

  acquire(...args) {
    this.calls.push(args);
    return new Promise((resolve) => {
      this.queue.push(resolve);
      this.pump();
    });
  }
}

module.exports = { lib, Kit, Logs, ForeignSemaphore, poolModule, withEnv };
