'use strict';

// Our own Chrome dies, hangs, is stopped or started anew, at every moment of a pool's life.

const { chromeModule } = require('./helpers/real-chrome.js');
const { until, watch, within } = require('./helpers/wait.js');

const chromeOf = async (manager) => (await manager.getBrowser()).process().pid;

chromeModule('Chrome dies', (kit, test) => {
  test('under a lease: its calls are rejected with BROWSER_DISCONNECTED, and the tenant gets a new page', async (assert) => {
    const { pool, manager } = kit().pool();
    const lease = await kit().take(pool, 'a');
    const pid = await chromeOf(manager);
    const pending = [
      lease.page.evaluate(() => new Promise(() => {})),
      lease.page.waitForFunction(() => false),
      lease.page.waitForNavigation(),
      lease.page.goto(`${kit().host.url}/hang`),
    ].map(watch);
    await until(() => kit().host.requests.includes('/hang'), 'the navigation is on its way');
    const closed = new Promise((resolve) => lease.page.once('close', resolve));
    process.kill(pid, 'SIGKILL');
    await within(closed, 'the page tells that it is closed');
    await within(Promise.all(pending.map((call) => call.settled)), 'every pending call settles');
    assert.deepEqual(pending.map(({ error }) => error?.code), pending.map(() => 'BROWSER_DISCONNECTED'), 'what was pending');
    const later = {
      evaluate: () => lease.page.evaluate(() => 1),
      goto: () => lease.page.goto(kit().host.url),
      title: () => lease.page.title(),
      screenshot: () => lease.page.screenshot(),
      waitForSelector: () => lease.page.waitForSelector('#x'),
      createCDPSession: () => lease.page.createCDPSession(),
    };
    for (const [name, call] of Object.entries(later)) {
      const error = await within(call().then(() => undefined, (e) => e), name);
      assert.strictEqual(error?.code, 'BROWSER_DISCONNECTED', `a later ${name}: ${error}`);
    }
    await within(lease.page.close(), 'closing it is no error');
    lease.release();
    assert.strictEqual(await kit().visit(pool, 'a'), 'ready', 'the next visit is served');
    assert.notStrictEqual(await chromeOf(manager), pid, 'by a new Chrome');
  });

  test('while the pool idles: it warms up again by itself', async (assert) => {
    const { pool, manager, logs } = kit().pool();
    await kit().visit(pool, 'a');
    await pool.warmStandbys();
    const pid = await chromeOf(manager);
    process.kill(pid, 'SIGKILL');
    await until(() => kit().browsers().some((browser) => browser !== pid), 'a new Chrome without a call', 20_000);
    assert.strictEqual(logs.find('warn', /the browser is gone/).length, 1, 'the log says why');
    assert.strictEqual(await kit().visit(pool, 'a'), 'ready', 'and it serves');
  });

  async function isServedAnew(assert, pool, first) {
    const second = await kit().take(pool, 'a');
    assert.notStrictEqual(second.page, first.page, 'another page');
    assert.false(second.reused, 'which is not warm');
    assert.strictEqual(await second.page.evaluate(() => 2 + 2), 4, 'and works');
  }

  test('between two renders: whoever comes next does not get the dead page', async (assert) => {
    const { pool, manager } = kit().pool();
    const first = await kit().take(pool, 'a');
    first.release();
    const browser = await manager.getBrowser();
    const gone = new Promise((resolve) => browser.once('disconnected', resolve));
    process.kill(browser.process().pid, 'SIGKILL');
    await within(gone, 'the browser tells');
    await isServedAnew(assert, pool, first);
  });

  test('and whoever sees it before the pool was told gets no dead page', async (assert) => {
    const { pool, manager } = kit().pool();
    const first = await kit().take(pool, 'a');
    first.release();
    const browser = await manager.getBrowser();
    process.kill(browser.process().pid, 'SIGKILL');
    // Nothing reaches the pool's thread before this has seen it.
    const end = performance.now() + 20_000;
    while (browser.connected && performance.now() < end);
    assert.false(browser.connected, 'the browser is gone');
    await isServedAnew(assert, pool, first);
  });

  test('while a standby is being made: its caller is served by the next Chrome', async (assert) => {
    const { pool, manager } = kit().pool({ maxPages: 1 });
    const pid = await chromeOf(manager);
    kit().host.silent = true;
    const asked = kit().host.requests.length;
    const waiting = watch(kit().take(pool, 'a'));
    await until(() => kit().host.requests.length > asked, 'the standby is on its way');
    process.kill(pid, 'SIGKILL');
    kit().host.silent = false;
    await within(waiting.settled, 'the caller is served', 20_000);
    assert.strictEqual(await waiting.value.page.evaluate(() => 5), 5, 'with a page that works');
  });

  test('again and again: every caller is served or told', async (assert) => {
    const { pool, manager } = kit().pool({ maxPages: 3 });
    const callers = Array.from({ length: 12 }, (_, index) => watch((async () => {
      const lease = await kit().take(pool, `tenant ${index % 4}`);
      try {
        return await lease.page.evaluate(() => 'rendered');
      } catch (error) {
        return error.code;
      } finally {
        lease.release();
      }
    })()));
    for (let deaths = 0; deaths < 3; deaths++) {
      const browser = await manager.getBrowser();
      const gone = new Promise((resolve) => browser.once('disconnected', resolve));
      process.kill(browser.process().pid, 'SIGKILL');
      await gone;
    }
    await within(Promise.all(callers.map((caller) => caller.settled)), 'every caller ends', 60_000);
    for (const caller of callers) {
      assert.true(['rendered', 'BROWSER_DISCONNECTED'].includes(caller.value) || caller.error?.code === 'STANDBY_UNAVAILABLE', `${caller.value ?? caller.error}`);
    }
    assert.strictEqual(await kit().visit(pool, 'a'), 'ready', 'and the pool goes on');
  });
});

