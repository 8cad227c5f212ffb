'use strict';

const { FakePage, failedRequest, message } = require('./helpers/fake-browser.js');
const { bounded, contract, getPendingNetworkRequests, turns, until } = require('./helpers/harness.js');

/** Everything section 12 lets the pool touch of each object. */
const ALLOWED = {
  manager: ['getBrowser', 'cleanupUserDataDirs'],
  browser: ['createBrowserContext'],
  context: ['newPage', 'close'],
  page: [
    'browserContext',
    'goto',
    'waitForFunction',
    'evaluate',
    'close',
    'on',
    'removeAllListeners',
    'off',
    'evaluateOnNewDocument',
    'createCDPSession',
  ],
  session: ['send', 'on'],
};

/** An object that notes which of its methods are called, and fails on any other. */
function spied(target, kind, used, wrap = {}) {
  return new Proxy(target, {
    get(object, property, receiver) {
      const value = Reflect.get(object, property, object);
      if (typeof property !== 'string' || typeof value !== 'function') return value;
      return (...args) => {
        used.add(`${kind}.${property}`);
        return wrap[property] ? wrap[property](args, receiver) : value.apply(object, args);
      };
    },
  });
}

contract('SPEC 12: what is called', (test) => {
  test('nothing but the methods listed', async (assert, t) => {
    const used = new Set();
    const { browser } = { browser: t.browser() };
    const session = (real) => spied(real, 'session', used);
    const pages = new Map();
    const page = (real, context) => {
      if (!pages.has(real))
        pages.set(
          real,
          spied(real, 'page', used, {
            browserContext: () => context,
            createCDPSession: async () => session(await real.createCDPSession()),
          }),
        );
      return pages.get(real);
    };
    const manager = spied(browser.manager, 'manager', used, {
      getBrowser: async () =>
        spied(browser, 'browser', used, {
          createBrowserContext: async () => {
            const real = await browser.createBrowserContext();
            return spied(real, 'context', used, {
              newPage: async (_, self) => page(await real.newPage(), self),
            });
          },
        }),
    });
    const { pool } = await t.warm({ maxPages: 2, browser: { manager } });
    const lease = await t.visit(pool, 'a');
    assert.true([...pages.values()].includes(lease.page), 'SPEC 12: handed to the caller unchanged (===)');
    await t.visit(pool, 'a');
    for (const real of browser.pages) {
      real.emit('console', message({ text: 'x' }));
      real.emit('requestfailed', failedRequest({ errorText: 'net::ERR_FAILED' }));
    }
    await t.visit(pool, 'b');
    await pool.disposeAffinity('a', { retainSharedContext: true });
    await t.visit(pool, 'a');
    await pool.disposeAffinity('b');
    await pool.closeAll();
    const allowed = Object.entries(ALLOWED).flatMap(([kind, names]) =>
      names.map((name) => `${kind}.${name}`),
    );
    assert.deepEqual(
      [...used].filter((name) => !allowed.includes(name)),
      [],
      'SPEC 12: and calls nothing else',
    );
  });

  test('methods are looked up at the time of the call', async (assert, t) => {
    const { pool, browser } = await t.warm({ maxPages: 1 });
    const lease = await t.visit(pool, 'a');
    const seen = [];
    lease.page.evaluate = function (fn) {
      seen.push(['evaluate', this === lease.page]);
      return Promise.resolve(fn());
    };
    const context = lease.page.browserContext();
    context.close = function () {
      seen.push(['close', this === context]);
      return Object.getPrototypeOf(context).close.call(this);
    };
    browser.manager.cleanupUserDataDirs = function () {
      seen.push(['cleanup', this === browser.manager]);
    };
    await t.visit(pool, 'a');
    await pool.disposeAffinity('a');
    await until(() => seen.some(([name]) => name === 'cleanup'), 'SPEC 7: cleanup');
    assert.deepEqual(
      seen.sort(),
      [
        ['cleanup', true],
        ['close', true],
        ['evaluate', true],
      ],
      'SPEC 12: methods are looked up at the time of the call and called on their object',
    );
  });

  test('plain values do as well as promises', async (assert, t) => {
    const { pool, browser } = t.make({ maxPages: 1 });
    const { manager } = browser;
    manager.getBrowser = () => browser;
    browser.on.goto = () => ({ status: () => 200 });
    browser.on.waitForFunction = () => true;
    browser.on.evaluate = () => 1;
    browser.on.closePage = ({ target }) => {
      target.closed = true;
    };
    browser.on.send = () => undefined;
    browser.on.evaluateOnNewDocument = () => undefined;
    const lease = await t.visit(pool, 'a');
    assert.strictEqual(
      (await t.visit(pool, 'a')).pageId,
      lease.pageId,
      'SPEC 12: any of these may return a plain value',
    );
    await bounded(pool.disposeAffinity('a'), 'disposeAffinity');
  });
});

