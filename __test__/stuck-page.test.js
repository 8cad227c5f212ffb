'use strict';

// Pages that never answer again, on a real Chrome: whatever is done about one, its slot comes back, and nobody else
// notices.

const { chromeModule, rendererOf } = require('./helpers/real-chrome.js');
const { until, watch, within } = require('./helpers/wait.js');

/** Ends when the page is stuck, as far as that shows; the call that sticks is left alone. */
const leave = (call) => void call.catch(() => {});

const ways = {
  'an endless loop': async (page) => leave(page.evaluate(() => {
    for (;;);
  })),
  'an endless chain of microtasks': async (page) => leave(page.evaluate(async () => {
    for (;;) await null;
  })),
  'an alert': async (page) => {
    const opened = new Promise((resolve) => page.once('dialog', resolve));
    leave(page.evaluate(() => alert('wait')));
    await opened;
  },
  'a beforeunload dialog': async (page) => {
    await page.evaluate(() => {
      addEventListener('beforeunload', (event) => event.preventDefault());
    });
    await page.mouse.click(10, 10);
    const opened = new Promise((resolve) => page.once('dialog', resolve));
    leave(page.reload());
    await opened;
  },
  'a debugger statement': async (page) => {
    const session = await page.createCDPSession();
    const paused = new Promise((resolve) => session.once('Debugger.paused', resolve));
    await session.send('Debugger.enable');
    leave(page.evaluate(() => {
      debugger;
    }));
    await paused;
  },
  'thousands of requests that are not answered': (page) => page.evaluate(() => {
    for (let i = 0; i < 3000; i++) {
      fetch(`/hang?${i}`).catch(() => {});
    }
  }),
  'a synchronous request that is not answered': async (page) => leave(page.evaluate(() => {
    const request = new XMLHttpRequest();
    request.open('GET', '/hang', false);
    request.send();
  })),
  'a renderer that was stopped': async (page) => {
    process.kill(await rendererOf(page), 'SIGSTOP');
  },
};

/** Each ends the stuck lease in its manner, and resolves when its caller may go on. */
const remedies = {
  'disposeAffinity, then release': async (pool, lease) => {
    const disposed = pool.disposeAffinity('stuck');
    lease.release();
    await disposed;
  },
  'disposeAffinity in the background': async (pool, lease) => {
    await pool.disposeAffinity('stuck', { awaitIdle: false });
    lease.release();
  },
  'release, and eviction': async (pool, lease) => {
    lease.release();
    await new Promise((resolve) => setTimeout(resolve, 5));
    await pool.evictIdleAffinities(1);
  },
  'release alone': async (_, lease) => lease.release(),
};

chromeModule('a page that never answers again', (kit, test) => {
  for (const [way, stick] of Object.entries(ways)) {
    for (const [remedy, remove] of Object.entries(remedies)) {
      test(`${way}: ${remedy}`, async (assert) => {
        const { pool, manager } = kit().pool();
        const chrome = (await manager.getBrowser()).process().pid;
        const bystander = await kit().take(pool, 'bystander');
        const lease = await kit().take(pool, 'stuck');
        await within(stick(lease.page), 'the page gets stuck', 20_000);
        const newcomer = watch(pool.getPage('newcomer'));
        await within(remove(pool, lease), remedy, 20_000);
        await within(newcomer.settled, 'the slot comes back', 20_000);
        assert.strictEqual(newcomer.state, 'fulfilled', `a newcomer gets it: ${newcomer.error}`);
        assert.strictEqual(await newcomer.value.page.evaluate(() => 6 * 7), 42, 'and its page works');
        newcomer.value.release();
        assert.strictEqual(await bystander.page.evaluate(() => document.title), 'standby', 'a bystander keeps its page');
        assert.strictEqual((await manager.getBrowser()).process().pid, chrome, 'and Chrome was not restarted');
      });
    }
  }

  test('a tab that has stopped in its debugger is retired by its probe', async (assert) => {
    const { pool } = kit().pool();
    const lease = await kit().take(pool, 'stuck');
    await pool.warmStandbys();
    await ways['a debugger statement'](lease.page);
    lease.release();
    const next = await kit().take(pool, 'stuck');
    assert.notStrictEqual(next.page, lease.page, 'another page');
    assert.deepEqual(pool.getUnresponsiveTabSwaps(), { stuck: 1 }, 'which is counted');
  });

  test('closeAll and stop end within bounds while pages are stuck', async (assert) => {
    const { pool, manager } = kit().pool({ maxPages: 3 });
    for (const way of ['an endless loop', 'a debugger statement', 'an alert']) {
      const lease = await kit().take(pool, way);
      await within(ways[way](lease.page), 'the page gets stuck', 20_000);
      lease.release();
    }
    await within(pool.closeAll(), 'closeAll', 20_000);
    const browser = await manager.getBrowser();
    assert.deepEqual(browser.browserContexts().map((context) => context.id), [undefined], 'no context is left but the default one');
    await within(manager.stop(), 'stop', 10_000);
    assert.deepEqual(kit().browsers(), [], 'no Chrome is left');
  });

  test('one render in an endless loop whose page does not close, and many callers of several priorities', async (assert) => {
    const { pool, manager } = kit().pool({ maxPages: 3 });
    const chrome = (await manager.getBrowser()).process().pid;
    const stuck = await kit().take(pool, 'incident');
    const renderer = await rendererOf(stuck.page);
    await ways['an endless loop'](stuck.page);
    // Its loop cannot even be interrupted.
    process.kill(renderer, 'SIGSTOP');

    const served = [];
    const callers = Array.from({ length: 30 }, async (_, index) => {
      const key = `tenant ${index % 6}`;
      const priority = index % 3;
      const lease = await kit().take(pool, key, ['file', 'module', 'command'][index % 3], { priority });
      assert.strictEqual(await lease.page.evaluate((n) => n * 2, index), index * 2, `caller ${index} renders`);
      served.push(index);
      lease.release();
    });
    // Its own tenant comes again as well: on a clean page.
    const disposed = pool.disposeAffinity('incident');
    const again = watch(kit().take(pool, 'incident'));
    await within(Promise.all(callers), 'all others are served while the lease is held', 40_000);
    assert.strictEqual(served.length, 30, 'every caller was served');
    await within(again.settled, 'the same tenant is served', 20_000);
    assert.strictEqual(await again.value.page.evaluate(() => 'clean'), 'clean', 'on a page that works');
    again.value.release();
    stuck.release();
    await within(disposed, 'the stuck page is gone', 20_000);
    assert.strictEqual(pool.getQueueDepthSnapshot().totalPending, 0, 'nobody waits any more');
    assert.strictEqual((await manager.getBrowser()).process().pid, chrome, 'Chrome is the same');
    await until(() => (pool.getSharedContextSnapshot().entries.every((entry) => !entry.closing)), 'nothing is closing any more');
  });
});
