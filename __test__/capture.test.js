'use strict';

const { poolModule } = require('./helpers/kit.js');
const { NEVER } = require('./helpers/fake-browser.js');
const { turns, until } = require('./helpers/wait.js');

const message = (over = {}) => ({
  type: () => 'error',
  text: () => 'boom',
  args: () => [],
  location: () => ({ url: 'http://host.test/app.js', lineNumber: 9, columnNumber: 4 }),
  stackTrace: () => [{ url: 'http://host.test/app.js', lineNumber: 9, columnNumber: 4 }],
  ...over,
});
const arg = (value, text = String(value)) => ({
  jsonValue: () => (value instanceof Error ? Promise.reject(value) : Promise.resolve(value)),
  toString: () => text,
});
const thrown = (over = {}, id = 1) => ({
  timestamp: 1,
  exceptionDetails: {
    exceptionId: id,
    text: 'Uncaught',
    lineNumber: 9,
    columnNumber: 4,
    url: 'http://host.test/app.js',
    exception: { type: 'object', description: 'Error: broke\n    at f (http://host.test/app.js:10:5)' },
    stackTrace: { callFrames: [{ functionName: 'f', scriptId: '1', url: 'http://host.test/app.js', lineNumber: 9, columnNumber: 4 }] },
    ...over,
  },
});

async function leased(kit, options) {
  const made = await kit.warm(options);
  const lease = await kit.take(made.pool, 'tenant');
  made.pool.resetConsoleErrors(lease.pageId);
  return { ...made, lease, page: lease.page, take: () => made.pool.takeConsoleErrors(lease.pageId) };
}

