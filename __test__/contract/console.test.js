'use strict';

const { handle, message } = require('./helpers/fake-browser.js');
const { contract, turns, until } = require('./helpers/harness.js');

const CHROME = 'prerenderer-chrome';
const at = (url, lineNumber, columnNumber) => ({ url, lineNumber, columnNumber });

/** A held lease of a pool whose errors have been reset. */
async function page(t, more = {}) {
  const { pool, browser } = await t.warm({ maxPages: 1, ...more });
  const lease = await t.get(pool, 'acme');
  pool.resetConsoleErrors(lease.pageId);
  t.log.length = 0;
  let sent = 0;
  const logged = () => t.log.filter((line) => line.name === CHROME && !line.text.includes('Runtime.')).length;
  /** Sends a message and waits until it has been dealt with. */
  async function say(options) {
    sent += 1;
    lease.page.emit('console', message(options));
    await until(() => logged() >= sent, 'SPEC 10: the log line of a console message');
    await turns(1);
  }
  return {
    pool,
    browser,
    lease,
    say,
    /** Reports an exception, and a message after it that shows that it has been dealt with. */
    async throws(details) {
      lease.page.emitCdp('Runtime.exceptionThrown', { timestamp: 1, exceptionDetails: details });
      await say({ type: 'log', text: 'after an exception' });
    },
    /** What has been kept since the last `take`. */
    take() {
      const entries = pool.takeConsoleErrors(lease.pageId);
      pool.resetConsoleErrors(lease.pageId);
      return entries;
    },
    chrome: (level) => t.lines(level, CHROME),
  };
}

const texts = (entries) => entries.map((entry) => entry.text);

