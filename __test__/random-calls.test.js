'use strict';

// Thousands of random calls over a fake browser with random delays and faults. Nothing is known of the pool's
// inside: every invariant is checked from what callers and the browser see. A failure prints its seed;
// `PAGEPOOL_TEST_SEED=<seed>` repeats it, `PAGEPOOL_TEST_CALLS=<n>` asks for more.

const { lib, poolModule } = require('./helpers/kit.js');
const { PASS } = require('./helpers/fake-browser.js');
const { random, turns, until } = require('./helpers/wait.js');

const CALLS = Number(process.env.PAGEPOOL_TEST_CALLS ?? 10_000);
const ROUNDS = 10;
const FIRST_SEED = Number(process.env.PAGEPOOL_TEST_SEED ?? (Date.now() % 1_000_000_000));
const TENANTS = ['a', 'b', 'c', 'd', 'e', 'f'];

const shapes = [
  { maxPages: 1 },
  { maxPages: 2 },
  { maxPages: 4, env: { PRERENDER_AFFINITY_TAB_MAX: '2' } },
  { maxPages: 3, disableStandbyRefill: true },
  { maxPages: 3, allowTabMigration: true },
  { maxPages: 3, env: { PRERENDER_SHARED_CONTEXT_CAP: '1' } },
  { env: { PRERENDER_PAGE_POOL_MIN: '1', PRERENDER_PAGE_POOL_MAX: '4', PRERENDER_POOL_IDLE_CONTRACTION_MS: '5' }, contractionTickMs: 2 },
  { env: { PRERENDER_PAGE_POOL_MIN: '2', PRERENDER_PAGE_POOL_MAX: '4', PRERENDER_PAGE_POOL_HIGH_PRIORITY_MAX: '6', PRERENDER_HIGH_PRIORITY_THRESHOLD: '5' } },
  { maxPages: 4, disableFileAdmission: true, tabHealthProbeMs: 0 },
  { maxPages: 2, env: { PRERENDER_AFFINITY_TAB_MAX: '1' } },
];

class World {
  constructor(kit, seed, shape) {
    this.rnd = random(seed);
    this.kit = kit;
    this.semaphore = new lib.AsyncSemaphore(1);
    const made = kit.make({
      renderSemaphore: this.semaphore, standbyTimeoutMs: 60, closeTimeoutMs: 20, tabHealthProbeMs: 250, ...shape,
      fakeOptions: { cappedOrphans: Boolean(shape.env?.PRERENDER_SHARED_CONTEXT_CAP) },
    });
    Object.assign(this, made);
    this.held = new Map();
    this.failedToAnswer = new Set();
    this.pending = new Set();
    this.errors = [];
    this.granted = 0;
    this.migrates = Boolean(shape.disableStandbyRefill || shape.allowTabMigration);
    this.contextTenants = new Map();
    this.lastTenants = new Map();
    for (const step of ['createBrowserContext', 'newPage', 'goto', 'waitForFunction', 'evaluate', 'pageClose', 'contextClose']) {
      this.fake.rule(step, (info, normal) => this.fault(step, normal, info.page));
    }
  }

  /** Mostly at once, sometimes late, sometimes not at all well; never for ever, but for the odd navigation. */
  fault(step, normal, page) {
    const dice = this.rnd.next();
    if (dice < 0.55 || this.calm) {
      return PASS;
    }
    const wait = dice < 0.8 ? new Promise(setImmediate) : new Promise((resolve) => setTimeout(resolve, this.rnd.below(4)));
    const breaks = this.rnd.chance(0.04);
    if (breaks && step === 'evaluate') {
      this.failedToAnswer.add(page);
    }
    if (breaks && this.rnd.chance(0.3) && step !== 'createBrowserContext') {
      throw new Error(`${step} threw`);
    }
    if (step === 'goto' && this.rnd.chance(0.01)) {
      return new Promise(() => {});
    }
    return wait.then(() => {
      if (breaks) {
        throw new Error(`${step} failed`);
      }
      return normal();
    });
  }

  problem(text) {
    this.errors.push(text);
  }

