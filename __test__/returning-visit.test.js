'use strict';

// Tenants in turn on fewer pages, over a host app that needs its time to be ready, on a real Chrome.

const { chromeModule } = require('./helpers/real-chrome.js');

const READY_AFTER_MS = 300;
const TENANTS = ['a', 'b', 'c', 'd', 'e', 'f'];

chromeModule('tenants in turn on fewer pages', (kit, test) => {
  test('a returning visit is served from a ready standby, whatever the host app needs to be ready', async (assert) => {
    kit().host.readyAfterMs = READY_AFTER_MS;
    const { pool } = kit().pool({ maxPages: 3 });
    const waits = [];
    for (let round = 0; round < 3; round++) {
      for (const tenant of TENANTS) {
        const lease = await kit().take(pool, tenant);
        await lease.page.evaluate(() => document.title);
        lease.release();
        waits.push({ round, tenant, reused: lease.reused, startup: lease.waits.tabStartupMs });
        // What a tenant does with its answer takes longer than the next standby: that is what it is made for.
        await pool.warmStandbys();
      }
    }
    const returning = waits.filter(({ round }) => round > 0);
    assert.deepEqual(returning.filter(({ reused }) => reused), [], 'six on three pages: each had made room for another meanwhile');
    const loaded = returning.filter(({ startup }) => startup >= READY_AFTER_MS);
    assert.deepEqual(loaded, [], 'SPEC 5: a returning visit loads no page');
    const slowest = Math.max(...returning.map(({ startup }) => startup));
    assert.strictEqual(slowest, 0, 'SPEC 4b, 13: it takes the ready standby at once, and waits exactly 0 ms for it');
    assert.deepEqual(pool.getSharedContextSnapshot().entries.filter(({ pageCount }) => pageCount === 0), [], 'SPEC 5: making room keeps no orphan');
  });

  test('an orphan that was asked for is preferred, and its page is loaded', async (assert) => {
    kit().host.readyAfterMs = READY_AFTER_MS;
    const { pool } = kit().pool({ maxPages: 3 });
    await kit().visit(pool, 'a');
    await pool.disposeAffinity('a', { retainSharedContext: true });
    await pool.warmStandbys();
    const lease = await kit().take(pool, 'a');
    assert.true(lease.waits.tabStartupMs >= READY_AFTER_MS, `SPEC 4b: a new page in the orphan, ready after ${lease.waits.tabStartupMs} ms`);
  });
});
