'use strict';

const vm = require('node:vm');
const { failedRequest } = require('./helpers/fake-browser.js');
const { bounded, contract, ledger, turns, until } = require('./helpers/harness.js');

const NOT_READY = ['ERR_CONNECTION_REFUSED', 'ERR_CONNECTION_RESET', 'ERR_CONNECTION_CLOSED'];

/** Makes the first `count` navigations fail in a way, and lets the rest through. */
const failing =
  (count, how) =>
  ({ next, nth }) =>
    nth <= count ? how() : next();

contract('SPEC 5: making a standby', (test) => {
  test('its steps, in order', async (assert, t) => {
    const { browser } = await t.warm({ maxPages: 1 });
    const names = browser.calls.map((call) => call.name);
    const at = (name) => names.indexOf(name);
    assert.strictEqual(at('getBrowser'), 0, 'SPEC 12: manager.getBrowser() first');
    const order = ['createBrowserContext', 'newPage', 'browserContext', 'goto', 'waitForFunction'];
    assert.deepEqual(
      names.filter((name) => order.includes(name)),
      order,
      'SPEC 5: new context, new page in it, go, wait',
    );
    for (const before of ['evaluateOnNewDocument', 'on', 'createCDPSession', 'send'])
      assert.true(at(before) > 0 && at(before) < at('goto'), `SPEC 5: ${before} before navigation`);
    const events = browser.of('on').map((call) => call.args[0]);
    assert.true(
      events.includes('console') && events.includes('requestfailed'),
      'SPEC 12: what it listens to',
    );
    const sent = browser.of('send').map((call) => call.args[0]);
    assert.deepEqual(
      [...new Set(sent)].sort(),
      ['Network.enable', 'Runtime.enable'],
      'SPEC 12: what it sends',
    );
    for (const call of browser.calls) {
      const receiver = {
        getBrowser: browser.manager,
        cleanupUserDataDirs: browser.manager,
        createBrowserContext: browser,
        newPage: browser.contexts[0],
        closeContext: browser.contexts[0],
        send: browser.pages[0].sessions[0],
      };
      const sessions = browser.pages[0].sessions;
      const right = call.name === 'send' ? sessions.includes(call.target) : undefined;
      assert.true(
        right ?? call.target === (receiver[call.name] ?? browser.pages[0]),
        `SPEC 12: ${call.name} is called on its object`,
      );
    }
  });

  test('the page is marked before any document loads', async (assert, t) => {
    const { browser } = await t.warm({ maxPages: 1 });
    const realm = vm.createContext({});
    for (const call of browser.of('evaluateOnNewDocument')) {
      assert.strictEqual(typeof call.args[0], 'function', 'SPEC 12: fn is a real JavaScript function');
      vm.runInContext(`(${call.args[0]})()`, realm);
    }
    assert.strictEqual(
      vm.runInContext('globalThis.__boxelDuringPrerender', realm),
      true,
      'SPEC 5: first mark',
    );
    assert.strictEqual(
      vm.runInContext('globalThis.__boxelRenderContext', realm),
      true,
      'SPEC 5: second mark',
    );
  });

  test('readiness is #standby-ready', async (assert, t) => {
    const { browser } = await t.warm({ maxPages: 1 });
    const [fn] = browser.of('waitForFunction')[0].args;
    assert.strictEqual(typeof fn, 'function', 'SPEC 12: fn is a real JavaScript function');
    const selectors = [];
    const look = (found) =>
      vm.runInNewContext(`(${fn})()`, {
        document: {
          querySelector(selector) {
            selectors.push(selector);
            return found;
          },
        },
      });
    assert.true(Boolean(look({})), 'SPEC 5: finds something');
    assert.false(Boolean(look(null)), 'SPEC 5: finds nothing');
    assert.deepEqual(selectors, ['#standby-ready', '#standby-ready'], 'SPEC 5: the selector');
  });

  test('is not ready before the wait ends', async (assert, t) => {
    const { pool, browser } = t.make({ maxPages: 1 });
    const gate = t.gate();
    browser.on.waitForFunction = ({ next }) => gate.promise.then(next);
    const asked = t.ask(pool, 'a');
    await until(() => browser.count('waitForFunction') === 1, 'the wait for readiness');
    await turns();
    assert.strictEqual(asked.state, 'pending', 'SPEC 5: then wait until #standby-ready');
    gate.open();
    await asked.lease();
  });

  test('a page of another context is an error', async (assert, t) => {
    const { pool, browser } = t.make({ maxPages: 1 });
    browser.on.browserContext = ({ nth, next }) => (nth === 1 ? {} : next());
    await pool.warmStandbys();
    assert.strictEqual(t.lines('error').length, 1, 'SPEC 5: an error');
    assert.true(browser.contexts[0].closed, 'SPEC 5: a failed attempt closes its context');
    assert.strictEqual(browser.alive.length, 1, 'SPEC 5: and is made again');
  });

  test('are made one at a time', async (assert, t) => {
    const { pool, browser } = t.make({ maxPages: 3 });
    let open = 0;
    let most = 0;
    browser.on.createBrowserContext = ({ next }) => {
      most = Math.max(most, ++open);
      return next();
    };
    browser.on.waitForFunction = async ({ next }) => {
      await turns(1);
      open -= 1;
      return next();
    };
    await pool.warmStandbys();
    assert.strictEqual(browser.contexts.length, 3, 'SPEC 5: current pages - bound tabs');
    assert.strictEqual(most, 1, 'SPEC 13: standbys of a JavaScript browser manager are made one at a time');
  });

  test('the wanted count', async (assert, t) => {
    const { pool, browser } = await t.warm({ maxPages: 3 });
    const standbys = () => browser.alive.length - pool.getQueueDepthSnapshot().totalTabs;
    assert.strictEqual(standbys(), 3, 'SPEC 5: three of three');
    for (const [key, wanted] of [
      ['a', 2],
      ['b', 1],
      ['c', 1],
    ]) {
      await t.get(pool, key);
      await pool.warmStandbys();
      assert.strictEqual(standbys(), wanted, `SPEC 5: ${wanted} with ${key} bound`);
    }
    assert.strictEqual(browser.contexts.length, 4, 'SPEC 5: none was made in vain');
  });

  test('the wanted count is looked at anew after each', async (assert, t) => {
    const { pool, browser } = t.make({ maxPages: 3, disableStandbyRefill: true });
    const gate = t.gate();
    browser.on.goto = ({ next, nth }) => (nth === 1 ? gate.promise.then(next) : next());
    const warm = pool.warmStandbys();
    await until(() => browser.count('goto') === 1, 'the first of three');
    const asked = t.ask(pool, 'a');
    await turns();
    gate.open();
    await asked.lease();
    await bounded(warm, 'SPEC 13: warmStandbys() resolves also when no more can be made');
    assert.strictEqual(browser.contexts.length, 1, 'SPEC 5: 0 when refill is disabled and any tab is bound');
  });

  test('warmStandbys joins what is under way', async (assert, t) => {
    const { pool, browser } = t.make({ maxPages: 2 });
    const gate = t.gate();
    browser.on.goto = ({ next }) => gate.promise.then(next);
    let ended = 0;
    const both = [pool.warmStandbys(), pool.warmStandbys()].map((each) => each.then(() => ended++));
    await until(() => browser.count('goto') === 1, 'the first');
    await turns();
    assert.strictEqual(ended, 0, 'SPEC 5: resolves when the refill has nothing left to do');
    gate.open();
    await bounded(Promise.all(both), 'warmStandbys');
    assert.strictEqual(browser.contexts.length, 2, 'SPEC 13: warmStandbys() joins what is under way');
  });

  test('warmStandbys resolves also when no more can be made', async (assert, t) => {
    const { pool, browser } = await t.warm({ maxPages: 1 });
    await t.get(pool, 'a');
    await t.get(pool, 'b');
    await bounded(pool.warmStandbys(), 'SPEC 13: warmStandbys() with every slot leased');
    assert.true(browser.alive.length <= 2, 'SPEC 5: current pages + 1');
    const hopeless = t.make({ maxPages: 1 });
    hopeless.browser.on.createBrowserContext = () => Promise.reject(new Error('no browser'));
    await bounded(hopeless.pool.warmStandbys(), 'SPEC 13: warmStandbys() that cannot make any');
  });
});