contract('SPEC 12: the second group', (test) => {
  const missing = ['off', 'evaluateOnNewDocument', 'createCDPSession'];

  test('a method that is missing costs only what it provides', async (assert, t) => {
    for (const name of missing) {
      const { pool, browser } = t.make({ maxPages: 1 });
      browser.on.newPage = async ({ next }) => {
        const page = await next();
        page[name] = undefined;
        return page;
      };
      const lease = await t.get(pool, 'a');
      assert.strictEqual(browser.contexts.length >= 1, true, `SPEC 12: without page.${name}`);
      pool.resetConsoleErrors(lease.pageId);
      lease.page.emit('console', message({ text: 'still heard' }));
      await until(() => t.lines('error', 'prerenderer-chrome').length > 0, 'the log');
      t.log.length = 0;
      await turns(1);
      assert.deepEqual(
        pool.takeConsoleErrors(lease.pageId).map((entry) => entry.text),
        ['still heard'],
        `SPEC 12: console capture without page.${name}`,
      );
      assert.strictEqual(
        getPendingNetworkRequests(lease.page) === null,
        name === 'createCDPSession',
        `SPEC 12: network capture without page.${name}`,
      );
    }
  });

  test('one that throws, rejects or never settles', async (assert, t) => {
    const ways = {
      throws: () => {
        throw new Error('sync');
      },
      rejects: () => Promise.reject(new Error('async')),
      'never settles': () => new Promise(() => {}),
    };
    for (const [what, how] of Object.entries(ways))
      for (const name of [...missing, 'send']) {
        const { pool, browser } = t.make({ maxPages: 1 });
        browser.on[name] = how;
        const lease = await bounded(t.get(pool, 'a'), `SPEC 12: ${name} that ${what}`);
        assert.false(lease.page.closed, `SPEC 12: ${name} that ${what} costs only what it provides`);
        lease.release();
        await bounded(pool.disposeAffinity('a'), `SPEC 12: ${name} that ${what}: disposal`);
      }
  });

  test('sessions that only know one domain', async (assert, t) => {
    for (const [domain, works] of [
      ['Runtime.enable', 'network'],
      ['Network.enable', 'exceptions'],
    ]) {
      const { pool, browser } = t.make({ maxPages: 1 });
      browser.on.send = ({ args, next }) =>
        args[0] === domain ? Promise.reject(new Error('not supported')) : next();
      const lease = await t.get(pool, 'a');
      if (works === 'network') {
        assert.deepEqual(getPendingNetworkRequests(lease.page), [], 'SPEC 12: network without exceptions');
      } else {
        pool.resetConsoleErrors(lease.pageId);
        lease.page.emitCdp('Runtime.exceptionThrown', {
          timestamp: 1,
          exceptionDetails: { exceptionId: 1, text: 'Uncaught x', lineNumber: 0, columnNumber: 0 },
        });
        await turns();
        assert.strictEqual(
          pool.takeConsoleErrors(lease.pageId).length,
          1,
          'SPEC 12: exceptions without network',
        );
      }
    }
  });

  test('messages and requests whose methods fail', async (assert, t) => {
    const { pool } = await t.warm({ maxPages: 1 });
    const lease = await t.get(pool, 'a');
    pool.resetConsoleErrors(lease.pageId);
    const broken = () => {
      throw new Error('gone');
    };
    for (const method of ['args', 'location', 'stackTrace', 'text', 'type'])
      lease.page.emit('console', { ...message({ text: `no ${method}` }), [method]: broken });
    for (const method of ['failure', 'resourceType', 'url'])
      lease.page.emit('requestfailed', { ...failedRequest({ errorText: 'x' }), [method]: broken });
    lease.page.emit('console', message({ text: 'the last' }));
    await until(() => t.log.some((line) => line.text.includes('the last')), 'the last');
    await turns();
    assert.true(
      pool.takeConsoleErrors(lease.pageId).some((entry) => entry.text === 'the last'),
      'SPEC 12: the rest goes on',
    );
  });
});

