'use strict';

// pool.stats(): one frozen object of numbers.

const { poolModule } = require('./helpers/kit.js');
const { chromeModule } = require('./helpers/real-chrome.js');
const { turns, until } = require('./helpers/wait.js');

/** Every object in it, itself included. */
function* objects(value) {
  if (value !== null && typeof value === 'object') {
    yield value;
    for (const part of Object.values(value)) {
      yield* objects(part);
    }
  }
}

poolModule('stats', (kit) => {
  QUnit.test('is frozen as a whole, plain, and another object each time', async (assert) => {
    const { pool } = await kit().warm({ maxPages: 2 });
    const first = pool.stats();
    assert.true([...objects(first)].every((object) => Object.isFrozen(object)), 'nothing of it can be changed');
    assert.throws(() => {
      first.totals.leases.warm = 9;
    }, TypeError, 'nor is a change ignored');
    await kit().visit(pool, 'a');
    assert.strictEqual(first.totals.leases.cold, 0, 'what was had once stays as it was');
    assert.strictEqual(pool.stats().totals.leases.cold, 1, 'and what is had now is new');
    assert.deepEqual(Object.keys(first), [
      'maxPages', 'tabs', 'standbys', 'contexts', 'affinities', 'leases', 'waiting', 'totals', 'browser', 'waits',
    ], 'its parts');
  });

  QUnit.test('histograms are as Prometheus has them', async (assert) => {
    const { pool } = await kit().warm({ maxPages: 2 });
    for (const key of ['a', 'a', 'b']) {
      await kit().visit(pool, key);
    }
    const { waits } = pool.stats();
    assert.deepEqual(Object.keys(waits), ['total', 'semaphore', 'admission', 'tabQueue', 'tabStartup', 'tabProbe'], 'one for each wait');
    for (const [name, { buckets, count, sum }] of Object.entries(waits)) {
      const bounds = buckets.map(({ le }) => le);
      assert.deepEqual(bounds, [...bounds].sort((a, b) => a - b), `${name}: bounds rise`);
      assert.strictEqual(bounds.at(-1), Infinity, `${name}: the last has none`);
      assert.true(buckets.every((bucket, i) => i === 0 || bucket.count >= buckets[i - 1].count), `${name}: counts are cumulative`);
      assert.strictEqual(buckets.at(-1).count, count, `${name}: the last has all`);
      assert.strictEqual(count, 3, `${name}: each lease is a value`);
      assert.true(Number.isInteger(sum) && sum >= 0, `${name}: a sum in ms`);
    }
  });

  QUnit.test('sums of the waits are those of the leases', async (assert) => {
    const { pool } = await kit().warm({ maxPages: 2 });
    const leases = [];
    for (const key of ['a', 'a', 'b', 'c']) {
      leases.push(await kit().visit(pool, key));
    }
    const { waits } = pool.stats();
    const total = (pick) => leases.reduce((sum, lease) => sum + pick(lease), 0);
    assert.strictEqual(waits.total.sum, total((lease) => lease.launchMs), 'launchMs');
    assert.strictEqual(waits.tabStartup.sum, total((lease) => lease.waits.tabStartupMs), 'tabStartupMs');
    assert.strictEqual(waits.tabProbe.sum, total((lease) => lease.waits.tabProbeMs), 'tabProbeMs');
  });

  QUnit.test('it agrees with the other snapshots at any moment', async (assert) => {
    const { pool } = await kit().warm({ maxPages: 3, env: { PRERENDER_AFFINITY_FILE_CONCURRENCY: '1' } });
    const held = await kit().take(pool, 'a', 'file');
    kit().ask(pool, 'a', 'file');
    await kit().visit(pool, 'b');
    await turns();
    const stats = pool.stats();
    const depths = pool.getQueueDepthSnapshot();
    assert.strictEqual(stats.maxPages, pool.currentMaxPages, 'pages');
    assert.strictEqual(stats.tabs.total, depths.totalTabs, 'tabs');
    assert.strictEqual(stats.affinities, pool.getWarmAffinities().length, 'affinities');
    assert.strictEqual(stats.waiting.admission, 1, 'one waits for admission');
    assert.deepEqual(stats.tabs, { total: 2, leased: 1, idle: 1, closing: 0 }, 'one is held, one is idle');
    assert.strictEqual(stats.leases, 1, 'a lease');
    held.release();
  });

  QUnit.test('rejections by code, from the first call on; a wrong argument is none', async (assert) => {
    const { pool } = await kit().warm({ maxPages: 1 });
    const none = pool.stats().totals.rejected;
    assert.deepEqual(Object.values(none), Object.values(none).map(() => 0), 'all codes are there from the beginning');
    const held = [await kit().take(pool, 'a'), await kit().take(pool, 'b')];
    const controller = new AbortController();
    const waiting = pool.getPage('c', 'file', { signal: controller.signal });
    await assert.rejects(pool.getPage('d', 'file', { maxWaiting: 1 }), (error) => error.code === 'TOO_MANY_WAITING', 'turned away');
    controller.abort();
    await assert.rejects(waiting, (error) => error.code === 'PRERENDER_CANCELLED', 'called off');
    await assert.rejects(pool.getPage(''), (error) => error.code === 'ERR_INVALID_ARG_VALUE', 'wrong');
    const counted = Object.entries(pool.stats().totals.rejected).filter(([, count]) => count > 0);
    assert.deepEqual(counted, [['TOO_MANY_WAITING', 1], ['PRERENDER_CANCELLED', 1]], 'once each');
    held.forEach((lease) => lease.release());
  });

  QUnit.test('closeAll clears no total', async (assert) => {
    const { pool } = await kit().warm({ maxPages: 1 });
    await kit().visit(pool, 'a');
    await kit().visit(pool, 'a');
    await pool.closeAll();
    const { totals, tabs, standbys, contexts } = pool.stats();
    assert.deepEqual(totals.leases, { warm: 1, cold: 1 }, 'leases');
    assert.true(totals.standbys.made >= 1, 'standbys');
    assert.deepEqual([tabs.total, standbys.ready, contexts.total], [0, 0, 0], 'and nothing is left');
  });

  QUnit.test('of a browser manager from JavaScript it knows no browser, and asks it for nothing', async (assert) => {
    const { pool, fake } = await kit().warm({ maxPages: 1 });
    const steps = fake.calls.length;
    assert.strictEqual(pool.stats().browser, null, 'no browser');
    assert.strictEqual(pool.stats().totals.browserStarts, 0, 'no starts');
    assert.strictEqual(fake.calls.length, steps, 'nothing was called');
  });
});