contract('SPEC 5: attempts', (test) => {
  test('three, 500 ms apart, doubling; each closes its context', async (assert, t) => {
    const { pool, browser } = t.make({ maxPages: 1 });
    browser.on.goto = failing(99, () => Promise.reject(new Error('net::ERR_ABORTED')));
    await pool.warmStandbys();
    assert.strictEqual(browser.count('goto'), 3, 'SPEC 5: up to 3 attempts');
    const [first, second, third] = browser.of('goto').map((call) => call.at);
    assert.true(second - first >= 480, `SPEC 5: 500 ms apart (${second - first})`);
    assert.true(third - second >= 960, `SPEC 5: doubling (${third - second})`);
    assert.strictEqual(browser.alive.length, 0, 'SPEC 5: a failed attempt closes its context');
    assert.deepEqual(
      browser.contexts.map((context) => context.closeCalls),
      [1, 1, 1],
      'SPEC 6: each exactly once',
    );
    assert.strictEqual(t.lines('error').length, 3, 'SPEC 5: anything else is logged as an error');
  });

  test('a host that is starting is expected', async (assert, t) => {
    const ways = [
      ['502', async () => ({ status: () => 502 })],
      ['503', async () => ({ status: () => 503 })],
      ...NOT_READY.map((code) => [
        code,
        () => Promise.reject(new Error(`net::${code} at https://host.example`)),
      ]),
    ];
    await Promise.all(
      ways.map(async ([what, how]) => {
        const log = [];
        const logger = () => ({
          debug: (text) => log.push(['debug', text]),
          info: (text) => log.push(['info', text]),
          warn: (text) => log.push(['warn', text]),
          error: (text) => log.push(['error', text]),
        });
        const { pool, browser } = t.make({ maxPages: 1, logger, env: {} });
        log.length = 0;
        browser.on.goto = failing(1, how);
        await pool.warmStandbys();
        assert.deepEqual(
          log.filter(([level]) => level === 'error' || level === 'warn'),
          [],
          `SPEC 5: ${what} is no error`,
        );
        assert.true(
          log.some(([level]) => level === 'debug'),
          `SPEC 5: ${what} is logged at debug`,
        );
        assert.deepEqual(
          browser.contexts.map((context) => context.closed),
          [true, false],
          `SPEC 5: ${what} is tried again`,
        );
      }),
    );
  });

  test('other statuses count as loaded; goto may resolve to nothing', async (assert, t) => {
    for (const response of [undefined, null, { status: () => 404 }]) {
      const { pool, browser } = t.make({ maxPages: 1 });
      browser.on.goto = async () => response;
      await pool.warmStandbys();
      assert.strictEqual(browser.alive.length, 1, 'SPEC 12: goto may resolve to nothing');
      assert.strictEqual(browser.contexts.length, 1, 'at the first attempt');
    }
  });

  test('no readiness in time', async (assert, t) => {
    const { pool, browser } = t.make({ maxPages: 1, standbyTimeoutMs: 40 });
    browser.on.waitForFunction = () => new Promise(() => {});
    const asked = await t.ask(pool, 'a').end();
    const { cause } = asked.error;
    assert.true(
      /^Standby page [0-9a-f-]{36} timed out after 40ms$/.test(cause?.message),
      `SPEC 5: the message (${cause?.message})`,
    );
    assert.strictEqual(cause?.code, 'STANDBY_TIMEOUT', 'SPEC 14: the code');
    assert.strictEqual(browser.alive.length, 0, 'SPEC 5: its context is closed');
  });

  test('a goto that never settles is bounded by the budget', async (assert, t) => {
    const { pool, browser } = t.make({ maxPages: 1, standbyTimeoutMs: 60 });
    browser.on.goto = failing(1, () => new Promise(() => {}));
    await bounded(pool.warmStandbys(), 'SPEC 5: the budget bounds the whole attempt');
    assert.deepEqual(
      browser.contexts.map((context) => context.closed),
      [true, false],
      'SPEC 5: closed, and tried again',
    );
  });

  test('a new page that never comes is bounded by the budget', async (assert, t) => {
    const { pool, browser } = t.make({ maxPages: 1, standbyTimeoutMs: 60 });
    browser.on.newPage = failing(1, () => new Promise(() => {}));
    await bounded(pool.warmStandbys(), 'SPEC 5: the budget bounds the whole attempt, newPage included');
    assert.strictEqual(browser.alive.length, 1, 'SPEC 5: the second attempt');
  });

  test('a failed attempt whose context does not close', async (assert, t) => {
    const { pool, browser } = t.make({ maxPages: 1, closeTimeoutMs: 40 });
    browser.on.goto = failing(1, () => Promise.reject(new Error('net::ERR_ABORTED')));
    browser.on.closeContext = failing(1, () => new Promise(() => {}));
    const lease = await t.get(pool, 'a');
    assert.strictEqual(
      lease.page,
      browser.pages[1],
      'SPEC 7: every close is bounded: the next attempt goes on',
    );
    assert.strictEqual(browser.contexts[0].closeCalls, 1, 'SPEC 6: it is closed once');
  });

  test('one that waits to be tried again lets another go ahead', async (assert, t) => {
    const { pool, browser } = t.make({ maxPages: 2 });
    browser.on.goto = failing(1, () => Promise.reject(new Error('net::ERR_ABORTED')));
    await pool.warmStandbys();
    const [first, second, third] = browser.of('goto').map((call) => call.at);
    assert.strictEqual(browser.count('goto'), 3, 'one failed, two ready');
    assert.true(
      second - first < third - second,
      `SPEC 5: another one goes ahead meanwhile (${second - first}, ${third - second})`,
    );
  });

  test('a certificate change ends the wait at once', async (assert, t) => {
    const stages = ['goto', 'waitForFunction'];
    const types = ['document', 'script', 'stylesheet'];
    const cases = stages.flatMap((stage) => types.map((type) => [stage, type, true]));
    cases.push(['goto', 'document', false], ['waitForFunction', 'script', false]);
    await Promise.all(
      cases.map(async ([stage, resourceType, off]) => {
        const { pool, browser } = t.make({ maxPages: 1 });
        const what = `${resourceType} while ${stage} is pending${off ? '' : ', no page.off'}`;
        browser.on[stage] = failing(1, () => new Promise(() => {}));
        if (!off) {
          browser.on.browserContext = ({ target, next }) => {
            target.off = undefined;
            return next();
          };
        }
        const warm = pool.warmStandbys();
        await until(() => browser.count(stage) === 1, what);
        browser.pages[0].emit(
          'requestfailed',
          failedRequest({ errorText: 'net::ERR_CERT_VERIFIER_CHANGED', resourceType }),
        );
        await bounded(warm, `SPEC 5: a certificate change on a ${what}`);
        assert.true(browser.contexts[0].closed, `SPEC 5: aborts the wait at once (${what})`);
        assert.strictEqual(browser.alive.length, 1, `SPEC 5: the retry (${what})`);
      }),
    );
    assert.deepEqual(t.lines('error'), [], 'SPEC 5: StandbyTargetNotReadyError is no error line');
  });

  test('on an image it changes nothing', async (assert, t) => {
    const { pool, browser } = t.make({ maxPages: 1 });
    const gate = t.gate();
    browser.on.goto = ({ next }) => gate.promise.then(next);
    const warm = pool.warmStandbys();
    await until(() => browser.count('goto') === 1, 'the navigation');
    const [page] = browser.pages;
    for (const resourceType of ['image', 'font', 'xhr', 'fetch', 'media'])
      page.emit(
        'requestfailed',
        failedRequest({ errorText: 'net::ERR_CERT_VERIFIER_CHANGED', resourceType }),
      );
    page.emit('requestfailed', failedRequest({ errorText: 'net::ERR_FAILED', resourceType: 'script' }));
    page.emit('requestfailed', { failure: () => null, resourceType: () => 'document', url: () => 'x' });
    await turns();
    gate.open();
    await warm;
    assert.strictEqual(browser.contexts.length, 1, 'SPEC 5: on an image or the like it changes nothing');
  });
});

