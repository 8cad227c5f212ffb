'use strict';

// Tabs that have served enough are replaced by a standby at the end of a lease: by leases, by age, by memory.

const { lib, poolModule } = require('./helpers/kit.js');
const { chromeModule } = require('./helpers/real-chrome.js');
const { until, within } = require('./helpers/wait.js');

const invalid = (error) => error instanceof TypeError && error.code === 'ERR_INVALID_ARG_VALUE';
const OPTIONS = ['maxUsesPerTab', 'maxTabAgeMs', 'maxTabMemoryMB'];

poolModule('a worn tab', (kit) => {
  QUnit.test('gives out maxUsesPerTab leases; the next is of a fresh page, at once', async (assert) => {
    const { pool, logs } = await kit().warm({ maxPages: 2, maxUsesPerTab: 2 });
    const visits = [];
    for (let visit = 0; visit < 5; visit++) {
      await pool.warmStandbys();
      const lease = await kit().take(pool, 'a');
      visits.push({ pageId: lease.pageId, reused: lease.reused, waited: lease.waits.tabStartupMs });
      lease.release();
    }
    const pages = [...new Set(visits.map(({ pageId }) => pageId))];
    assert.deepEqual(visits.map(({ pageId }) => pages.indexOf(pageId)), [0, 0, 1, 1, 2], 'two leases of each page');
    assert.deepEqual(visits.map(({ reused }) => reused), [false, true, false, true, false], 'a fresh page is no warm one');
    assert.deepEqual(visits.slice(1).map(({ waited }) => waited), [0, 0, 0, 0], 'nobody waits for a replacement');
    assert.deepEqual(pool.getWornTabSwaps(), { uses: 2, age: 0, memory: 0 }, 'counted by reason');
    assert.strictEqual(logs.find('info', /a page of a is worn and is replaced/).length, 2, 'and logged');
  });

  QUnit.test('its tenant stays warm, and is neither disposed of nor lost', async (assert) => {
    const disposed = [];
    const { pool } = await kit().warm({ maxPages: 2, maxUsesPerTab: 1, onAffinityDisposed: (key) => disposed.push(key) });
    (await kit().take(pool, 'a')).release();
    assert.deepEqual(pool.getWarmAffinities(), ['a'], 'it has a page already when release() returns');
    assert.deepEqual(pool.getSharedContextSnapshot().entries.map(({ affinityKey, pageCount }) => [affinityKey, pageCount]), [['a', 1]], 'in a context of its own');
    await pool.warmStandbys();
    assert.deepEqual(disposed, [], 'no onAffinityDisposed');
  });

  QUnit.test('on a busy pool whoever waits for it gets the fresh page when it is released', async (assert) => {
    const { pool } = await kit().warm({ maxPages: 1, maxUsesPerTab: 1, disableFileAdmission: true });
    const holder = await kit().take(pool, 'a');
    const next = kit().ask(pool, 'a', 'module');
    await pool.warmStandbys();
    holder.release();
    await within(next.settled, 'the next caller');
    assert.notStrictEqual(next.value.pageId, holder.pageId, 'another page');
    assert.false(next.value.reused, 'a fresh one');
  });

  QUnit.test('is replaced at the end of the lease in which it has become too old, and not before', async (assert) => {
    for (const [maxTabAgeMs, swaps] of [[1, 1], [1e9, 0]]) {
      const { pool } = await kit().warm({ maxPages: 2, maxTabAgeMs });
      const first = await kit().take(pool, 'a');
      await new Promise((resolve) => setTimeout(resolve, 20));
      await pool.warmStandbys();
      first.release();
      const second = await kit().take(pool, 'a');
      assert.strictEqual(second.pageId !== first.pageId, swaps === 1, `after 20 ms, of ${maxTabAgeMs}`);
      assert.deepEqual(pool.getWornTabSwaps(), { uses: 0, age: swaps, memory: 0 });
      second.release();
      await pool.closeAll();
      assert.deepEqual(pool.getWornTabSwaps(), { uses: 0, age: 0, memory: 0 }, 'closeAll clears the counts');
    }
  });

  QUnit.test('is not known by its memory in a browser from JavaScript', async (assert) => {
    const { pool } = await kit().warm({ maxPages: 2, maxTabMemoryMB: 1 });
    const first = await kit().visit(pool, 'a');
    const second = await kit().visit(pool, 'a');
    assert.strictEqual(second.pageId, first.pageId, 'what is not known is never over the limit');
  });

  QUnit.test('wrong limits are refused by name, and undefined is no limit', (assert) => {
    for (const option of OPTIONS) {
      for (const value of [0, -1, NaN, '5', null, true, {}]) {
        assert.throws(() => kit().make({ [option]: value, unchecked: true }), (error) => invalid(error) && error.message.includes(option), `${option}: ${value}`);
      }
      assert.ok(kit().make({ [option]: undefined }).pool instanceof lib.PagePool, `${option}: undefined`);
    }
    assert.throws(() => kit().make({ maxUsesPerTab: 1.5, unchecked: true }), invalid, 'half a lease');
  });
});

chromeModule('a worn tab on a real Chrome', (kit, test) => {
  const hoard = (megabytes) => {
    globalThis.hoard = new Uint8Array(megabytes * 1024 * 1024).fill(1);
  };

  test('one whose renderer holds too much memory is replaced, its neighbours are not', async (assert) => {
    const { pool, logs } = kit().pool({ maxPages: 3, maxTabMemoryMB: 600 });
    await pool.warmStandbys();
    const modest = await kit().take(pool, 'modest');
    const greedy = await kit().take(pool, 'greedy');
    await pool.warmStandbys();
    modest.release();
    greedy.release();
    const again = await kit().take(pool, 'greedy');
    assert.strictEqual(again.pageId, greedy.pageId, 'an ordinary page is below the limit');
    await again.page.evaluate(hoard, 700);
    await pool.warmStandbys();
    again.release();
    await until(() => pool.getWornTabSwaps().memory === 1, 'the replacement', 30_000);
    const next = await kit().take(pool, 'greedy');
    assert.notStrictEqual(next.pageId, greedy.pageId, 'another page');
    assert.false(next.reused);
    assert.strictEqual(await next.page.evaluate(() => globalThis.hoard), undefined, 'that is fresh');
    assert.strictEqual(logs.find('info', /a page of greedy is worn and is replaced: its renderer holds \d+ MB/).length, 1, 'the log says why');
    const neighbour = await kit().take(pool, 'modest');
    assert.strictEqual(neighbour.pageId, modest.pageId, 'the neighbour keeps its page');
  });

  test('what a tenant stored goes with the worn tab, and its closed page with its context', async (assert) => {
    const { pool } = kit().pool({ maxPages: 2, maxUsesPerTab: 1 });
    await pool.warmStandbys();
    const first = await kit().take(pool, 'a');
    await first.page.evaluate(() => localStorage.setItem('tenant', 'a'));
    const closed = new Promise((resolve) => first.page.once('close', resolve));
    await pool.warmStandbys();
    first.release();
    const next = await kit().take(pool, 'a');
    assert.notStrictEqual(next.pageId, first.pageId);
    assert.strictEqual(await next.page.evaluate(() => localStorage.getItem('tenant')), null, 'a fresh context');
    await within(closed, 'the worn page is closed', 30_000);
  });
});