contract('SPEC 10: console errors', (test) => {
  test('only error and assert are kept, since the reset', async (assert, t) => {
    const { pool, lease, say, take } = await page(t);
    for (const type of ['log', 'info', 'warn', 'warning', 'debug', 'error', 'assert'])
      await say({ type, text: `a ${type}` });
    assert.deepEqual(texts(take()), ['a error', 'a assert'], 'SPEC 10: console error and assert messages');
    await say({ text: 'before' });
    pool.resetConsoleErrors(lease.pageId);
    assert.deepEqual(take(), [], 'SPEC 10: since the reset');
    await say({ text: 'after' });
    assert.deepEqual(texts(take()), ['after'], 'SPEC 10: since the reset');
  });

  test('the exact entry', async (assert, t) => {
    const { say, take } = await page(t);
    const location = at('https://host.example/a.js', 4, 9);
    const frames = [at('https://host.example/b.js', 1, 2), at('https://host.example/c.js', 3, 4)];
    await say({ text: 'bad', location, stack: frames });
    const entries = take();
    assert.strictEqual(entries.length, 1);
    const [{ stackFrames, ...entry }] = entries;
    assert.deepEqual(entry, { type: 'error', text: 'bad', location, source: 'console' }, 'SPEC 10: Entry');
    assert.deepEqual(
      stackFrames.map(({ url, lineNumber, columnNumber }) => ({ url, lineNumber, columnNumber })),
      frames,
      'SPEC 10: stackFrames',
    );
    await say({ text: 'bare' });
    assert.deepEqual(
      take().at(-1),
      { type: 'error', text: 'bare', source: 'console' },
      'SPEC 13: optional keys are left out',
    );
  });

  test('location is never made from a frame', async (assert, t) => {
    const { say, take } = await page(t);
    await say({ text: 'x', stack: [at('https://host.example/b.js', 1, 2)] });
    const [entry] = take();
    assert.false('location' in entry, "SPEC 10: location is the message's own");
    assert.strictEqual(entry.stackFrames.length, 1, 'SPEC 10: the frame is there');
  });

  test('frames without an address are left out, and stackFrames with them', async (assert, t) => {
    const { say, take } = await page(t);
    await say({
      text: 'mixed',
      stack: [{ lineNumber: 1 }, at('https://host.example/b.js', 1, 2), { url: '' }],
    });
    await say({ text: 'none', stack: [{ lineNumber: 1 }, { url: '' }] });
    const [mixed, none] = take();
    assert.strictEqual(mixed.stackFrames.length, 1, 'SPEC 10: frames without an address are left out');
    assert.false('stackFrames' in none, 'SPEC 10: and stackFrames when none is left');
  });

  test('the text is its arguments', async (assert, t) => {
    const { say, take } = await page(t);
    const cases = [
      [[handle('one'), handle('two')], 'one two', 'strings as they are'],
      [
        [handle({ a: [1, null] }), handle(5), handle(true), handle(null)],
        '{"a":[1,null]} 5 true null',
        'others as JSON',
      ],
      [[handle(undefined, { text: 'undefined' }), handle('x')], 'undefined x', 'undefined as its toString()'],
      [
        [handle(1, { fails: true, text: 'JSHandle@error' })],
        'JSHandle@error',
        'what cannot be had as its toString()',
      ],
      [[handle('a b'), handle('')], 'a b ', 'joined by a space'],
      [[], 'from text()', 'text() when there are none'],
      [[handle('')], 'from text()', 'all come out empty: text()'],
      [[handle(''), handle('')], 'from text()', 'two that come out empty: text()'],
    ];
    for (const [args, expected, what] of cases) {
      await say({ args, text: 'from text()' });
      assert.deepEqual(texts(take()), [expected], `SPEC 10: ${what}`);
    }
  });

  test('duplicates once', async (assert, t) => {
    const { say, take } = await page(t);
    const here = at('https://host.example/a.js', 1, 1);
    const there = at('https://host.example/a.js', 2, 1);
    await say({ text: 'x', location: here });
    await say({ text: 'x', location: { ...here } });
    assert.strictEqual(take().length, 1, 'SPEC 10: same type, text and place: once');
    await say({ text: 'p', location: here });
    await say({ text: 'p', location: there });
    await say({ type: 'assert', text: 'p', location: here });
    await say({ text: 'q', location: here });
    const after = texts(take()).filter((text) => text === 'p' || text === 'q');
    assert.deepEqual(after, ['p', 'p', 'p', 'q'], 'SPEC 10: another place, type or text is another');
  });

  test('place falls back to the first stack frame', async (assert, t) => {
    const { say, take } = await page(t);
    const frame = (line) => [at('https://host.example/a.js', line, 1)];
    await say({ text: 'x', stack: frame(1) });
    await say({ text: 'x', stack: frame(1) });
    await say({ text: 'x', stack: frame(2) });
    assert.strictEqual(take().length, 2, 'SPEC 10: place falls back to the first stack frame');
  });

  test('at most 50', async (assert, t) => {
    const { say, take } = await page(t);
    for (let i = 0; i < 60; i++) await say({ text: `e${i}` });
    assert.strictEqual(take().length, 50, 'SPEC 10: at most 50');
  });

  test('a page nobody knows', async (assert, t) => {
    const { pool } = await t.warm();
    pool.resetConsoleErrors('nobody');
    assert.deepEqual(pool.takeConsoleErrors('nobody'), [], 'SPEC 10: nothing');
  });

  test('the errors of one page are not those of another', async (assert, t) => {
    const { pool } = await t.warm({ maxPages: 2 });
    const [a, b] = [await t.get(pool, 'a'), await t.get(pool, 'b')];
    for (const lease of [a, b]) pool.resetConsoleErrors(lease.pageId);
    a.page.emit('console', message({ text: 'of a' }));
    await until(() => t.lines('error', CHROME).length > 0, 'the line');
    await turns(1);
    assert.deepEqual(texts(pool.takeConsoleErrors(b.pageId)), [], 'SPEC 10: not of b');
    assert.deepEqual(texts(pool.takeConsoleErrors(a.pageId)), ['of a'], 'SPEC 10: of a');
  });
});