poolModule('console errors', (kit) => {
  QUnit.test('errors and asserts since the reset, nothing else', async (assert) => {
    const { page, take } = await leased(kit());
    for (const type of ['log', 'info', 'warn', 'warning', 'debug', 'error', 'assert', 'table', 'trace']) {
      page.emit('console', message({ type: () => type, text: () => `a ${type}` }));
    }
    await turns();
    assert.deepEqual(take().map((e) => [e.type, e.text]), [['error', 'a error'], ['assert', 'a assert']], 'those two');
  });

  QUnit.test('an entry has its place and says it is from the console', async (assert) => {
    const { page, take } = await leased(kit());
    page.emit('console', message());
    await turns();
    const [entry] = take();
    assert.strictEqual(entry.type, 'error', 'type');
    assert.strictEqual(entry.text, 'boom', 'text');
    assert.strictEqual(entry.location.url, 'http://host.test/app.js', 'place');
    assert.ok(!('revoked' in entry), 'nothing is revoked');
    assert.ok(entry.source === undefined || entry.source === 'console', 'from the console');
  });

  QUnit.test('taking empties, resetting empties', async (assert) => {
    const { page, take, pool, lease } = await leased(kit());
    page.emit('console', message());
    await turns();
    assert.strictEqual(take().length, 1, 'one');
    assert.deepEqual(take(), [], 'taken');
    page.emit('console', message());
    await turns();
    pool.resetConsoleErrors(lease.pageId);
    assert.deepEqual(take(), [], 'reset');
  });

  QUnit.test('of an unknown page: nothing, and no error', async (assert) => {
    const { pool } = await kit().warm();
    assert.deepEqual(pool.takeConsoleErrors('nobody'), [], 'nothing');
    assert.strictEqual(pool.resetConsoleErrors('nobody'), undefined, 'no error');
  });

  QUnit.test('at most 50', async (assert) => {
    const { page, take } = await leased(kit());
    for (let i = 0; i < 80; i++) {
      page.emit('console', message({ text: () => `boom ${i}` }));
    }
    await turns();
    const entries = take();
    assert.strictEqual(entries.length, 50, 'fifty');
    assert.strictEqual(entries[0].text, 'boom 0', 'from the first on');
  });

  QUnit.test('duplicates once: same type, text and place', async (assert) => {
    const { page, take } = await leased(kit());
    page.emit('console', message());
    page.emit('console', message());
    page.emit('console', message({ type: () => 'assert' }));
    page.emit('console', message({ text: () => 'other' }));
    page.emit('console', message({ location: () => ({ url: 'http://host.test/app.js', lineNumber: 10, columnNumber: 4 }) }));
    await turns();
    assert.strictEqual(take().length, 4, 'the very same once, each other once');
  });

  QUnit.test('the place falls back to the first stack frame', async (assert) => {
    const { page, take } = await leased(kit());
    const frame = (lineNumber) => [{ url: 'http://host.test/b.js', lineNumber, columnNumber: 1 }];
    page.emit('console', message({ location: () => ({}), stackTrace: () => frame(3) }));
    page.emit('console', message({ location: () => ({}), stackTrace: () => frame(3) }));
    page.emit('console', message({ location: () => ({}), stackTrace: () => frame(4) }));
    await turns();
    assert.strictEqual(take().length, 2, 'two places');
  });

  QUnit.test('a message without stackTrace works', async (assert) => {
    const { page, take } = await leased(kit());
    const bare = message();
    delete bare.stackTrace;
    page.emit('console', bare);
    await turns();
    assert.strictEqual(take().length, 1, 'captured');
  });

  QUnit.test('its text is its arguments: strings as they are, others as JSON, undefined and the unhad as toString', async (assert) => {
    const { page, take } = await leased(kit());
    page.emit('console', message({
      text: () => 'JSHandle@text',
      args: () => [arg('plain'), arg({ a: [1, null] }), arg(5), arg(true), arg(null), arg(undefined, 'JSHandle:undefined'), arg(new Error('gone'), 'JSHandle@object')],
    }));
    await until(() => kit().pools[0], 'made');
    await turns();
    assert.strictEqual(take()[0].text, 'plain {"a":[1,null]} 5 true null JSHandle:undefined JSHandle@object', 'joined by a space');
  });

  QUnit.test('an argument whose jsonValue never settles is its toString, and holds up nobody else', async (assert) => {
    const { page, take, logs } = await leased(kit());
    const hung = { jsonValue: () => NEVER, toString: () => 'JSHandle@object' };
    page.emit('console', message({ args: () => [arg('first'), hung, arg({ a: 1 })] }));
    page.emit('console', message({ text: () => 'second' }));
    await turns();
    assert.deepEqual(take().map((e) => e.text), ['second'], 'the next message is there');
    const entries = [];
    await until(() => entries.push(...take()) && entries.length, 'the message with what came of it');
    assert.strictEqual(entries[0].text, 'first JSHandle@object {"a":1}', 'only that argument is missing');
    const lines = logs.lines.filter((l) => l.name === 'prerenderer-chrome').map((l) => l.text.split(') ').at(-1));
    assert.deepEqual(lines, ['first JSHandle@object {"a":1}', 'second'], 'the log keeps the order in which they were said');
  });

  QUnit.test('what is put together only after its page has closed is not kept', async (assert) => {
    const { page, take, pool, lease } = await leased(kit());
    let answer;
    page.emit('console', message({ args: () => [{ jsonValue: () => new Promise((resolve) => {
      answer = resolve;
    }), toString: () => '' }] }));
    lease.release();
    await pool.disposeAffinity('tenant');
    answer('too late');
    await turns();
    assert.deepEqual(take(), [], 'nothing');
  });

  QUnit.test('an argument whose jsonValue throws at once is its toString', async (assert) => {
    const { page, take } = await leased(kit());
    page.emit('console', message({ args: () => [{ jsonValue: () => {
      throw new Error('no');
    }, toString: () => 'fallback' }, arg('after')] }));
    await turns();
    assert.strictEqual(take()[0].text, 'fallback after', 'the rest goes on');
  });

  QUnit.test('without arguments it is text()', async (assert) => {
    const { page, take } = await leased(kit());
    page.emit('console', message({ text: () => 'only text' }));
    await turns();
    assert.strictEqual(take()[0].text, 'only text', 'text()');
  });

  QUnit.test('a broken message harms nobody', async (assert) => {
    const { page, take } = await leased(kit());
    page.emit('console', message({ type: () => {
      throw new Error('detached');
    } }));
    page.emit('console', message({ args: () => {
      throw new Error('detached');
    } }));
    page.emit('console', message({ location: () => {
      throw new Error('detached');
    }, text: () => 'no place' }));
    page.emit('console', {});
    page.emit('console', message({ text: () => 'fine' }));
    await turns();
    assert.ok(take().some((e) => e.text === 'fine'), 'the next one is captured');
  });

  QUnit.test('each page has its own', async (assert) => {
    const { pool } = await kit().warm({ maxPages: 2 });
    const a = await kit().take(pool, 'a');
    const b = await kit().take(pool, 'b');
    pool.resetConsoleErrors(a.pageId);
    pool.resetConsoleErrors(b.pageId);
    a.page.emit('console', message({ text: () => 'of a' }));
    b.page.emit('console', message({ text: () => 'of b' }));
    await turns();
    assert.deepEqual(pool.takeConsoleErrors(a.pageId).map((e) => e.text), ['of a'], 'a');
    assert.deepEqual(pool.takeConsoleErrors(b.pageId).map((e) => e.text), ['of b'], 'b');
  });

  QUnit.test('entries are plain objects with optional keys left out', async (assert) => {
    const { page, take } = await leased(kit());
    page.emit('console', message({ location: () => ({}), stackTrace: () => [] }));
    await turns();
    page.emit('console', message({ text: () => 'placed' }));
    await turns();
    const [entry, placed] = take();
    const place = { url: 'http://host.test/app.js', lineNumber: 9, columnNumber: 4 };
    assert.deepEqual(placed, { type: 'error', text: 'placed', location: place, stackFrames: [place], source: 'console' }, 'all that there may be');
    assert.strictEqual(Object.getPrototypeOf(entry), Object.prototype, 'plain');
    assert.ok(Object.values(entry).every((v) => v !== undefined), `no key is undefined: ${JSON.stringify(entry)}`);
  });
});

