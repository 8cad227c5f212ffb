'use strict';

const { getEventListeners } = require('node:events');
const lib = require('..');
const { turns } = require('./helpers/wait.js');

QUnit.module('PrerenderCancelledError', () => {
  QUnit.test('without arguments it is queued and has no reason', (assert) => {
    const error = new lib.PrerenderCancelledError();
    assert.ok(error instanceof Error, 'it extends Error');
    assert.strictEqual(error.name, 'PrerenderCancelledError', 'its name');
    assert.strictEqual(error.message, 'prerender cancelled', 'its message');
    assert.strictEqual(error.state, 'queued', 'its default state');
    assert.strictEqual(error.reason, undefined, 'no reason');
    assert.strictEqual(error.code, 'PRERENDER_CANCELLED', 'its code');
    assert.ok(error.stack.includes('errors-and-abort.test.js'), 'its stack says where it was made');
  });

  QUnit.test('a string is the reason', (assert) => {
    const error = new lib.PrerenderCancelledError('client went away');
    assert.strictEqual(error.message, 'prerender cancelled: client went away', 'the message ends with the reason');
    assert.strictEqual(error.reason, 'client went away', 'the reason is kept');
    assert.strictEqual(error.state, 'queued', 'the state is the default');
  });

  for (const state of ['queued', 'rendering', 'releasing']) {
    QUnit.test(`an object gives state ${state} and reason`, (assert) => {
      const error = new lib.PrerenderCancelledError({ state, reason: 'because' });
      assert.strictEqual(error.state, state, 'the state is kept');
      assert.strictEqual(error.reason, 'because', 'the reason is kept');
      assert.strictEqual(error.message, 'prerender cancelled: because', 'the message');
    });
  }

  QUnit.test('an object without a reason', (assert) => {
    const error = new lib.PrerenderCancelledError({ state: 'rendering' });
    assert.strictEqual(error.message, 'prerender cancelled', 'the message has no reason');
    assert.strictEqual(error.state, 'rendering', 'the state is kept');
    const empty = new lib.PrerenderCancelledError({});
    assert.strictEqual(empty.state, 'queued', 'an empty object leaves the default state');
  });

  QUnit.test('an empty reason is kept, and not announced', (assert) => {
    const error = new lib.PrerenderCancelledError('');
    assert.strictEqual(error.message, 'prerender cancelled', 'the message');
    assert.strictEqual(error.reason, '', 'the reason');
  });

  QUnit.test('it can be subclassed', (assert) => {
    class Mine extends lib.PrerenderCancelledError {}
    const error = new Mine('x');
    assert.ok(error instanceof Mine && error instanceof lib.PrerenderCancelledError, 'both classes match');
    assert.true(lib.isPrerenderCancellation(error), 'it is a cancellation');
  });

  QUnit.test('isPrerenderCancellation tells it from everything else', (assert) => {
    assert.true(lib.isPrerenderCancellation(new lib.PrerenderCancelledError()), 'the error itself');
    const others = [new Error('prerender cancelled'), undefined, null, 'prerender cancelled', 5, {}, new DOMException('x', 'AbortError')];
    for (const other of others) {
      assert.false(lib.isPrerenderCancellation(other), `${String(other)} is none`);
    }
  });
});

QUnit.module('StandbyTargetNotReadyError', () => {
  QUnit.test('is an Error with its code', (assert) => {
    const error = new lib.StandbyTargetNotReadyError('host app answered 503');
    assert.ok(error instanceof Error, 'it extends Error');
    assert.strictEqual(error.name, 'StandbyTargetNotReadyError', 'its name');
    assert.strictEqual(error.message, 'host app answered 503', 'its message is kept');
    assert.strictEqual(error.code, 'STANDBY_NOT_READY', 'its code');
  });
});

QUnit.module('throwIfAborted', () => {
  QUnit.test('does nothing without a signal, or before the abort', (assert) => {
    assert.strictEqual(lib.throwIfAborted(undefined), undefined, 'no signal');
    assert.strictEqual(lib.throwIfAborted(new AbortController().signal), undefined, 'not aborted');
  });

  QUnit.test('throws queued by default', (assert) => {
    const c = new AbortController();
    c.abort();
    assert.throws(() => lib.throwIfAborted(c.signal),
      (e) => e instanceof lib.PrerenderCancelledError && e.state === 'queued' && e.reason === undefined && e.message === 'prerender cancelled',
      'the default reason of a signal is no string and is left out');
  });

  QUnit.test('takes the state and a reason that is a string', (assert) => {
    const c = new AbortController();
    c.abort('shed');
    assert.throws(() => lib.throwIfAborted(c.signal, 'releasing'),
      (e) => e.state === 'releasing' && e.reason === 'shed' && e.message === 'prerender cancelled: shed', 'state and reason');
  });

  QUnit.test('leaves out a reason that is no string', (assert) => {
    const c = new AbortController();
    c.abort({ a: 1 });
    assert.throws(() => lib.throwIfAborted(c.signal), (e) => e.reason === undefined, 'an object is no reason');
  });
});