chromeModule('stats of a pool on our own Chrome', (kit, test) => {
  test('the browser: what runs, that it died, and the next', async (assert) => {
    const { pool, manager } = kit().pool();
    assert.strictEqual(pool.stats().browser, null, 'none before there is one');
    await kit().visit(pool, 'a');
    const browser = await manager.getBrowser();
    const { pid } = browser.process();
    assert.deepEqual(pool.stats().browser, { pid, version: await browser.version(), connected: true }, 'the one that runs');
    assert.strictEqual(pool.stats().totals.browserStarts, 1, 'one start');
    await pool.closeAll();
    const gone = new Promise((resolve) => browser.once('disconnected', resolve));
    process.kill(pid, 'SIGKILL');
    await gone;
    assert.deepEqual({ pid, connected: false }, { pid: pool.stats().browser.pid, connected: pool.stats().browser.connected }, 'it is gone');
    await kit().visit(pool, 'a');
    await until(() => pool.stats().browser.connected, 'another runs');
    assert.notStrictEqual(pool.stats().browser.pid, pid, 'with a pid of its own');
    assert.strictEqual(pool.stats().totals.browserStarts, 2, 'two starts');
  });

  test('a page that crashed is a retirement', async (assert) => {
    const { pool } = kit().pool();
    const lease = await kit().take(pool, 'a');
    const session = await lease.page.createCDPSession();
    session.send('Page.crash').catch(() => {});
    await until(() => pool.stats().totals.retirements.crashed === 1, 'it is counted');
    lease.release();
    assert.strictEqual(await kit().visit(pool, 'a'), 'ready', 'and another serves');
  });
});