contract('SPEC 5: slots', (test) => {
  test('closing contexts count until the browser has let go, in both dispose modes', async (assert, t) => {
    for (const awaitIdle of [true, false]) {
      const { pool, browser } = await t.warm({ maxPages: 1 });
      await t.visit(pool, 'a');
      await pool.warmStandbys();
      const gate = t.gate();
      browser.on.closeContext = ({ next }) => gate.promise.then(next);
      const gone = pool.disposeAffinity('a', { awaitIdle });
      await t.visit(pool, 'b');
      await turns();
      assert.true(
        browser.alive.length <= 2,
        `SPEC 5: never exceed current pages + 1, awaitIdle ${awaitIdle}`,
      );
      const c = t.ask(pool, 'c');
      await turns();
      assert.true(browser.alive.length <= 2, `SPEC 5: also when somebody waits, awaitIdle ${awaitIdle}`);
      gate.open();
      await gone;
      await c.lease();
      assert.true(browser.peak <= 2, `SPEC 5: at no time, awaitIdle ${awaitIdle}`);
    }
  });

  test('orphans take no slot; a page in one needs one', async (assert, t) => {
    const { pool, browser } = await t.warm({ maxPages: 1, env: { PRERENDER_SHARED_CONTEXT_CAP: '9' } });
    for (const key of ['a', 'b', 'c']) {
      await t.visit(pool, key);
      await pool.disposeAffinity(key, { retainSharedContext: true });
      await pool.warmStandbys();
    }
    const orphans = pool.getSharedContextSnapshot().entries.filter((entry) => entry.pageCount === 0);
    assert.strictEqual(orphans.length, 3, 'SPEC 5: contexts without a page take no slot');
    const paged = () => browser.pages.filter((page) => !page.closed).length;
    for (const key of ['a', 'b', 'c']) {
      await t.visit(pool, key);
      assert.true(
        paged() <= 2,
        `SPEC 5: opening a page in an orphan needs a slot like a standby (${paged()})`,
      );
    }
  });

  test('a standby gives way to a page in an orphan', async (assert, t) => {
    const { pool, browser } = await t.warm({ maxPages: 1 });
    const a = await t.visit(pool, 'a');
    await pool.disposeAffinity('a', { retainSharedContext: true });
    await pool.warmStandbys();
    await t.get(pool, 'b');
    await pool.warmStandbys();
    const again = await t.get(pool, 'a');
    assert.strictEqual(again.page.browserContext(), a.page.browserContext(), 'SPEC 4d: its orphan');
    assert.true(browser.pages.filter((page) => !page.closed).length <= 2, 'SPEC 5: a standby gave way');
  });

  test('what makes room is closed whole; its next visit takes a ready standby', async (assert, t) => {
    const { pool, browser } = await t.warm({ maxPages: 1 });
    const a = await t.visit(pool, 'a');
    for (const key of ['b', 'c', 'd']) await t.visit(pool, key);
    await pool.warmStandbys();
    assert.strictEqual(ledger(pool, 'a'), undefined, 'SPEC 5: nothing of it is kept as an orphan');
    assert.true(a.page.browserContext().closed, 'SPEC 5: pages and context');
    const made = browser.contexts.length;
    const again = await t.visit(pool, 'a');
    assert.notStrictEqual(again.page.browserContext(), a.page.browserContext(), 'SPEC 5: a fresh context');
    assert.true(again.page.browserContext().number < made, 'SPEC 5: a ready standby at once');
  });
});