  onLease(key, queue, lease) {
    this.granted++;
    const other = [...this.held.values()].find((h) => h.lease.page === lease.page);
    if (other) {
      this.problem(`one page is leased to ${other.key} and ${key} at once`);
    }
    if (lease.page.closeCalls || lease.page.context.closeCalls) {
      this.problem(`${key} was handed a page that is closed`);
    }
    if (!this.migrates) {
      const owner = this.contextTenants.get(lease.page.context);
      if (owner !== undefined && owner !== key) {
        this.problem(`the context of ${owner} was given to ${key}`);
      }
      this.contextTenants.set(lease.page.context, key);
    }
    const sum = Object.values(lease.waits).reduce((a, b) => a + b, 0);
    if (!(sum <= lease.launchMs)) {
      this.problem(`waits ${JSON.stringify(lease.waits)} exceed ${lease.launchMs}`);
    }
    this.lastTenants.set(lease.page.context, key);
    lease.page.leasedBy = key;
    this.held.set(lease, { key, queue, lease });
    // A page that is to go and whose answer fails is taken from its holder.
    lease.signal.addEventListener('abort', () => {
      if (!this.failedToAnswer.has(lease.page)) {
        this.problem(`${key} lost its lease of a page that answers: ${lease.signal.reason}`);
      }
      this.held.delete(lease);
      lease.page.leasedBy = undefined;
    });
  }

  ask() {
    const { rnd } = this;
    const key = rnd.pick(TENANTS);
    const queue = rnd.pick(['file', 'file', 'module', 'command']);
    const controller = new AbortController();
    const entry = { controller, key };
    this.pending.add(entry);
    this.pool.getPage(key, queue, { signal: controller.signal, priority: rnd.below(8) }).then((lease) => {
      this.pending.delete(entry);
      this.onLease(key, queue, lease);
    }, (error) => {
      this.pending.delete(entry);
      if (!['PRERENDER_CANCELLED', 'STANDBY_UNAVAILABLE', 'POOL_CLOSED'].includes(error.code)) {
        this.problem(`getPage rejected with ${error.stack}`);
      }
    });
  }

  releaseOne() {
    if (this.held.size) {
      const lease = this.rnd.pick([...this.held.keys()]);
      this.held.delete(lease);
      lease.page.leasedBy = undefined;
      lease.release();
      if (this.rnd.chance(0.1)) {
        lease.release();
      }
    }
  }

  /**
   * Called before a disposal of these tenants: it may close an orphan in the very turn in which it became one, which the
   * fake browser would take for a disposal of the page as well. The pool's own rows tell the two apart.
   */
  tellOrphans(tenants) {
    const rows = this.pool.getSharedContextSnapshot().entries.filter((entry) => entry.pageCount === 0 && !entry.closing);
    const orphaned = new Set(rows.map((entry) => entry.affinityKey).filter((key) => tenants.includes(key)));
    for (const context of this.fake.alive) {
      const tenant = this.lastTenants.get(context);
      if (tenant === undefined ? orphaned.size : orphaned.has(tenant)) {
        context.becameOrphan ||= !context.closing && context.isOrphan;
      }
    }
  }

  async step() {
    const { rnd, pool } = this;
    const dice = rnd.next();
    if (dice < 0.42 && this.pending.size + this.held.size < 30) {
      this.ask();
    } else if (dice < 0.8) {
      this.releaseOne();
    } else if (dice < 0.86) {
      const entry = rnd.pick([...this.pending]);
      entry?.controller.abort('random');
    } else if (dice < 0.92) {
      const key = rnd.pick(TENANTS);
      this.tellOrphans([key]);
      pool.disposeAffinity(key, { awaitIdle: rnd.chance(0.5), retainSharedContext: rnd.chance(0.4), retainConsoleErrors: rnd.chance(0.2) })
        .catch((error) => this.problem(`disposeAffinity rejected: ${error.stack}`));
    } else if (dice < 0.94) {
      this.tellOrphans(TENANTS);
      pool.evictIdleAffinities(rnd.below(5)).catch((error) => this.problem(`evictIdleAffinities rejected: ${error.stack}`));
    } else if (dice < 0.96) {
      pool.warmStandbys().catch((error) => this.problem(`warmStandbys rejected: ${error.stack}`));
    } else if (dice < 0.975) {
      pool.__test_tryExpand(rnd.below(10));
    } else {
      await new Promise(setImmediate);
    }
    if (rnd.chance(0.3)) {
      await Promise.resolve();
    }
    this.check();
  }

