'use strict';

const { lib, poolModule } = require('./helpers/kit.js');
const { NEVER, FakePage } = require('./helpers/fake-browser.js');
const { deferred, turns, until } = require('./helpers/wait.js');

const certError = (resourceType, url = 'http://host.test:4200/_standby') => ({
  failure: () => ({ errorText: 'net::ERR_CERT_VERIFIER_CHANGED' }),
  resourceType: () => resourceType,
  url: () => url,
});

poolModule('creating a standby', (kit) => {
  QUnit.test('goes through its steps in order', async (assert) => {
    const { fake } = await kit().warm();
    const names = fake.calls.map((c) => c.name);
    const order = (a, b) => assert.ok(names.indexOf(a) >= 0 && names.indexOf(a) < names.indexOf(b), `${a} before ${b}`);
    order('getBrowser', 'createBrowserContext');
    order('createBrowserContext', 'newPage');
    order('newPage', 'browserContext');
    order('newPage', 'goto');
    order('evaluateOnNewDocument', 'goto');
    order('on', 'goto');
    order('createCDPSession', 'goto');
    order('goto', 'waitForFunction');
    const goto = fake.calls.find((c) => c.name === 'goto');
    assert.strictEqual(goto.url, 'http://host.test:4200/_standby', 'the standby route');
    assert.strictEqual(goto.options.waitUntil, 'domcontentloaded', 'until domcontentloaded');
    assert.strictEqual(goto.options.timeout, 5000, 'with its budget');
    const events = fake.calls.filter((c) => c.name === 'on').map((c) => c.event);
    assert.ok(events.includes('console') && events.includes('requestfailed'), 'console and failed requests are listened to');
  });

  QUnit.test('marks the page before any document loads', async (assert) => {
    const { fake } = await kit().warm();
    const [page] = fake.pages;
    assert.ok(page.preloads.length > 0, 'a script for every new document');
    const keys = ['__boxelDuringPrerender', '__boxelRenderContext'];
    const before = keys.map((k) => globalThis[k]);
    for (const fn of page.preloads) {
      assert.strictEqual(typeof fn, 'function', 'a real function');
      fn();
    }
    assert.deepEqual(keys.map((k) => globalThis[k]), [true, true], 'sets both marks');
    keys.forEach((k, i) => (before[i] === undefined ? delete globalThis[k] : (globalThis[k] = before[i])));
  });

  QUnit.test('readiness looks for #standby-ready in the document', async (assert) => {
    const { fake } = await kit().warm();
    const { fn } = fake.calls.find((c) => c.name === 'waitForFunction');
    assert.strictEqual(typeof fn, 'function', 'a real function');
    const before = globalThis.document;
    const asked = [];
    let found = null;
    globalThis.document = { querySelector: (selector) => {
      asked.push(selector);
      return found;
    } };
    try {
      assert.notOk(fn(), 'not ready without it');
      found = {};
      assert.ok(fn(), 'ready with it');
    } finally {
      globalThis.document = before;
    }
    assert.deepEqual([...new Set(asked)], ['#standby-ready'], 'that very selector');
  });

  QUnit.test('functions survive being serialised by puppeteer', async (assert) => {
    const { pool, fake } = await kit().warm();
    await kit().visit(pool, 'a');
    await kit().visit(pool, 'a');
    const [page] = fake.pages;
    const fns = [...page.preloads, ...page.evaluations, ...fake.calls.filter((c) => c.name === 'waitForFunction').map((c) => c.fn)];
    for (const fn of fns) {
      assert.notOk(/native code/.test(fn.toString()), `has a source: ${fn}`);
      assert.ok(new Function(`return (${fn.toString()})`)() instanceof Function, 'which parses on its own');
    }
  });

  QUnit.test('a page of another context is an error', async (assert) => {
    const { pool, fake } = kit().make();
    fake.rule('browserContext', () => ({ not: 'this context' }));
    const ask = kit().ask(pool, 'a');
    await ask.settled;
    assert.strictEqual(ask.state, 'rejected', 'no standby came of it');
    assert.strictEqual(ask.error.code, 'STANDBY_UNAVAILABLE', 'its code');
    assert.strictEqual(ask.error.cause.code, 'PROTOCOL_ERROR', 'so has the cause');
    assert.ok(fake.contexts.every((c) => c.closeCalls === 1), 'every context was closed');
  });

  QUnit.test('it works over an object that returns plain values', async (assert) => {
    const { pool, fake } = await kit().warm({ fakeOptions: { plain: true }, maxPages: 2 });
    const lease = await kit().visit(pool, 'a');
    assert.strictEqual(lease.page, fake.pages[0], 'a lease');
    await kit().visit(pool, 'a');
    await pool.disposeAffinity('a');
    assert.strictEqual(fake.contexts[0].closeCalls, 1, 'closed');
  });

  const optional = ['off', 'evaluateOnNewDocument', 'createCDPSession'];
  for (const name of optional) {
    QUnit.test(`a page without ${name} costs only that`, async (assert) => {
      const { pool } = await kit().warm({ fakeOptions: { without: [name] } });
      assert.ok((await kit().visit(pool, 'a')).page, 'a lease');
    });

    QUnit.test(`${name} that throws costs only that`, async (assert) => {
      const { pool, fake } = kit().make();
      fake.rule(name, () => {
        throw new Error(`${name} is broken`);
      });
      assert.ok((await kit().visit(pool, 'a')).page, 'a lease');
    });

    if (name !== 'off') {
      QUnit.test(`${name} that rejects costs only that`, async (assert) => {
        const { pool, fake } = kit().make();
        fake.rule(name, () => Promise.reject(new Error(`${name} is broken`)));
        assert.ok((await kit().visit(pool, 'a')).page, 'a lease');
      });

      QUnit.test(`${name} that never settles costs only that`, async (assert) => {
        const { pool, fake } = kit().make({ standbyTimeoutMs: 400 });
        fake.rule(name, () => NEVER);
        assert.ok((await kit().visit(pool, 'a')).page, 'a lease');
      });
    }
  }

  QUnit.test('a page without any of them works', async (assert) => {
    const { pool } = await kit().warm({ fakeOptions: { without: optional } });
    assert.ok((await kit().visit(pool, 'a')).page, 'a lease');
  });

  QUnit.test('a session whose send rejects or never settles costs only the capture', async (assert) => {
    for (const result of [() => Promise.reject(new Error('no')), () => NEVER, () => {
      throw new Error('no');
    }]) {
      const { pool, fake } = kit().make({ standbyTimeoutMs: 400 });
      fake.rule('send', result);
      assert.ok((await kit().visit(pool, 'a')).page, 'a lease');
    }
  });

  QUnit.test('methods are looked up at each call', async (assert) => {
    const { pool, fake } = await kit().warm();
    const replaced = [];
    fake.getBrowser = function () {
      replaced.push(this === fake);
      return Promise.resolve(this.browser);
    };
    await kit().visit(pool, 'a');
    await kit().visit(pool, 'b');
    await kit().visit(pool, 'c');
    assert.ok(replaced.length > 0 && replaced.every(Boolean), 'the replaced method is called on its object');
  });
});

