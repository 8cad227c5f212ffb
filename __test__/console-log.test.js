'use strict';

// The lines in which pages' consoles reach the log, the entries that are kept of them, and the pool's own warnings
// about pages: to the letter, over objects of the caller's, and side by side over our own Chrome and puppeteer's.

const { poolModule } = require('./helpers/kit.js');
const { PuppeteerManager } = require('./helpers/chrome.js');
const { chromeModule } = require('./helpers/real-chrome.js');
const { turns, until } = require('./helpers/wait.js');

const PLACE = { url: 'http://host.test/app.js', lineNumber: 9, columnNumber: 4 };

const message = (over = {}) => ({
  type: () => 'error', text: () => 'boom', args: () => [], location: () => ({ ...PLACE }), stackTrace: () => [], ...over,
});
const says = (value) => ({ jsonValue: () => Promise.resolve(value), toString: () => `JSHandle:${value}` });

async function leased(kit, options) {
  const made = await kit.warm(options);
  const lease = await kit.take(made.pool, 'tenant');
  const { page, pageId } = lease;
  const listens = (session) => session.sent.includes('Runtime.enable');
  await until(() => page.sessions.some(listens), 'the session listens');
  const lines = () => made.logs.lines.filter(({ name }) => name === 'prerenderer-chrome').map(({ level, text }) => [level, text]);
  return { ...made, lease, page, pageId, session: page.sessions.find(listens), lines, take: () => made.pool.takeConsoleErrors(pageId) };
}

poolModule('a line of the console log', (kit) => {
  QUnit.test('is Console[type], affinity, pageId, the place counted from 1 in brackets, and the text', async (assert) => {
    const { page, pageId, lines } = await leased(kit());
    page.emit('console', message());
    page.emit('console', message({ type: () => 'warn', text: () => 'careful' }));
    await turns();
    assert.deepEqual(lines(), [
      ['error', `Console[error] affinity=tenant pageId=${pageId} (http://host.test/app.js:10:5) boom`],
      ['warn', `Console[warn] affinity=tenant pageId=${pageId} (http://host.test/app.js:10:5) careful`],
    ]);
  });

  QUnit.test('is at the level of its type', async (assert) => {
    const { page, lines } = await leased(kit());
    for (const type of ['error', 'warn', 'info', 'log', 'debug', 'assert']) {
      page.emit('console', message({ type: () => type }));
    }
    await turns();
    assert.deepEqual(lines().map(([level, text]) => [/Console\[(\w+)\]/.exec(text)[1], level]), [
      ['error', 'error'], ['warn', 'warn'], ['info', 'info'], ['log', 'info'], ['debug', 'debug'], ['assert', 'error'],
    ]);
  });

  for (const [what, location] of [['no place', {}], ['a place without an address', { lineNumber: 3, columnNumber: 1 }], ['an empty address', { url: '', lineNumber: 3 }], ['none at all', undefined]]) {
    QUnit.test(`has no bracket where there is ${what}`, async (assert) => {
      const { page, pageId, lines } = await leased(kit());
      page.emit('console', message({ location: () => location }));
      await turns();
      assert.deepEqual(lines(), [['error', `Console[error] affinity=tenant pageId=${pageId} boom`]]);
    });
  }

  QUnit.test('has as much of its place as there is', async (assert) => {
    const { page, lines } = await leased(kit());
    page.emit('console', message({ location: () => ({ url: 'http://host.test/' }) }));
    page.emit('console', message({ location: () => ({ url: 'http://host.test/', lineNumber: 0 }) }));
    await turns();
    assert.deepEqual(lines().map(([, text]) => /\((.*)\)/.exec(text)[1]), ['http://host.test/', 'http://host.test/:1']);
  });

  QUnit.test('of an exception, and of its revocation, is a debug line', async (assert) => {
    const { session, pageId, lines } = await leased(kit());
    session.emit('Runtime.exceptionThrown', { timestamp: 1, exceptionDetails: {
      exceptionId: 7, text: 'Uncaught (in promise)', ...PLACE, exception: { type: 'object', description: 'Error: broke' },
    } });
    session.emit('Runtime.exceptionRevoked', { exceptionId: 7, reason: 'Handler added to rejected promise' });
    await turns();
    assert.deepEqual(lines().map(([level]) => level), ['debug', 'debug'], 'both');
    const [thrown, revoked] = lines().map(([, text]) => text);
    assert.true(thrown.startsWith(`Runtime.exceptionThrown affinity=tenant pageId=${pageId} `), thrown);
    assert.true(thrown.includes('(http://host.test/app.js:10:5)') && thrown.includes('Error: broke') && /\b7\b/.test(thrown), thrown);
    assert.true(revoked.startsWith(`Runtime.exceptionRevoked affinity=tenant pageId=${pageId} `), revoked);
    assert.true(revoked.includes('Handler added to rejected promise') && /\b7\b/.test(revoked), revoked);
  });

  QUnit.test('goes through the console with the log\'s name before it; debug lines only with PAGEPOOL_LOG=debug', async (assert) => {
    const original = { ...console };
    for (const [env, wanted] of [[{}, ['an error']], [{ PAGEPOOL_LOG: 'info' }, ['an error']], [{ PAGEPOOL_LOG: 'debug' }, ['an error', 'a debug line']]]) {
      const seen = [];
      for (const level of ['warn', 'error', 'info', 'debug', 'log']) {
        console[level] = (...args) => seen.push([level, args.join(' ')]);
      }
      try {
        const { pool, fake } = kit().make({ logger: undefined, env });
        const { pageId } = await kit().take(pool, 'tenant');
        fake.pages[0].emit('console', message({ text: () => 'an error' }));
        fake.pages[0].emit('console', message({ type: () => 'debug', text: () => 'a debug line' }));
        await turns();
        const lines = seen.filter(([, text]) => text.startsWith('[prerenderer-chrome] '));
        const level = { 'an error': 'error', 'a debug line': 'debug' };
        const expected = wanted.map((text) => [level[text], `[prerenderer-chrome] Console[${level[text]}] affinity=tenant pageId=${pageId} (http://host.test/app.js:10:5) ${text}`]);
        assert.deepEqual(lines, expected, JSON.stringify(env));
        assert.true(seen.every(([, text]) => /^\[prerenderer(-chrome)?\] /.test(text)), 'no line without a name');
      } finally {
        Object.assign(console, original);
      }
    }
  });
});