poolModule('the console log', (kit) => {
  QUnit.test('every message goes to prerenderer-chrome at its own level, with affinity, pageId, place and text', async (assert) => {
    const { page, logs, lease } = await leased(kit());
    const levels = { error: 'error', warn: 'warn', warning: 'warn', info: 'info', log: 'info', debug: 'debug', assert: 'error' };
    for (const type of Object.keys(levels)) {
      page.emit('console', message({ type: () => type, text: () => `say-${type}.` }));
    }
    await turns();
    for (const [type, level] of Object.entries(levels)) {
      const line = logs.lines.find((l) => l.name === 'prerenderer-chrome' && l.text.includes(`say-${type}.`));
      assert.ok(line, `${type} is logged`);
      if (type !== 'log' && type !== 'assert') {
        assert.strictEqual(line?.level, level, `${type} at ${level}`);
      }
    }
    const [line] = logs.lines.filter((l) => l.text.includes('say-error.'));
    assert.ok(line.text.includes('tenant'), `affinity: ${line.text}`);
    assert.ok(line.text.includes(lease.pageId), 'pageId');
    assert.ok(/app\.js:10:5/.test(line.text), `place, counted from 1: ${line.text}`);
  });

  QUnit.test('the pool’s own lines go to prerenderer', async (assert) => {
    const { pool, fake, logs } = kit().make();
    fake.once('goto', () => Promise.reject(new Error('net::ERR_FAILED')));
    await kit().visit(pool, 'a');
    assert.ok(logs.lines.some((l) => l.name === 'prerenderer'), 'that name');
    assert.ok(logs.lines.every((l) => l.name === 'prerenderer' || l.name === 'prerenderer-chrome'), 'and no other');
  });

  QUnit.test('a 502 or 503 of /_standby on a standby is not logged', async (assert) => {
    const { fake, logs } = await kit().warm();
    const [page] = fake.pages;
    for (const status of [502, 503]) {
      page.emit('console', message({
        text: () => `Failed to load resource: the server responded with a status of ${status} ()`,
        location: () => ({ url: 'http://host.test:4200/_standby' }),
      }));
    }
    page.emit('console', message({
      text: () => 'Failed to load resource: the server responded with a status of 503 ()',
      location: () => ({ url: 'http://host.test:4200/other.js' }),
    }));
    await turns();
    const lines = logs.lines.filter((l) => l.name === 'prerenderer-chrome');
    assert.strictEqual(lines.length, 1, 'only the one of another resource');
    assert.ok(lines[0].text.includes('other.js'), 'that one');
  });

  QUnit.test('without a logger, lines go through the console as it is at the time', async (assert) => {
    const original = { warn: console.warn, error: console.error, info: console.info, debug: console.debug, log: console.log };
    const seen = [];
    for (const level of ['warn', 'error', 'info', 'debug', 'log']) {
      console[level] = (...args) => seen.push([level, args.join(' ')]);
    }
    try {
      const { pool, fake } = kit().make({ logger: undefined });
      await kit().take(pool, 'tenant');
      fake.pages[0].emit('console', message({ text: () => 'through the console' }));
      fake.pages[0].emit('console', message({ type: () => 'warning', text: () => 'a warning' }));
      fake.pages[0].emit('console', message({ type: () => 'debug', text: () => 'a debug line' }));
      await turns();
    } finally {
      Object.assign(console, original);
    }
    const error = seen.find(([, text]) => text.includes('through the console'));
    assert.strictEqual(error?.[0], 'error', 'console.error');
    assert.ok(error?.[1].startsWith('[prerenderer-chrome] '), `named: ${error?.[1]}`);
    assert.strictEqual(seen.find(([, text]) => text.includes('a warning'))?.[0], 'warn', 'console.warn');
    assert.notOk(seen.some(([, text]) => text.includes('a debug line')), 'debug lines only with PAGEPOOL_LOG=debug');
  });

  QUnit.test('a logger that throws harms nobody', async (assert) => {
    const broken = () => {
      throw new Error('logger broke');
    };
    const { pool, fake } = kit().make({ logger: () => ({ debug: broken, info: broken, warn: broken, error: broken }) });
    fake.once('goto', () => Promise.reject(new Error('net::ERR_FAILED')));
    assert.ok((await kit().visit(pool, 'a')).page, 'a lease');
  });

  QUnit.test('a logger that rejects leaves no unhandled rejection', async (assert) => {
    const broken = async () => {
      throw new Error('logger broke');
    };
    const { pool, fake } = kit().make({ logger: () => ({ debug: broken, info: broken, warn: broken, error: broken }) });
    fake.once('goto', () => Promise.reject(new Error('net::ERR_FAILED')));
    assert.ok((await kit().visit(pool, 'a')).page, 'a lease');
    await turns();
  });

  QUnit.test('a logger may call the pool', async (assert) => {
    let pool;
    const seen = [];
    const log = () => seen.push(pool?.getWarmAffinities());
    ({ pool } = kit().make({ logger: () => ({ debug: log, info: log, warn: log, error: log }) }));
    const lease = await kit().take(pool, 'a');
    lease.page.emit('console', message());
    await turns();
    assert.deepEqual(seen.at(-1), ['a'], 'no deadlock');
  });
});