poolModule('standbys that fail', (kit) => {
  const attempt = async (assert, options, arrange) => {
    // Two pages: the second standby goes ahead while the first waits for its retry.
    const made = kit().make({ maxPages: 2, ...options });
    arrange(made.fake);
    const ask = kit().ask(made.pool, 'a');
    await ask.settled;
    return { ...made, ask };
  };

  for (const status of [502, 503]) {
    QUnit.test(`HTTP ${status} is a host app that is not there yet: logged at debug, tried again`, async (assert) => {
      const { fake, ask, logs } = await attempt(assert, {}, (f) => f.once('goto', () => Promise.resolve({ status: () => status })));
      assert.strictEqual(ask.state, 'fulfilled', 'the next standby succeeds');
      assert.strictEqual(fake.contexts[0].closeCalls, 1, 'the failed attempt closed its context');
      assert.strictEqual(logs.find('error', /./).length, 0, 'no error in the log');
      assert.ok(logs.find('debug', new RegExp(String(status))).length >= 1, 'a debug line');
    });
  }

  for (const code of ['ERR_CONNECTION_REFUSED', 'ERR_CONNECTION_RESET', 'ERR_CONNECTION_CLOSED']) {
    QUnit.test(`${code} is expected while the host app starts`, async (assert) => {
      const { ask, logs } = await attempt(assert, {}, (f) => f.once('goto', () => Promise.reject(new Error(`net::${code} at http://host.test:4200/_standby`))));
      assert.strictEqual(ask.state, 'fulfilled', 'the second attempt succeeds');
      assert.strictEqual(logs.find('error', /./).length, 0, 'no error in the log');
    });
  }

  QUnit.test('with all attempts refused the cause is a StandbyTargetNotReadyError', async (assert) => {
    const { fake, ask, logs } = await attempt(assert, { maxPages: 1 }, (f) => f.rule('goto', () => Promise.resolve({ status: () => 503 })));
    assert.strictEqual(ask.state, 'rejected', 'rejected');
    assert.strictEqual(ask.error.message, 'No standby page available for prerender', 'the message');
    assert.ok(ask.error.cause instanceof lib.StandbyTargetNotReadyError, `the cause: ${ask.error.cause}`);
    assert.strictEqual(ask.error.cause.code, 'STANDBY_NOT_READY', 'its code');
    assert.deepEqual(Object.keys(ask.error), ['code'], 'the cause is no key of the error, as JavaScript has it');
    assert.strictEqual(fake.count('goto'), 3, 'three attempts');
    assert.ok(fake.contexts.every((c) => c.closeCalls === 1), 'each closed its context');
    assert.strictEqual(logs.find('error', /./).length, 0, 'still no error in the log');
  });

  QUnit.test('other statuses are fine: 404 and 500 become standbys when they are ready', async (assert) => {
    const { ask } = await attempt(assert, {}, (f) => f.rule('goto', () => Promise.resolve({ status: () => 404 })));
    assert.strictEqual(ask.state, 'fulfilled', 'readiness decides');
  });

  QUnit.test('anything else is logged as an error, and tried again', async (assert) => {
    const { ask, logs, fake } = await attempt(assert, {}, (f) => f.once('goto', () => Promise.reject(new Error('net::ERR_NAME_NOT_RESOLVED'))));
    assert.strictEqual(ask.state, 'fulfilled', 'the second attempt succeeds');
    assert.ok(logs.find('error', /ERR_NAME_NOT_RESOLVED/).length >= 1, 'an error line with the reason');
    assert.strictEqual(fake.contexts[0].closeCalls, 1, 'its context is closed');
  });

  for (const step of ['getBrowser', 'createBrowserContext', 'newPage', 'browserContext', 'goto', 'waitForFunction', 'on']) {
    for (const how of step === 'on' || step === 'browserContext' ? ['throws'] : ['throws', 'rejects']) {
      QUnit.test(`${step} that ${how} fails the attempt, and the next one succeeds`, async (assert) => {
        const { ask, fake } = await attempt(assert, {}, (f) => f.once(step, () => {
          if (how === 'throws') {
            throw new Error('once');
          }
          return Promise.reject(new Error('once'));
        }));
        assert.strictEqual(ask.state, 'fulfilled', 'a lease');
        assert.ok(fake.contexts.every((c) => c.closeCalls <= 1), 'no context is closed twice');
      });
    }
  }

  QUnit.test('no readiness in time says which page and how long', async (assert) => {
    const { ask, logs } = await attempt(assert, { standbyTimeoutMs: 60 }, (f) => f.rule('waitForFunction', () => NEVER));
    assert.strictEqual(ask.state, 'rejected', 'rejected after its attempts');
    const { cause } = ask.error;
    assert.ok(/^Standby page [0-9a-f-]{36} timed out after 60ms$/.test(cause.message), `the cause says so: ${cause.message}`);
    assert.strictEqual(cause.code, 'STANDBY_TIMEOUT', 'its code');
    assert.ok(logs.find('error', /timed out after 60ms/).length >= 1, 'it is logged as an error');
  });

  for (const step of ['goto', 'newPage', 'createBrowserContext', 'getBrowser']) {
    QUnit.test(`a ${step} that never settles is bounded by the budget`, async (assert) => {
      const { ask, fake } = await attempt(assert, { standbyTimeoutMs: 60, unchecked: true }, (f) => f.once(step, () => NEVER));
      assert.strictEqual(ask.state, 'fulfilled', 'the next attempt brings a lease');
      if (step === 'goto' || step === 'newPage') {
        assert.strictEqual(fake.contexts[0].closeCalls, 1, 'the hanging attempt closed its context');
      }
    });
  }

  QUnit.test('a context that comes after its attempt was given up is closed', async (assert) => {
    const late = deferred();
    const made = kit().make({ standbyTimeoutMs: 60, unchecked: true });
    let normal;
    made.fake.once('createBrowserContext', (info, run) => {
      normal = run;
      return late.promise;
    });
    const ask = kit().ask(made.pool, 'a');
    await ask.settled;
    assert.strictEqual(ask.state, 'fulfilled', 'served by the next attempt');
    const context = await normal();
    late.resolve(context);
    await until(() => context.closeCalls === 1, 'the late context is closed');
    assert.strictEqual(context.pages.length, 0, 'and no page was made in it');
  });

  QUnit.test('a goto that fails after its attempt was given up is nobody’s unhandled rejection', async (assert) => {
    const late = deferred();
    const made = kit().make({ standbyTimeoutMs: 60 });
    made.fake.once('goto', () => late.promise);
    const ask = kit().ask(made.pool, 'a');
    await ask.settled;
    late.reject(new Error('Navigating frame was detached'));
    await turns();
    assert.strictEqual(ask.state, 'fulfilled', 'and changes nothing');
  });

  QUnit.test('attempts are 500 ms apart, doubling', async (assert) => {
    const times = [];
    const { ask } = await attempt(assert, { maxPages: 1 }, (f) => f.rule('goto', () => {
      times.push(performance.now());
      return Promise.reject(new Error('net::ERR_FAILED'));
    }));
    assert.strictEqual(ask.state, 'rejected', 'after three');
    assert.strictEqual(times.length, 3, 'attempts');
    assert.ok(times[1] - times[0] >= 490, `the second after ${times[1] - times[0]} ms`);
    assert.ok(times[2] - times[1] >= 990, `the third after ${times[2] - times[1]} ms`);
  });

  QUnit.test('while one standby waits to be tried again another goes ahead', async (assert) => {
    const { pool, fake } = kit().make({ maxPages: 2 });
    fake.once('goto', () => Promise.reject(new Error('net::ERR_FAILED')));
    const ask = kit().ask(pool, 'a');
    await ask.settled;
    assert.strictEqual(ask.state, 'fulfilled', 'served');
    assert.strictEqual(ask.value.page, fake.pages[1], 'by the second standby, made at once');
    assert.ok(ask.value.launchMs < 490, `without waiting for the retry of the first: ${ask.value.launchMs}`);
  });

  QUnit.test('a failing pool tries anew for the next caller', async (assert) => {
    const { pool, fake } = kit().make();
    const end = fake.rule('goto', () => Promise.reject(new Error('net::ERR_FAILED')));
    const first = kit().ask(pool, 'a');
    await first.settled;
    assert.strictEqual(first.state, 'rejected', 'down');
    end();
    const second = kit().ask(pool, 'a');
    await second.settled;
    assert.strictEqual(second.state, 'fulfilled', 'up again');
  });

  QUnit.test('warmStandbys resolves also when no more can be made', async (assert) => {
    const { pool, fake } = kit().make({ maxPages: 2 });
    fake.rule('goto', () => Promise.reject(new Error('net::ERR_FAILED')));
    await pool.warmStandbys();
    assert.ok(fake.count('goto') >= 3, 'after its attempts');
    assert.strictEqual(fake.alive.length, 0, 'with nothing left alive');
  });
});