poolModule('a console entry', (kit) => {
  QUnit.test('has no frames without an address, and no stackFrames when none is left', async (assert) => {
    const { page, take } = await leased(kit());
    const anonymous = [{ url: '', lineNumber: 1, columnNumber: 2 }, { lineNumber: 3 }, {}];
    page.emit('console', message({ text: () => 'some', stackTrace: () => [...anonymous, { ...PLACE }, ...anonymous] }));
    page.emit('console', message({ text: () => 'none', stackTrace: () => anonymous }));
    await turns();
    assert.deepEqual(take(), [
      { type: 'error', text: 'some', location: PLACE, stackFrames: [PLACE], source: 'console' },
      { type: 'error', text: 'none', location: PLACE, source: 'console' },
    ]);
  });

  QUnit.test('has the message\'s own location, never a frame\'s', async (assert) => {
    const { page, take } = await leased(kit());
    page.emit('console', message({ location: () => ({}), stackTrace: () => [{ ...PLACE }] }));
    await turns();
    assert.deepEqual(take(), [{ type: 'error', text: 'boom', stackFrames: [PLACE], source: 'console' }]);
  });

  QUnit.test('is kept once though its place is a frame\'s only', async (assert) => {
    const { page, take } = await leased(kit());
    for (const lineNumber of [3, 3, 4]) {
      page.emit('console', message({ location: () => ({}), stackTrace: () => [{ ...PLACE, lineNumber }] }));
    }
    await turns();
    assert.deepEqual(take().map(({ stackFrames }) => stackFrames[0].lineNumber), [3, 4]);
  });

  for (const [what, args] of [['one empty argument', ['']], ['several', ['', '']]]) {
    QUnit.test(`is text() where its arguments come out empty: ${what}`, async (assert) => {
      const { page, take } = await leased(kit());
      page.emit('console', message({ args: () => args.map(says), text: () => 'what text() says' }));
      await turns();
      assert.deepEqual(take().map(({ text }) => text), ['what text() says']);
    });
  }

  QUnit.test('keeps an empty argument among others', async (assert) => {
    const { page, take } = await leased(kit());
    page.emit('console', message({ args: () => ['', 'a', ''].map(says), text: () => 'not this' }));
    await turns();
    assert.deepEqual(take().map(({ text }) => text), [' a ']);
  });
});