contract('SPEC 10: exceptions', (test) => {
  const callFrame = (url, lineNumber, columnNumber) => ({
    functionName: 'f',
    scriptId: '1',
    url,
    lineNumber,
    columnNumber,
  });
  const details = (exceptionId, more = {}) => ({
    exceptionId,
    text: 'Uncaught',
    lineNumber: 0,
    columnNumber: 0,
    ...more,
  });
  const error = (description) => ({ type: 'object', subtype: 'error', className: 'Error', description });

  test('one by one, by their id', async (assert, t) => {
    const { throws, take } = await page(t);
    for (const id of [1, 2, 3]) await throws(details(id, { exception: error('Error: same') }));
    const entries = take();
    assert.deepEqual(
      texts(entries),
      ['Error: same', 'Error: same', 'Error: same'],
      'SPEC 10: exceptions one by one',
    );
    assert.deepEqual([...new Set(entries.map((entry) => entry.source))], ['exception'], 'SPEC 10: source');
    assert.true(
      entries.every((entry) => !('revoked' in entry)),
      'SPEC 13: revoked is left out',
    );
    assert.true(
      entries.every((entry) => entry.type === 'error'),
      'SPEC 10: type',
    );
  });

  test('its text', async (assert, t) => {
    const { throws, take } = await page(t);
    const description = 'Error: first line\n    at f (https://host.example/a.js:1:2)\n    at g';
    const cases = [
      [
        {
          exception: error(description),
          stackTrace: { callFrames: [callFrame('https://host.example/a.js', 0, 1)] },
        },
        'Error: first line',
        'the first line when stack frames carry the rest',
      ],
      [{ exception: error(description) }, description, 'else the whole description'],
      [
        { exception: error(description), stackTrace: { callFrames: [callFrame('', 0, 1)] } },
        description,
        'the whole description when no frame has an address',
      ],
      [{ exception: { type: 'string', value: 'thrown string' } }, 'thrown string', 'the value'],
      [{ exception: { type: 'number', value: 42 } }, '42', 'the value, a number'],
      [{}, 'Uncaught', 'the text'],
      [{ text: '' }, 'Uncaught exception', 'or Uncaught exception'],
    ];
    for (const [i, [more, expected, what]] of cases.entries()) {
      await throws(details(100 + i, more));
      assert.strictEqual(texts(take()).at(-1), expected, `SPEC 10: ${what}`);
    }
  });

  test('frames of an exception', async (assert, t) => {
    const { throws, take } = await page(t);
    await throws(
      details(1, {
        exception: error('Error: x\n  at y'),
        stackTrace: { callFrames: [callFrame('https://host.example/a.js', 3, 7), callFrame('', 1, 1)] },
      }),
    );
    const [entry] = take();
    assert.deepEqual(
      entry.stackFrames.map(({ url, lineNumber, columnNumber }) => [url, lineNumber, columnNumber]),
      [['https://host.example/a.js', 3, 7]],
      'SPEC 10: those without an address are left out',
    );
    assert.strictEqual(entry.location?.url, undefined, 'SPEC 10: location is never made from a frame');
  });

  test('one that V8 revokes stays, with revoked: true', async (assert, t) => {
    const { throws, say, take, lease } = await page(t);
    await throws(details(7, { exception: error('Error: later handled') }));
    await throws(details(8, { exception: error('Error: not handled') }));
    lease.page.emitCdp('Runtime.exceptionRevoked', { reason: 'Handler added', exceptionId: 7 });
    await say({ type: 'log', text: 'after the revocation' });
    assert.deepEqual(
      take().map((entry) => [entry.text, entry.revoked]),
      [
        ['Error: later handled', true],
        ['Error: not handled', undefined],
      ],
      'SPEC 10: it stays, with revoked: true',
    );
  });

  test('are debug lines, thrown and revoked', async (assert, t) => {
    const { throws, say, lease, chrome } = await page(t);
    await throws(details(9, { exception: error('Error: x') }));
    assert.strictEqual(chrome('debug').length, 1, 'SPEC 10: Runtime.exceptionThrown is a debug line');
    lease.page.emitCdp('Runtime.exceptionRevoked', { reason: 'r', exceptionId: 9 });
    await say({ type: 'log', text: 'after the revocation' });
    assert.strictEqual(chrome('debug').length, 2, 'SPEC 10: Runtime.exceptionRevoked is a debug line');
  });

  test('__test_seedRevokedException', async (assert, t) => {
    const { pool, lease, take } = await page(t);
    const entry = { type: 'error', text: 'seeded' };
    pool.__test_seedRevokedException(lease.pageId, entry, 77);
    assert.deepEqual(
      take(),
      [{ type: 'error', text: 'seeded', source: 'exception', revoked: true }],
      'SPEC 10: sets source and revoked',
    );
    assert.deepEqual(entry, { type: 'error', text: 'seeded' }, 'SPEC 10: on a copy');
  });
});