poolModule('uncaught exceptions', (kit) => {
  async function withSession() {
    const made = await leased(kit());
    await until(() => made.page.sessions.some((s) => s.sent.includes('Runtime.enable')), 'the session listens');
    const session = made.page.sessions.find((s) => s.sent.includes('Runtime.enable'));
    return { ...made, session };
  }

  QUnit.test('are captured as entries of the source exception', async (assert) => {
    const { session, take } = await withSession();
    session.emit('Runtime.exceptionThrown', thrown());
    await turns();
    const [entry] = take();
    assert.strictEqual(entry.source, 'exception', 'source');
    assert.strictEqual(entry.text, 'Error: broke', 'the first line, for stack frames carry the rest');
    assert.ok(Array.isArray(entry.stackFrames) && entry.stackFrames.length === 1, 'the frames');
    assert.ok(!('revoked' in entry), 'not revoked');
    assert.strictEqual(entry.location.url, 'http://host.test/app.js', 'place');
  });

  QUnit.test('are captured though their text ends in half a character', async (assert) => {
    const { session, take } = await withSession();
    session.emit('Runtime.exceptionThrown', thrown({ exception: { description: 'Error: cut \ud83d\n    at f (x.js:1:2)' } }));
    await turns();
    assert.deepEqual(take().map((entry) => entry.text), ['Error: cut \ufffd'], 'it stands for the half');
  });

  QUnit.test('one by one by their id, though text and place are the same', async (assert) => {
    const { session, take } = await withSession();
    session.emit('Runtime.exceptionThrown', thrown({}, 1));
    session.emit('Runtime.exceptionThrown', thrown({}, 2));
    await turns();
    assert.strictEqual(take().length, 2, 'two');
  });

  QUnit.test('one that is revoked stays, marked', async (assert) => {
    const { session, take } = await withSession();
    session.emit('Runtime.exceptionThrown', thrown({}, 1));
    session.emit('Runtime.exceptionThrown', thrown({}, 2));
    session.emit('Runtime.exceptionRevoked', { reason: 'Handler added to rejected promise', exceptionId: 1 });
    session.emit('Runtime.exceptionRevoked', { reason: 'x', exceptionId: 99 });
    await turns();
    assert.deepEqual(take().map((e) => e.revoked), [true, undefined], 'the first only');
  });

  const texts = [
    ['without frames: the whole description', { stackTrace: undefined, exception: { description: 'Error: broke\nmore' } }, 'Error: broke\nmore'],
    ['no description: the value', { exception: { type: 'string', value: 'a string' } }, 'a string'],
    ['a value that is no string', { exception: { type: 'number', value: 42 } }, '42'],
    ['no exception: the text', { exception: undefined, text: 'Uncaught SyntaxError' }, 'Uncaught SyntaxError'],
    ['nothing at all', { exception: undefined, text: undefined, stackTrace: undefined }, 'Uncaught exception'],
  ];
  for (const [name, over, expected] of texts) {
    QUnit.test(`text ${name}`, async (assert) => {
      const { session, take } = await withSession();
      session.emit('Runtime.exceptionThrown', thrown(over));
      await turns();
      assert.strictEqual(take()[0]?.text, expected, 'the text');
    });
  }

  QUnit.test('what is missing or malformed costs itself only', async (assert) => {
    const { session, take } = await withSession();
    session.emit('Runtime.exceptionThrown', thrown({ exceptionId: undefined }));
    session.emit('Runtime.exceptionThrown', thrown({ exceptionId: undefined }));
    session.emit('Runtime.exceptionThrown', thrown({ lineNumber: 'nine', stackTrace: { callFrames: null } }, 3));
    await turns();
    const entries = take();
    assert.deepEqual(entries.map((e) => e.text.split('\n')[0]), Array(3).fill('Error: broke'), 'every one is captured');
    assert.deepEqual(entries[2].location, { url: 'http://host.test/app.js', columnNumber: 4 }, 'with the place that it has');
  });

  QUnit.test('malformed events harm nobody', async (assert) => {
    const { session, take } = await withSession();
    session.emit('Runtime.exceptionThrown', {});
    session.emit('Runtime.exceptionThrown', undefined);
    session.emit('Runtime.exceptionRevoked', undefined);
    session.emit('Runtime.exceptionThrown', thrown({}, 7));
    await turns();
    assert.ok(take().some((e) => e.text === 'Error: broke'), 'the next is captured');
  });

  QUnit.test('share the limit of 50 with the console', async (assert) => {
    const { session, page, take } = await withSession();
    for (let i = 0; i < 40; i++) {
      session.emit('Runtime.exceptionThrown', thrown({}, i));
      page.emit('console', message({ text: () => `boom ${i}` }));
    }
    await turns();
    assert.strictEqual(take().length, 50, 'fifty in all');
  });

  QUnit.test('__test_seedRevokedException puts one in as if revoked before', async (assert) => {
    const { pool, lease } = await leased(kit());
    pool.__test_seedRevokedException(lease.pageId, { type: 'error', text: 'seeded', source: 'exception' }, 77);
    const [entry] = pool.takeConsoleErrors(lease.pageId);
    assert.strictEqual(entry.text, 'seeded', 'its text');
    assert.strictEqual(entry.revoked, true, 'revoked');
  });
});
