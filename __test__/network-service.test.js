'use strict';

// The process of Chrome that keeps the cookies and does the requests: hung, it makes a browser that answers useless; dead,
// Chrome replaces it in silence, and every tenant's cookies are gone.

const { chromeModule, processes } = require('./helpers/real-chrome.js');
const { until, watch, within } = require('./helpers/wait.js');

/** The network service of the browser: in its process group, and named on its command line. */
const serviceOf = (pid) => processes().find(({ group, command }) => group === pid && command.includes('network.mojom.NetworkService'))?.pid;

chromeModule("Chrome's network service", (kit, test) => {
  const serviceIn = async (pool, manager) => {
    const { pid } = (await manager.getBrowser()).process();
    return until(() => serviceOf(pid), 'the browser has a network service');
  };

  test('hung: the browser is replaced, and newcomers are served', async (assert) => {
    const { pool, manager, logs } = kit().pool({ closeTimeoutMs: 1000, standbyTimeoutMs: 60_000 });
    assert.strictEqual(await kit().visit(pool, 'before'), 'ready');
    const old = (await manager.getBrowser()).process().pid;
    process.kill(await serviceIn(pool, manager), 'SIGSTOP');
    for (const key of ['first', 'second']) {
      const lease = await within(pool.getPage(key), `getPage(${key})`, 45_000);
      assert.strictEqual(await lease.page.evaluate(() => document.querySelector('#standby-ready').textContent), 'ready', key);
      lease.release();
    }
    assert.notStrictEqual((await manager.getBrowser()).process().pid, old, 'another browser');
    assert.strictEqual(logs.find('warn', /network service does not answer/).length, 1, 'the log says why');
  });

  test('hung: closeAll and stop end all the same', async (assert) => {
    const { pool, manager } = kit().pool({ closeTimeoutMs: 1000, standbyTimeoutMs: 60_000 });
    const lease = await kit().take(pool, 'tenant');
    process.kill(await serviceIn(pool, manager), 'SIGSTOP');
    // More than there can be pages that were ready before.
    const waiting = ['a', 'b', 'c', 'd', 'e', 'f'].map((key) => watch(pool.getPage(key)));
    lease.release();
    await within(pool.closeAll(), 'closeAll', 30_000);
    await within(Promise.all(waiting.map(({ settled }) => settled)), 'everyone has an answer', 5000);
    assert.strictEqual(waiting.at(-1).state, 'rejected', 'who waited was rejected');
    await within(manager.stop(), 'stop', 15_000);
  });

  test('dead: no tenant gets a warm page without its cookies', async (assert) => {
    const { pool, manager, logs } = kit().pool({ maxPages: 2 });
    const idle = await kit().take(pool, 'idle');
    const held = await kit().take(pool, 'held');
    for (const { page } of [idle, held]) {
      await page.evaluate(() => {
        document.cookie = 'session=mine';
      });
    }
    idle.release();
    const again = await kit().take(pool, 'idle');
    assert.deepEqual([again.reused, await again.page.evaluate(() => document.cookie)], [true, 'session=mine'], 'a warm page has its cookies');
    again.release();

    process.kill(await serviceIn(pool, manager), 'SIGKILL');
    await until(() => logs.find('warn', /network service died/).length > 0, 'the log says so', 30_000);
    const next = await kit().take(pool, 'idle');
    assert.deepEqual([next.reused, next.pageId === again.pageId], [false, false], 'an idle page is replaced');
    assert.strictEqual(await held.page.evaluate(() => 1 + 1), 2, 'a held page stays while it is held');
    next.release();
    held.release();
    const after = await kit().take(pool, 'held');
    assert.deepEqual([after.reused, after.pageId === held.pageId], [false, false], 'and is replaced at its release');
    await after.page.evaluate(() => {
      document.cookie = 'session=new';
    });
    after.release();
    const warm = await kit().take(pool, 'held');
    assert.deepEqual([warm.reused, await warm.page.evaluate(() => document.cookie)], [true, 'session=new'], 'what comes after it is warm again');
  });
});