poolModule('an entry of an exception', (kit) => {
  const thrown = (details) => ({ timestamp: 1, exceptionDetails: { exceptionId: 1, text: 'Uncaught', ...details } });
  const description = 'Error: broke\n    at f (<anonymous>:1:2)';

  QUnit.test('without a frame that has an address is its whole description, without stackFrames', async (assert) => {
    const { session, take } = await leased(kit());
    session.emit('Runtime.exceptionThrown', thrown({ exception: { description }, stackTrace: { callFrames: [{ url: '', lineNumber: 0, columnNumber: 1 }] } }));
    await turns();
    const [entry] = take();
    assert.strictEqual(entry.text, description);
    assert.notOk('stackFrames' in entry, 'no frames');
  });

  QUnit.test('has frames with an address only, and a location of its own only', async (assert) => {
    const { session, take } = await leased(kit());
    session.emit('Runtime.exceptionThrown', thrown({ exception: { description }, stackTrace: { callFrames: [{ url: '', lineNumber: 0, columnNumber: 1 }, { ...PLACE }] } }));
    await turns();
    assert.deepEqual(take(), [{ type: 'error', text: 'Error: broke', stackFrames: [PLACE], source: 'exception' }]);
  });

  QUnit.test('that the seam for tests puts in is a revoked exception, and what was given is left alone', async (assert) => {
    const { pool, pageId, take } = await leased(kit());
    const given = { type: 'error', text: 'seeded', source: 'console', location: { ...PLACE }, stackFrames: [{ ...PLACE }] };
    const before = JSON.stringify(given);
    pool.__test_seedRevokedException(pageId, given, 77);
    assert.strictEqual(JSON.stringify(given), before, 'a copy');
    assert.deepEqual(take(), [{ type: 'error', text: 'seeded', location: PLACE, stackFrames: [PLACE], source: 'exception', revoked: true }]);
  });
});

poolModule('a 502 or 503 of /_standby', (kit) => {
  const unavailable = (status, url = 'http://host.test:4200/_standby') => message({
    text: () => `Failed to load resource: the server responded with a status of ${status} ()`, location: () => ({ url }),
  });

  QUnit.test('is neither logged nor kept of a standby', async (assert) => {
    const { pool, fake, logs } = await kit().warm();
    for (const status of [502, 503]) {
      fake.pages[0].emit('console', unavailable(status));
    }
    fake.pages[0].emit('console', unavailable(500));
    fake.pages[0].emit('console', unavailable(503, 'http://host.test:4200/other'));
    await turns();
    const { pageId } = await kit().take(pool, 'tenant');
    const kept = pool.takeConsoleErrors(pageId).map(({ text, location }) => [/\d{3}/.exec(text)[0], location.url]);
    const expected = [['500', 'http://host.test:4200/_standby'], ['503', 'http://host.test:4200/other']];
    assert.deepEqual(kept, expected, 'kept');
    assert.strictEqual(logs.lines.filter(({ name }) => name === 'prerenderer-chrome').length, 2, 'logged');
  });

  QUnit.test('is both of a page that is in use', async (assert) => {
    const { page, take, lines } = await leased(kit());
    page.emit('console', unavailable(503));
    await turns();
    assert.strictEqual(take().length, 1, 'kept');
    assert.strictEqual(lines().length, 1, 'logged');
  });
});