chromeModule('Chrome hangs', (kit, test) => {
  test('a newcomer is served by another Chrome long before the budget of a standby is over', async (assert) => {
    const { pool, manager } = kit().pool({ maxPages: 2, standbyTimeoutMs: 60_000, closeTimeoutMs: 1000 });
    const pid = await chromeOf(manager);
    const held = await kit().take(pool, 'held');
    await kit().take(pool, 'other');
    process.kill(-pid, 'SIGSTOP');
    const pending = watch(held.page.evaluate(() => 1));
    held.release();
    const newcomer = await kit().take(pool, 'newcomer');
    assert.strictEqual(await newcomer.page.evaluate(() => 3), 3, 'it works');
    assert.notStrictEqual(await chromeOf(manager), pid, 'the hanging Chrome was replaced');
    await within(pending.settled, 'what was pending ends');
    assert.strictEqual(pending.error?.code, 'BROWSER_DISCONNECTED', 'with the browser');
  });

  test('a warm tab whose Chrome hangs fails with it, and the tenant gets another', async (assert) => {
    const { pool, manager } = kit().pool({ maxPages: 1, closeTimeoutMs: 1000, tabHealthProbeMs: 250 });
    await kit().visit(pool, 'a');
    const pid = await chromeOf(manager);
    process.kill(-pid, 'SIGSTOP');
    const lease = await kit().take(pool, 'a');
    const answer = await within(lease.page.evaluate(() => 1).catch((error) => error.code), 'an answer', 20_000);
    assert.true([1, 'BROWSER_DISCONNECTED'].includes(answer), `${answer}`);
    lease.release();
    assert.strictEqual(await kit().visit(pool, 'a'), 'ready', 'the next visit is served');
    assert.notStrictEqual(await chromeOf(manager), pid, 'by another Chrome');
  });
});