contract('SPEC 12: trouble in the first group', (test) => {
  test('each step of a standby may fail, throw or give nothing', async (assert, t) => {
    const steps = [
      'getBrowser',
      'createBrowserContext',
      'newPage',
      'browserContext',
      'goto',
      'waitForFunction',
      'on',
    ];
    const ways = {
      throws: () => {
        throw new Error('sync');
      },
      rejects: () => Promise.reject(new Error('async')),
    };
    await Promise.all(
      steps.flatMap((step) =>
        Object.entries(ways).map(async ([what, how]) => {
          if (step === 'on' || step === 'browserContext') if (what === 'rejects') return;
          const { pool, browser } = t.make({ maxPages: 1 });
          browser.on[step] = ({ nth, next }) => (nth === 1 ? how() : next());
          const lease = await bounded(t.get(pool, 'a'), `SPEC 5: ${step} that ${what} once`, 30_000);
          assert.true(lease.page instanceof FakePage, `SPEC 5: ${step} that ${what} once: tried again`);
        }),
      ),
    );
  });

  test('a failing cleanupUserDataDirs is logged', async (assert, t) => {
    for (const how of [
      () => Promise.reject(new Error('disk is full')),
      () => {
        throw new Error('disk is full');
      },
    ]) {
      const { pool, browser } = await t.warm({ maxPages: 1 });
      await t.visit(pool, 'a');
      t.log.length = 0;
      browser.on.cleanupUserDataDirs = how;
      await bounded(pool.disposeAffinity('a'), 'disposeAffinity');
      await until(() => t.log.some((line) => line.text.includes('disk is full')), 'SPEC 12: it is logged');
      assert.deepEqual(pool.getWarmAffinities(), [], 'SPEC 12: and changes nothing');
    }
  });

  test('a cleanupUserDataDirs that never settles holds nobody', async (assert, t) => {
    const { pool, browser } = await t.warm({ maxPages: 1 });
    await t.visit(pool, 'a');
    browser.on.cleanupUserDataDirs = () => new Promise(() => {});
    await pool.disposeAffinity('a', { awaitIdle: false });
    assert.strictEqual((await t.visit(pool, 'b')).reused, false, 'SPEC 13: nothing waits for it');
    assert.strictEqual((await t.visit(pool, 'c')).reused, false, 'SPEC 13: nor the refill');
  });

  test('pages that fail after their teardown', async (assert, t) => {
    const { pool, browser } = await t.warm({ maxPages: 1 });
    const lease = await t.visit(pool, 'a');
    const late = t.gate();
    browser.on.evaluate = () => late.promise;
    const controller = new AbortController();
    const asked = t.ask(pool, 'a', 'file', { signal: controller.signal });
    await until(() => browser.count('evaluate') === 1, 'the probe');
    controller.abort();
    await asked.end();
    await pool.disposeAffinity('a');
    late.fail(new Error('Target closed'));
    lease.page.emit('console', message({ text: 'after the end' }));
    lease.page.emitCdp('Runtime.exceptionThrown', {
      timestamp: 1,
      exceptionDetails: { exceptionId: 1, text: 'Uncaught', lineNumber: 0, columnNumber: 0 },
    });
    await turns(10);
    assert.true(lease.page.browserContext().closed, 'SPEC 13: and no unhandled rejection');
  });
});