poolModule('the pool\'s warnings about a page', (kit) => {
  QUnit.test('that does not answer name affinity and pageId, when it is retired and when it is handed out', async (assert) => {
    const { pool, fake, logs } = await kit().warm({ maxPages: 2, tabHealthProbeMs: 250 });
    const { pageId } = await kit().visit(pool, 'realm:https://app.example/acme/');
    const end = fake.rule('evaluate', () => Promise.reject(new Error('no answer')));
    await kit().visit(pool, 'realm:https://app.example/acme/');
    end();
    const [retired, ...more] = logs.find('warn', /no answer/);
    assert.deepEqual(more, [], 'once');
    assert.strictEqual(retired.name, 'prerenderer');
    assert.true(retired.text.includes('realm:https://app.example/acme/') && retired.text.includes(pageId), retired.text);
  });

  QUnit.test('that is handed out for lack of another name both', async (assert) => {
    const { pool, fake, logs } = await kit().warm({ maxPages: 1, disableStandbyRefill: true });
    const { pageId } = await kit().visit(pool, 'tenant');
    fake.rule('evaluate', () => Promise.reject(new Error('no answer')));
    const again = await kit().visit(pool, 'tenant');
    assert.strictEqual(again.pageId, pageId, 'the same page');
    const [line] = logs.find('warn', /no answer/);
    assert.true(line?.text.includes('tenant') && line.text.includes(pageId), line?.text);
  });

  const closing = async (error) => {
    const { pool, fake, logs } = await kit().warm({ maxPages: 1 });
    const { pageId } = await kit().visit(pool, 'tenant');
    fake.once('pageClose', () => Promise.reject(error));
    await pool.disposeAffinity('tenant', { retainSharedContext: true });
    await turns();
    return { logs, pageId };
  };

  QUnit.test('whose close fails say so', async (assert) => {
    const { logs, pageId } = await closing(new Error('could not close'));
    const lines = logs.find('warn', /could not close/);
    assert.strictEqual(lines.length, 1, 'one warning');
    assert.true(lines[0].text.includes(pageId) && lines[0].text.includes('tenant'), lines[0].text);
  });

  for (const text of ['Protocol error (Target.closeTarget): No target with given id found', 'Protocol error: Connection closed.', 'Protocol error (Page.close): Target closed', 'Protocol error (Target.closeTarget): Session closed. Most likely the page has been closed.']) {
    QUnit.test(`are none where its target is gone already: ${text}`, async (assert) => {
      const { logs } = await closing(new Error(text));
      assert.deepEqual(logs.find('warn', /clos/i), []);
    });
  }
});

// The same, said by real pages; puppeteer drives them the second time.
chromeModule('what real pages say', (kit, test) => {
  for (const driver of ['our own browser', 'puppeteer']) {
    const made = () => {
      const manager = driver === 'puppeteer' ? new PuppeteerManager() : kit().manager();
      if (driver === 'puppeteer') {
        kit().managers.push(manager);
      }
      return kit().pool({ manager, maxPages: 1 });
    };

    test(`over ${driver}: lines and entries`, async (assert) => {
      const { pool, logs } = made();
      const { page, pageId } = await kit().take(pool, 'tenant');
      pool.resetConsoleErrors(pageId);
      const { url } = kit().host;
      await page.evaluate((url) => {
        const script = document.createElement('script');
        script.textContent = 'console.error("here", { a: 1 });\nconsole.warn("", "");\n\n  setTimeout(() => { throw new Error("thrown") });\n//# sourceURL=' + `${url}/said.js`;
        document.body.append(script);
      }, url);
      const lines = () => logs.lines.filter(({ name }) => name === 'prerenderer-chrome').map(({ level, text }) => [level, text]);
      const begins = ['Console[error]', 'Console[warn]', 'Runtime.exceptionThrown'];
      await until(() => begins.every((begin) => lines().some(([, text]) => text.startsWith(begin))), 'all three are logged');
      const entries = pool.takeConsoleErrors(pageId);
      assert.deepEqual(entries.map(({ type, text, source, location }) => [type, text, source, location.url, location.lineNumber]), [
        ['error', 'here {"a":1}', 'console', `${url}/said.js`, 0], ['error', 'Error: thrown', 'exception', `${url}/said.js`, 3],
      ]);
      const at = `affinity=tenant pageId=${pageId} (${url}/said.js`;
      const [error, warn] = ['error', 'warn'].map((level) => lines().find((line) => line[0] === level)?.[1]);
      assert.strictEqual(error, `Console[error] ${at}:1:9) here {"a":1}`);
      // The text is text() there: two empty strings joined.
      assert.strictEqual(warn, `Console[warn] ${at}:2:9)  `);
      const thrown = lines().filter(([level, text]) => level === 'debug' && text.includes('exceptionThrown'));
      assert.strictEqual(thrown.length, 1, 'one line');
      assert.true(thrown[0][1].startsWith(`Runtime.exceptionThrown affinity=tenant pageId=${pageId} `) && thrown[0][1].includes('Error: thrown'), thrown[0][1]);
    });

    test(`over ${driver}: a 503 of /_standby is neither logged nor kept`, async (assert) => {
      const { host } = kit();
      host.status = 503;
      const { pool, logs } = made();
      await pool.warmStandbys();
      host.status = 200;
      const { pageId } = await kit().take(pool, 'tenant');
      assert.deepEqual(pool.takeConsoleErrors(pageId), []);
      assert.deepEqual(logs.lines.filter(({ name, text }) => name === 'prerenderer-chrome' && text.includes('503')), []);
    });
  }
});