  check() {
    const { pool, semaphore } = this;
    const depth = pool.getQueueDepthSnapshot();
    const leasesOf = (key, queue) => [...this.held.values()].filter((h) => h.key === key && (!queue || h.queue === queue)).length;
    for (const row of depth.affinities) {
      if (row.admission.cap && leasesOf(row.affinityKey, 'file') > row.admission.cap) {
        this.problem(`${row.affinityKey} holds more file leases than its cap ${row.admission.cap}`);
      }
      if (row.pendingTotal < leasesOf(row.affinityKey)) {
        this.problem(`${row.affinityKey} has ${leasesOf(row.affinityKey)} leases and ${row.pendingTotal} pending`);
      }
      const waiting = Object.values(row.admissionQueuedByPriority).reduce((sum, n) => sum + n, 0);
      if (row.idle !== (row.pendingTotal === 0 && waiting === 0)) {
        this.problem(`${row.affinityKey} says idle ${row.idle} with ${JSON.stringify(row)}`);
      }
    }
    if (depth.totalPending !== depth.affinities.reduce((sum, row) => sum + row.pendingTotal, 0)) {
      this.problem('totalPending is not the sum of its rows');
    }
    if (semaphore.inUseCount < this.held.size) {
      this.problem(`${this.held.size} leases under ${semaphore.inUseCount} permits`);
    }
    if (semaphore.capacity !== pool.currentMaxPages) {
      this.problem(`semaphore ${semaphore.capacity}, pages ${pool.currentMaxPages}`);
    }
    const { minPages: min, currentMaxPages: current, highPriorityMaxPages: high } = pool;
    if (!(min <= current && current <= high)) {
      this.problem(`envelope: ${min} ≤ ${current} ≤ ${high} does not hold`);
    }
    for (const entry of pool.getSharedContextSnapshot().entries) {
      if (!(entry.pageCount >= 0 && Number.isInteger(entry.pageCount))) {
        this.problem(`pageCount ${entry.pageCount}`);
      }
    }
  }

  /** Nothing breaks any more, every lease comes back: then everything that waits must end. */
  async quiesce() {
    this.calm = true;
    await until(() => {
      while (this.held.size) {
        this.releaseOne();
      }
      return this.pending.size === 0;
    }, `every one of the ${this.pending.size} waiting calls ends`, 15_000);
    await turns(5);
    this.check();
    const depth = this.pool.getQueueDepthSnapshot();
    if (depth.totalPending !== 0 || this.semaphore.inUseCount !== 0) {
      this.problem(`at rest: ${depth.totalPending} pending, ${this.semaphore.inUseCount} permits in use`);
    }
    await this.pool.closeAll();
    const open = this.fake.contexts.filter((context) => !context.closeCalls);
    if (open.length) {
      this.problem(`${open.length} contexts were never closed`);
    }
    if (this.logs.lines.some((line) => /invariant|panick/i.test(line.text))) {
      this.problem('the log speaks of a broken invariant');
    }
  }
}

poolModule('random calls', (kit) => {
  for (let round = 0; round < ROUNDS; round++) {
    const seed = FIRST_SEED + round;
    const shape = shapes[round % shapes.length];
    QUnit.test(`${CALLS / ROUNDS} calls, pool ${JSON.stringify(shape)}`, async (assert) => {
      assert.timeout(60_000);
      const world = new World(kit(), seed, shape);
      for (let i = 0; i < CALLS / ROUNDS && !world.errors.length; i++) {
        await world.step();
      }
      await world.quiesce().catch((error) => world.problem(error.message));
      assert.deepEqual(world.errors.slice(0, 5), [], `PAGEPOOL_TEST_SEED=${seed - round}`);
      assert.deepEqual(world.fake.violations.slice(0, 5), [], `the browser’s view, PAGEPOOL_TEST_SEED=${seed - round}`);
      assert.ok(world.granted > 0, `${world.granted} leases were granted`);
    });
  }
});