chromeModule('Chrome is stopped on purpose', (kit, test) => {
  test('under leases: they fail as when it dies, whoever waits is served by the next one', async (assert) => {
    const { pool, manager, logs } = kit().pool();
    const lease = await kit().take(pool, 'a');
    const other = await kit().take(pool, 'b');
    const waiting = watch(kit().take(pool, 'c'));
    const pending = watch(lease.page.evaluate(() => new Promise(() => {})));
    await within(manager.stop(), 'stop');
    await within(pending.settled, 'what was pending ends');
    assert.strictEqual(pending.error?.code, 'BROWSER_DISCONNECTED', 'its code');
    other.release();
    lease.release();
    await within(waiting.settled, 'the waiter is served', 20_000);
    assert.strictEqual(await waiting.value.page.evaluate(() => 1), 1, 'by a Chrome that works');
    assert.deepEqual(logs.find('warn', /crashed/), [], 'nothing is said to have crashed');
  });

  test('with nobody waiting: it stays stopped, and the next call starts it', async (assert) => {
    const { pool, manager } = kit().pool();
    await kit().visit(pool, 'a');
    // A refill is under way.
    await within(manager.stop(), 'stop');
    await new Promise((resolve) => setTimeout(resolve, 1500));
    assert.deepEqual(kit().browsers(), [], 'no Chrome came back by itself');
    assert.strictEqual(await kit().visit(pool, 'a'), 'ready', 'a visit brings one');
  });

  test('in any order with closeAll; and both can be followed by more', async (assert) => {
    const { pool, manager, logs } = kit().pool();
    await kit().visit(pool, 'a');
    await within(manager.stop(), 'stop');
    await within(pool.closeAll(), 'closeAll after stop');
    await within(manager.stop(), 'a second stop');
    assert.deepEqual(kit().browsers(), [], 'no Chrome');
    assert.strictEqual(await kit().visit(pool, 'a'), 'ready', 'getPage after both');
    await within(pool.closeAll(), 'closeAll');
    await within(manager.stop(), 'stop after closeAll');
    assert.deepEqual(logs.lines.filter(({ level }) => level === 'warn' || level === 'error'), [], 'nothing to warn of');
  });

  test('browser.close() is the same, and getBrowser starts another', async (assert) => {
    const { pool, manager } = kit().pool();
    const browser = await manager.getBrowser();
    await kit().visit(pool, 'a');
    await within(browser.close(), 'close');
    assert.false(browser.isConnected(), 'it is gone');
    const next = await manager.getBrowser();
    assert.notStrictEqual(next, browser, 'another browser');
    assert.true(next.isConnected(), 'which runs');
    assert.strictEqual(await kit().visit(pool, 'a'), 'ready', 'and serves');
  });

  test('restartBrowser: a new Chrome, and the pool goes on in it', async (assert) => {
    const { pool, manager } = kit().pool();
    const lease = await kit().take(pool, 'a');
    const old = await manager.getBrowser();
    const [one, two, three] = await Promise.all([manager.restartBrowser(), manager.restartBrowser(), manager.getBrowser()]);
    assert.true(one === two && two === three && one !== old, 'those who ask at once share one new Chrome');
    assert.strictEqual(kit().browsers().length, 1, 'and there is no other');
    assert.strictEqual(await lease.page.evaluate(() => 1).catch((error) => error.code), 'BROWSER_DISCONNECTED', 'a lease on the old one fails');
    lease.release();
    assert.strictEqual(await kit().visit(pool, 'a'), 'ready', 'the next visit is served');
    assert.strictEqual(await manager.getBrowser(), one, 'by the new one');
  });

  test('two pools on one manager, and a third on another, do not disturb each other', async (assert) => {
    const manager = kit().manager();
    const [one, two] = [kit().pool({ manager }), kit().pool({ manager })];
    const three = kit().pool();
    const leases = await Promise.all([one, two, three].map(({ pool }) => kit().take(pool, 'a')));
    assert.strictEqual(new Set(leases.map((lease) => lease.page.browserContext())).size, 3, 'a context each');
    assert.strictEqual(new Set(leases.map((lease) => lease.page.browser())).size, 2, 'a Chrome for each manager');
    leases[0].release();
    await one.pool.closeAll();
    await three.manager.restartBrowser();
    assert.strictEqual(await leases[1].page.evaluate(() => 'unharmed'), 'unharmed', 'the second keeps its page');
  });
});
