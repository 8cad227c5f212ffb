'use strict';

// The channels of node:diagnostics_channel: pagepool:* and the TracingChannel pagepool.getPage.

const { AsyncLocalStorage } = require('node:async_hooks');
const dc = require('node:diagnostics_channel');
const { poolModule } = require('./helpers/kit.js');

const STEPS = ['start', 'end', 'asyncStart', 'asyncEnd', 'error'];

/** Calls `run` while `listener` is subscribed to the channel. */
async function subscribed(name, listener, run) {
  dc.subscribe(name, listener);
  try {
    return await run();
  } finally {
    dc.unsubscribe(name, listener);
  }
}

/** What the TracingChannel tells while `run` runs: steps with their messages. */
async function traced(run) {
  const told = [];
  const channel = dc.tracingChannel('pagepool.getPage');
  const subscribers = Object.fromEntries(STEPS.map((step) => [step, (message) => told.push([step, message])]));
  channel.subscribe(subscribers);
  try {
    await run(told);
  } finally {
    channel.unsubscribe(subscribers);
  }
  return told;
}

poolModule('pagepool:* channels', (kit) => {
  QUnit.test('a message is what the listeners of the event get, and the pool', async (assert) => {
    const { pool } = await kit().warm({ maxPages: 1 });
    const events = [];
    const messages = [];
    pool.on('lease', (event) => events.push(event));
    await subscribed('pagepool:lease', (message, name) => messages.push([name, message]), () => kit().visit(pool, 'a'));
    const [[name, { pool: of, ...rest }]] = messages;
    assert.strictEqual(name, 'pagepool:lease', 'the channel');
    assert.strictEqual(of, pool, 'the pool');
    assert.deepEqual(rest, events[0], 'the same as the event');
    assert.true(Object.isFrozen(messages[0][1]), 'frozen');
  });

  QUnit.test('one subscriber hears of all pools, and of none any more once it has left', async (assert) => {
    const [first, second] = [await kit().warm(), await kit().warm()];
    const heard = [];
    await subscribed('pagepool:release', ({ pool }) => heard.push(pool), async () => {
      await kit().visit(first.pool, 'a');
      await kit().visit(second.pool, 'a');
    });
    await kit().visit(first.pool, 'a');
    assert.deepEqual(heard, [first.pool, second.pool], 'each of the two visits');
  });

  QUnit.test('there is one for each event', async (assert) => {
    const { pool } = await kit().warm({ maxPages: 1, disableStandbyRefill: true });
    const heard = [];
    const names = ['lease', 'release', 'reject', 'standby', 'evict', 'retire', 'migrate', 'expand', 'contract', 'browser'].map((name) => `pagepool:${name}`);
    const listener = (_, name) => heard.push(name);
    names.forEach((name) => dc.subscribe(name, listener));
    try {
      await kit().visit(pool, 'a');
      await kit().visit(pool, 'b');
    } finally {
      names.forEach((name) => dc.unsubscribe(name, listener));
    }
    assert.deepEqual(heard, ['pagepool:lease', 'pagepool:release', 'pagepool:migrate', 'pagepool:lease', 'pagepool:release'], 'in the order in which it happens');
  });
});

poolModule('the TracingChannel pagepool.getPage', (kit) => {
  QUnit.test('a call that is granted: start, end, asyncStart, asyncEnd, with one message', async (assert) => {
    const { pool } = await kit().warm({ maxPages: 1 });
    let lease;
    const told = await traced(async () => {
      lease = await kit().take(pool, 'a', 'command', { priority: 2 });
    });
    assert.deepEqual(told.map(([step]) => step), ['start', 'end', 'asyncStart', 'asyncEnd'], 'the steps');
    const [[, message]] = told;
    assert.true(told.every(([, other]) => other === message), 'the same object');
    assert.deepEqual([message.pool, message.affinityKey, message.queue, message.priority], [pool, 'a', 'command', 2], 'the call');
    assert.strictEqual(message.result.pageId, lease.pageId, 'what it resolved with');
    lease.release();
  });

  QUnit.test('one that is not: error, with the very error that the caller gets', async (assert) => {
    const { pool } = await kit().warm({ maxPages: 1 });
    let caught;
    const told = await traced(async () => {
      caught = await pool.getPage('').catch((error) => error);
    });
    assert.deepEqual(told.map(([step]) => step), ['start', 'end', 'error', 'asyncStart', 'asyncEnd'], 'the steps');
    assert.strictEqual(told.at(-1)[1].error, caught, 'the error');
    assert.strictEqual(caught.code, 'ERR_INVALID_ARG_VALUE', 'which is the usual one');
  });

  QUnit.test('pool.use is traced as the getPage that it is', async (assert) => {
    const { pool } = await kit().warm({ maxPages: 1 });
    const told = await traced(() => pool.use('a', () => {}));
    assert.deepEqual(told.filter(([step]) => step === 'start').map(([, { affinityKey, queue }]) => [affinityKey, queue]), [['a', 'file']], 'one call');
  });

  QUnit.test('a store that is bound to the start is there while the call is under way', async (assert) => {
    const { pool } = await kit().warm({ maxPages: 1 });
    const storage = new AsyncLocalStorage();
    const channel = dc.tracingChannel('pagepool.getPage');
    const seen = [];
    const end = () => seen.push(storage.getStore());
    channel.start.bindStore(storage, ({ affinityKey }) => `span of ${affinityKey}`);
    channel.end.subscribe(end);
    try {
      await kit().visit(pool, 'a');
    } finally {
      channel.start.unbindStore(storage);
      channel.end.unsubscribe(end);
    }
    assert.deepEqual(seen, ['span of a'], 'the store');
  });

  QUnit.test('without a subscriber the call is as it was: on any this, whatever is wrapped around it', async (assert) => {
    const { pool } = await kit().warm({ maxPages: 1 });
    const { getPage } = Object.getPrototypeOf(pool);
    assert.deepEqual([getPage.name, getPage.length], ['getPage', 0], 'its name and length');
    const lease = await getPage.call(pool, 'a');
    lease.release();
    const promise = getPage.call(pool, 'a');
    assert.strictEqual(Object.getPrototypeOf(promise), Promise.prototype, 'a promise');
    (await promise).release();
  });
});