poolModule('a changed certificate verifier', (kit) => {
  for (const type of ['document', 'script', 'stylesheet']) {
    for (const during of ['goto', 'waitForFunction']) {
      QUnit.test(`on a ${type} during ${during} aborts the attempt at once`, async (assert) => {
        const { pool, fake } = kit().make({ standbyTimeoutMs: 20_000 });
        fake.once(during, ({ page }) => {
          setImmediate(() => page.emit('requestfailed', certError(type)));
          return NEVER;
        });
        const ask = kit().ask(pool, 'a');
        await ask.settled;
        assert.strictEqual(ask.state, 'fulfilled', 'the retry brings a lease, long before the budget');
        assert.strictEqual(fake.contexts[0].closeCalls, 1, 'the context of the first attempt is closed');
        assert.ok(ask.value.launchMs < 2000, `in ${ask.value.launchMs} ms`);
      });
    }
  }

  QUnit.test('even where it fails while the navigation is pending and the page has no off', async (assert) => {
    const { pool, fake } = kit().make({ standbyTimeoutMs: 20_000, fakeOptions: { without: ['off'] } });
    fake.once('goto', ({ page }) => {
      page.emit('requestfailed', certError('document'));
      return NEVER;
    });
    const ask = kit().ask(pool, 'a');
    await ask.settled;
    assert.strictEqual(ask.state, 'fulfilled', 'retried');
  });

  for (const type of ['image', 'font', 'xhr', 'media']) {
    QUnit.test(`on a ${type} changes nothing`, async (assert) => {
      const { pool, fake } = kit().make();
      const gate = fake.gate('waitForFunction');
      const ask = kit().ask(pool, 'a');
      await until(() => gate.count === 1, 'readiness is waited for');
      fake.pages[0].emit('requestfailed', certError(type));
      await turns();
      assert.strictEqual(fake.contexts[0].closeCalls, 0, 'the attempt goes on');
      gate.open();
      await ask.settled;
      assert.strictEqual(ask.value.page, fake.pages[0], 'and succeeds');
    });
  }

  QUnit.test('another failure of a document changes nothing by itself', async (assert) => {
    const { pool, fake } = kit().make();
    const gate = fake.gate('waitForFunction');
    const ask = kit().ask(pool, 'a');
    await until(() => gate.count === 1, 'readiness is waited for');
    fake.pages[0].emit('requestfailed', { ...certError('script'), failure: () => ({ errorText: 'net::ERR_ABORTED' }) });
    fake.pages[0].emit('requestfailed', { ...certError('script'), failure: () => null });
    fake.pages[0].emit('requestfailed', { ...certError('script'), failure: () => {
      throw new Error('detached');
    } });
    await turns();
    gate.open();
    await ask.settled;
    assert.strictEqual(ask.value.page, fake.pages[0], 'the attempt succeeds');
  });

  QUnit.test('the failure is a StandbyTargetNotReadyError, logged at debug', async (assert) => {
    const { pool, fake, logs } = kit().make({ standbyTimeoutMs: 20_000 });
    fake.rule('goto', ({ page }) => {
      setImmediate(() => page.emit('requestfailed', certError('script')));
      return NEVER;
    });
    const ask = kit().ask(pool, 'a');
    await ask.settled;
    assert.strictEqual(ask.state, 'rejected', 'after its attempts');
    assert.ok(ask.error.cause instanceof lib.StandbyTargetNotReadyError, `the cause: ${ask.error.cause}`);
    assert.strictEqual(logs.find('error', /./).length, 0, 'no error in the log');
  });

  QUnit.test('after readiness it does nothing, and its listener is gone where the page has off', async (assert) => {
    const { pool, fake } = await kit().warm();
    const [page] = fake.pages;
    page.emit('requestfailed', certError('script'));
    await turns();
    assert.strictEqual(page.context.closeCalls, 0, 'a ready standby stays');
    assert.ok((await kit().take(pool, 'a')).page, 'and is handed out');
  });
});