contract('SPEC 10: the log of console messages', (test) => {
  test('at its own level, with affinity, page, place and text', async (assert, t) => {
    const { lease, say, chrome } = await page(t);
    const levels = { error: 'error', warn: 'warn', info: 'info', debug: 'debug' };
    for (const [type, level] of Object.entries(levels)) {
      await say({ type, text: `a ${type}`, location: at('https://host.example/x.js', 4, 9) });
      assert.true(
        chrome(level).includes(
          `Console[${type}] affinity=acme pageId=${lease.pageId} (https://host.example/x.js:5:10) a ${type}`,
        ),
        `SPEC 10: ${type} is logged at ${level}: ${JSON.stringify(chrome(level))}`,
      );
    }
  });

  test('without the bracket where there is no address', async (assert, t) => {
    const { lease, say, chrome } = await page(t);
    await say({ type: 'error', text: 'nowhere' });
    await say({ type: 'error', text: 'half', location: { lineNumber: 3 } });
    assert.deepEqual(
      chrome('error'),
      ['nowhere', 'half'].map((text) => `Console[error] affinity=acme pageId=${lease.pageId} ${text}`),
      'SPEC 10: without the bracket where there is no address',
    );
  });

  test('duplicates and those past the limit are logged, every one', async (assert, t) => {
    const { say, chrome } = await page(t);
    await say({ text: 'twice' });
    await say({ text: 'twice' });
    assert.strictEqual(chrome('error').length, 2, 'SPEC 10: every console message goes to the log');
  });

  test('a 503 of /_standby on a standby is neither logged nor kept', async (assert, t) => {
    const { pool, browser } = t.make({ maxPages: 1 });
    const gate = t.gate();
    browser.on.waitForFunction = ({ next }) => gate.promise.then(next);
    const asked = t.ask(pool, 'a');
    await until(() => browser.count('waitForFunction') === 1, 'a standby that is loading');
    const text = (status) => `Failed to load resource: the server responded with a status of ${status} ()`;
    const location = at('https://host.example/_standby', 0, 0);
    const [standby] = browser.pages;
    for (const status of [502, 503]) standby.emit('console', message({ text: text(status), location }));
    standby.emit('console', message({ text: 'another' }));
    await until(() => t.lines('error', CHROME).some((line) => line.includes('another')), 'the marker');
    assert.false(
      t.log.some((line) => /status of 50[23]/.test(line.text)),
      'SPEC 10: neither logged',
    );
    gate.open();
    const lease = await asked.lease();
    assert.false(
      texts(pool.takeConsoleErrors(lease.pageId)).some((each) => /status of 50[23]/.test(each)),
      'SPEC 10: nor kept',
    );
    lease.page.emit(
      'console',
      message({ text: text(503), location: at('https://host.example/other', 0, 0) }),
    );
    await until(
      () => t.log.some((line) => /status of 503/.test(line.text)),
      'SPEC 10: of another address it is logged',
    );
  });
});