QUnit.module('abortable', () => {
  const listeners = (signal) => getEventListeners(signal, 'abort').length;

  QUnit.test('resolves with what run resolves with', async (assert) => {
    const c = new AbortController();
    assert.strictEqual(await lib.abortable(c.signal, async () => 7), 7, 'the value');
    assert.strictEqual(listeners(c.signal), 0, 'its listener is gone');
    assert.strictEqual(await lib.abortable(undefined, async () => 8), 8, 'without a signal');
  });

  QUnit.test('rejects with what run rejects with', async (assert) => {
    const c = new AbortController();
    const mine = new Error('mine');
    await assert.rejects(lib.abortable(c.signal, () => Promise.reject(mine)), (e) => e === mine, 'the very error');
    assert.strictEqual(listeners(c.signal), 0, 'its listener is gone');
  });

  QUnit.test('rejects on abort, rendering by default, while run hangs', async (assert) => {
    const c = new AbortController();
    const result = lib.abortable(c.signal, () => new Promise(() => {}));
    c.abort('late');
    await assert.rejects(result, (e) => e instanceof lib.PrerenderCancelledError && e.state === 'rendering' && e.reason === 'late', 'cancelled as rendering');
    assert.strictEqual(listeners(c.signal), 0, 'its listener is gone');
  });

  QUnit.test('takes the state given', async (assert) => {
    const c = new AbortController();
    const result = lib.abortable(c.signal, () => new Promise(() => {}), 'queued');
    c.abort();
    await assert.rejects(result, (e) => e.state === 'queued', 'the state');
  });

  QUnit.test('a signal already aborted does not run at all', async (assert) => {
    const c = new AbortController();
    c.abort();
    let ran = false;
    await assert.rejects(lib.abortable(c.signal, async () => {
      ran = true;
    }), lib.PrerenderCancelledError, 'cancelled');
    assert.false(ran, 'run was not called');
  });

  QUnit.test('a run that fails after the abort leaves no unhandled rejection', async (assert) => {
    const unhandled = [];
    const listen = (e) => unhandled.push(e);
    process.on('unhandledRejection', listen);
    const c = new AbortController();
    let fail;
    const result = lib.abortable(c.signal, () => new Promise((_, reject) => {
      fail = reject;
    }));
    c.abort();
    await assert.rejects(result, lib.PrerenderCancelledError, 'cancelled');
    fail(new Error('too late'));
    await turns();
    process.off('unhandledRejection', listen);
    assert.deepEqual(unhandled, [], 'nothing unhandled');
  });

  QUnit.test('a signal that is aborted meanwhile: by run itself, or while it is listened to', async (assert) => {
    const c = new AbortController();
    const byRun = lib.abortable(c.signal, () => {
      c.abort('from within');
      return Promise.reject(new Error('too late'));
    });
    await assert.rejects(byRun, (e) => lib.isPrerenderCancellation(e) && e.reason === 'from within', 'by run');
    assert.strictEqual(listeners(c.signal), 0, 'its listener is gone');
    const hasty = new EventTarget();
    hasty.addEventListener = (name, listener) => {
      hasty.aborted = true;
      listener(new Event(name));
    };
    let ran = false;
    await assert.rejects(lib.abortable(hasty, () => {
      ran = true;
    }), lib.PrerenderCancelledError, 'while it is listened to');
    assert.false(ran, 'and run was not called');
  });

  QUnit.test('a run that is no function is refused', async (assert) => {
    const c = new AbortController();
    await assert.rejects(lib.abortable(c.signal, 5), (e) => e instanceof TypeError && e.code === 'ERR_INVALID_ARG_VALUE' && /run/.test(e.message), 'as a wrong argument');
    assert.strictEqual(listeners(c.signal), 0, 'nothing listens');
  });

  QUnit.test('a run that throws at once rejects', async (assert) => {
    const c = new AbortController();
    const mine = new Error('thrown');
    await assert.rejects(lib.abortable(c.signal, () => {
      throw mine;
    }), (e) => e === mine, 'the thrown error arrives as a rejection');
    assert.strictEqual(listeners(c.signal), 0, 'its listener is gone');
  });
});