poolModule('how many standbys', (kit) => {
  const standbys = (fake, pool) => fake.taken.length - pool.getQueueDepthSnapshot().totalTabs;

  QUnit.test('as many as pages when nothing is bound', async (assert) => {
    const { fake } = await kit().warm({ maxPages: 3 });
    assert.strictEqual(fake.taken.length, 3, 'three');
  });

  QUnit.test('as many as pages are not bound', async (assert) => {
    const { pool, fake } = await kit().warm({ maxPages: 3 });
    await kit().take(pool, 'a');
    await pool.warmStandbys();
    assert.strictEqual(standbys(fake, pool), 2, 'two for one bound');
    await kit().take(pool, 'b');
    await pool.warmStandbys();
    assert.strictEqual(standbys(fake, pool), 1, 'one for two bound');
  });

  QUnit.test('one when everything is bound', async (assert) => {
    const { pool, fake } = await kit().warm({ maxPages: 2 });
    await kit().take(pool, 'a');
    await kit().take(pool, 'b');
    await pool.warmStandbys();
    assert.strictEqual(standbys(fake, pool), 1, 'current + 1 contexts in all');
    assert.strictEqual(fake.taken.length, 3, 'not more');
  });

  QUnit.test('none while refill is disabled and a tab is bound', async (assert) => {
    const { pool, fake } = await kit().warm({ maxPages: 2, disableStandbyRefill: true });
    assert.strictEqual(fake.taken.length, 2, 'two at the start');
    await kit().take(pool, 'a');
    await pool.warmStandbys();
    assert.strictEqual(fake.contexts.length, 2, 'none made since');
    await kit().take(pool, 'b');
    await pool.warmStandbys();
    assert.strictEqual(fake.contexts.length, 2, 'nor now');
  });

  QUnit.test('the refill comes back when refill is disabled and nothing is bound any more', async (assert) => {
    const { pool, fake } = await kit().warm({ maxPages: 1, disableStandbyRefill: true });
    await kit().visit(pool, 'a');
    await pool.disposeAffinity('a');
    await pool.warmStandbys();
    assert.strictEqual(fake.taken.length, 1, 'one standby again');
  });

  QUnit.test('never more than current + 1 contexts, whatever the tenants', async (assert) => {
    const { pool, fake } = await kit().warm({ maxPages: 2 });
    for (let i = 0; i < 12; i++) {
      await kit().visit(pool, `tenant-${i % 5}`);
      await pool.warmStandbys();
      assert.ok(fake.taken.length <= 3, `after visit ${i}: ${fake.taken.length}`);
    }
    assert.ok(fake.maxTaken <= 3, `at most ${fake.maxTaken} at any time`);
  });

  QUnit.test('never closes a tab that serves a lease to make room', async (assert) => {
    const { pool } = await kit().warm({ maxPages: 1 });
    const a = await kit().take(pool, 'a');
    const b = await kit().take(pool, 'b');
    kit().ask(pool, 'c');
    await pool.warmStandbys();
    assert.strictEqual(a.page.closeCalls + a.page.context.closeCalls + b.page.closeCalls + b.page.context.closeCalls, 0, 'both stay');
  });

  QUnit.test('they are made one at a time', async (assert) => {
    const { pool, fake } = kit().make({ maxPages: 3 });
    const gate = fake.gate('goto');
    const warm = pool.warmStandbys();
    await until(() => gate.count === 1, 'the first navigates');
    await turns();
    assert.strictEqual(fake.contexts.length, 1, 'the second is not begun before the first is ready');
    gate.next();
    await until(() => gate.count === 1, 'the second navigates');
    assert.strictEqual(fake.contexts.length, 2, 'then the second');
    gate.open();
    await warm;
    assert.strictEqual(fake.contexts.length, 3, 'and the third');
  });

  QUnit.test('the wanted count is looked at anew after each', async (assert) => {
    const { pool, fake } = kit().make({ disableStandbyRefill: true, maxPages: 3 });
    const gate = fake.gate('goto');
    const warm = pool.warmStandbys();
    const ask = kit().ask(pool, 'a');
    await until(() => gate.count === 1, 'the first navigates');
    gate.next();
    await ask.settled;
    gate.open();
    await warm;
    assert.ok(fake.contexts.length <= 2, `bound now, so no more are wanted: ${fake.contexts.length}`);
  });

  QUnit.test('warmStandbys joins what is under way', async (assert) => {
    const { pool, fake } = kit().make({ maxPages: 2 });
    await Promise.all([pool.warmStandbys(), pool.warmStandbys(), pool.warmStandbys()]);
    assert.strictEqual(fake.contexts.length, 2, 'no more than wanted');
    await pool.warmStandbys();
    assert.strictEqual(fake.contexts.length, 2, 'nothing left to do');
  });

  QUnit.test('getPage kicks a refill and does not wait for it', async (assert) => {
    const { pool, fake } = await kit().warm({ maxPages: 2 });
    const gate = fake.gate('goto');
    await kit().take(pool, 'a');
    const b = await kit().take(pool, 'b');
    assert.ok(b.page, 'both served while the refill hangs');
    await until(() => gate.count === 1, 'a refill is under way');
    gate.open();
  });

  QUnit.test('of two newcomers waiting for standbys, each takes the first that is ready, by arrival', async (assert) => {
    const { pool, fake } = kit().make({ maxPages: 2 });
    const gate = fake.gate('goto');
    const a = kit().ask(pool, 'a');
    const b = kit().ask(pool, 'b');
    await until(() => gate.count === 1, 'the first navigates');
    gate.next();
    await a.settled;
    assert.strictEqual(a.value.page, fake.pages[0], 'the first caller has the first standby');
    assert.strictEqual(b.state, 'pending', 'the second waits');
    await until(() => gate.count === 1, 'the second navigates');
    gate.next();
    await b.settled;
    assert.strictEqual(b.value.page, fake.pages[1], 'the second caller has the second');
  });

  QUnit.test('the page handed out is an object of the browser, not a copy', async (assert) => {
    const { pool } = await kit().warm();
    assert.ok((await kit().take(pool, 'a')).page instanceof FakePage, 'unchanged');
  });
});
