'use strict';

const { inspect } = require('node:util');
const { getEventListeners } = require('node:events');
const lib = require('..');
const { microtasks, turns, watch, random } = require('./helpers/wait.js');

const isFulfilled = (promise) => !inspect(promise).includes('<pending>') && !inspect(promise).includes('<rejected>');

/** Both classes share acquire(); each test runs over both, with capacity 1. */
const kinds = {
  AsyncSemaphore: () => new lib.AsyncSemaphore(1),
  TabQueue: () => new lib.TabQueue(),
};

for (const [name, make] of Object.entries(kinds)) {
  QUnit.module(`${name} acquire`, () => {
    QUnit.test('a free acquire is already fulfilled with a release function', async (assert) => {
      const queue = make();
      const promise = queue.acquire();
      assert.ok(promise instanceof Promise, 'a real promise');
      assert.ok(isFulfilled(promise), 'fulfilled when the call returns');
      assert.strictEqual(typeof await promise, 'function', 'with the release');
    });

    QUnit.test('its then runs in the first microtask', async (assert) => {
      const queue = make();
      const order = [];
      queue.acquire().then(() => order.push('acquired'));
      Promise.resolve().then(() => order.push('one')).then(() => order.push('two'));
      await turns(1);
      assert.deepEqual(order, ['acquired', 'one', 'two'], 'no hop through another thread or turn');
    });

    QUnit.test('has taken its place when the call returns', async (assert) => {
      const queue = make();
      const first = queue.acquire();
      const second = queue.acquire();
      assert.ok(isFulfilled(first), 'the first holds');
      assert.notOk(isFulfilled(second), 'the second waits');
      (await first)();
      assert.strictEqual(typeof await second, 'function', 'and gets it on release');
    });

    QUnit.test('a waiter continues within two microtasks of the release', async (assert) => {
      const queue = make();
      const release = await queue.acquire();
      const order = [];
      queue.acquire().then(() => order.push('woken'));
      await turns(2);
      release();
      Promise.resolve().then(() => order.push(1)).then(() => order.push(2)).then(() => order.push(3));
      await turns(2);
      assert.ok(order.indexOf('woken') <= 2, `woken within two microtasks: ${order}`);
    });

    QUnit.test('release hands over before it returns: nobody overtakes', async (assert) => {
      const queue = make();
      const release = await queue.acquire();
      const waiter = watch(queue.acquire());
      release();
      const late = watch(queue.acquire(undefined, 1000));
      await microtasks(4);
      assert.strictEqual(waiter.state, 'fulfilled', 'the waiter owns it');
      assert.strictEqual(late.state, 'pending', 'a later call with a higher priority does not take what was handed over');
    });

    QUnit.test('highest priority first, FIFO within one', async (assert) => {
      const queue = make();
      let release = await queue.acquire();
      const order = [];
      const wait = (label, priority) => queue.acquire(undefined, priority).then((r) => {
        order.push(label);
        release = r;
      });
      const all = [wait('a0', 0), wait('b5', 5), wait('c0'), wait('d5', 5), wait('e-1', -1), wait('f2.5', 2.5)];
      for (let i = 0; i < all.length; i++) {
        release();
        await microtasks(4);
      }
      await Promise.all(all);
      assert.deepEqual(order, ['b5', 'd5', 'f2.5', 'a0', 'c0', 'e-1'], 'by priority, then by arrival');
    });

    QUnit.test('release is idempotent', async (assert) => {
      const queue = make();
      const release = await queue.acquire();
      const second = watch(queue.acquire());
      const third = watch(queue.acquire());
      release();
      release();
      release();
      await microtasks(4);
      assert.strictEqual(second.state, 'fulfilled', 'one release woke one waiter');
      assert.strictEqual(third.state, 'pending', 'further calls of the same release wake nobody');
      second.value();
      await microtasks(4);
      assert.strictEqual(third.state, 'fulfilled', 'the next holder passes it on');
      release();
      assert.strictEqual(queue.pendingCount, name === 'TabQueue' ? 1 : 0, 'an old release changes nothing under a new holder');
    });

    QUnit.test('an aborted signal rejects, and takes no place', async (assert) => {
      const queue = make();
      const c = new AbortController();
      c.abort('never mind');
      await assert.rejects(queue.acquire(c.signal), (e) => e instanceof lib.PrerenderCancelledError
        && e.state === 'queued' && e.reason === 'never mind' && e.code === 'PRERENDER_CANCELLED', 'as a cancellation');
      assert.strictEqual(queue.pendingCount, 0, 'nothing is held or waited for');
      assert.ok(isFulfilled(queue.acquire()), 'it is still free');
    });

    QUnit.test('an abort while queued takes the waiter out', async (assert) => {
      const queue = make();
      const release = await queue.acquire();
      const c = new AbortController();
      const first = watch(queue.acquire(c.signal));
      const second = watch(queue.acquire());
      c.abort();
      assert.strictEqual(queue.pendingByPriority().get(0), 1, 'out of the queue when abort() returns');
      await microtasks(4);
      assert.strictEqual(first.state, 'rejected', 'rejected');
      assert.ok(lib.isPrerenderCancellation(first.error) && first.error.state === 'queued', 'as a queued cancellation');
      assert.strictEqual(getEventListeners(c.signal, 'abort').length, 0, 'its listener is gone');
      release();
      await microtasks(4);
      assert.strictEqual(second.state, 'fulfilled', 'the next waiter is served instead');
    });

    QUnit.test('an abort after the hand-over does not release twice', async (assert) => {
      const queue = make();
      const release = await queue.acquire();
      const c = new AbortController();
      const waiter = queue.acquire(c.signal);
      const third = watch(queue.acquire());
      release();
      c.abort();
      const own = await waiter;
      await microtasks(4);
      assert.strictEqual(third.state, 'pending', 'the abort of the holder frees nothing');
      own();
      await microtasks(4);
      assert.strictEqual(third.state, 'fulfilled', 'its own release does');
      assert.strictEqual(getEventListeners(c.signal, 'abort').length, 0, 'no listener stays on the signal');
    });

    QUnit.test('the listener is removed when the wait ends', async (assert) => {
      const queue = make();
      const c = new AbortController();
      const release = await queue.acquire(c.signal);
      assert.strictEqual(getEventListeners(c.signal, 'abort').length, 0, 'none after a free acquire');
      const waiter = queue.acquire(c.signal);
      assert.strictEqual(getEventListeners(c.signal, 'abort').length, 1, 'one while waiting');
      release();
      await waiter;
      assert.strictEqual(getEventListeners(c.signal, 'abort').length, 0, 'none after the hand-over');
    });

    QUnit.test('what throws while it is looked at rejects, and takes no place', async (assert) => {
      const unhandled = [];
      const listen = (e) => unhandled.push(e);
      process.on('unhandledRejection', listen);
      const queue = make();
      const broken = {
        get aborted() {
          throw new RangeError('broken signal');
        },
      };
      const deaf = {
        aborted: false,
        addEventListener() {
          throw new RangeError('deaf signal');
        },
      };
      await assert.rejects(queue.acquire(broken), RangeError, 'a signal that cannot be read');
      await assert.rejects(queue.acquire(undefined, Symbol('high')), TypeError, 'a priority that is no number');
      const release = await queue.acquire();
      await assert.rejects(queue.acquire(deaf), RangeError, 'a signal that cannot be listened to');
      assert.strictEqual(queue.pendingByPriority().size, 0, 'nobody waits');
      release();
      assert.ok(isFulfilled(queue.acquire()), 'it is free');
      await turns();
      process.off('unhandledRejection', listen);
      assert.deepEqual(unhandled, [], 'nothing unhandled');
    });

    QUnit.test('a signal that aborts while it is listened to ends the wait', async (assert) => {
      const queue = make();
      const release = await queue.acquire();
      const hasty = new EventTarget();
      hasty.aborted = false;
      hasty.addEventListener = (name, listener) => {
        hasty.aborted = true;
        hasty.reason = 'at once';
        listener(new Event(name));
      };
      await assert.rejects(queue.acquire(hasty), (e) => lib.isPrerenderCancellation(e) && e.reason === 'at once', 'cancelled');
      assert.strictEqual(queue.pendingByPriority().size, 0, 'nobody waits');
      release();
    });

    QUnit.test('arguments may be present and undefined', async (assert) => {
      const queue = make();
      (await queue.acquire(undefined, undefined))();
      assert.ok(isFulfilled(queue.acquire(undefined, undefined)), 'taken and given back');
    });

    QUnit.test('pendingByPriority counts waiters only and is a Map', async (assert) => {
      const queue = make();
      const release = await queue.acquire(undefined, 9);
      const held = queue.pendingByPriority();
      assert.ok(held instanceof Map, 'a Map');
      assert.strictEqual(held.size, 0, 'a holder is no waiter');
      watch(queue.acquire(undefined, 1));
      watch(queue.acquire(undefined, 1));
      watch(queue.acquire(undefined, 3));
      assert.deepEqual([...queue.pendingByPriority()].sort((a, b) => a[0] - b[0]), [[1, 2], [3, 1]], 'waiters by their priority');
      release();
      assert.deepEqual([...queue.pendingByPriority()], [[1, 2]], 'the one handed over to no longer waits');
    });

    QUnit.test('a detached release works', async (assert) => {
      const queue = make();
      const release = await queue.acquire();
      const { call } = Function.prototype;
      call.call(release, undefined);
      assert.ok(isFulfilled(queue.acquire()), 'free again');
    });

    QUnit.test('random calls keep to a reference model', async (assert) => {
      const seed = Date.now() % 1e9;
      const rnd = random(seed);
      const queue = make();
      const waiting = [];
      let holder = null;
      let serial = 0;
      const grant = () => {
        if (!holder && waiting.length) {
          waiting.sort((a, b) => b.priority - a.priority || a.id - b.id);
          holder = waiting.shift();
        }
      };
      for (let i = 0; i < 500; i++) {
        const dice = rnd.next();
        if (dice < 0.5) {
          const c = new AbortController();
          const entry = { id: serial++, priority: rnd.below(4), c };
          entry.watched = watch(queue.acquire(c.signal, entry.priority));
          waiting.push(entry);
          grant();
        } else if (dice < 0.8 && holder) {
          await microtasks(4);
          const old = holder;
          holder = null;
          old.watched.value();
          grant();
        } else if (waiting.length) {
          waiting.splice(rnd.below(waiting.length), 1)[0].c.abort();
        }
        await microtasks(4);
        if (holder && holder.watched.state !== 'fulfilled') {
          assert.ok(false, `seed ${seed}, step ${i}: request ${holder.id} should hold it and is ${holder.watched.state}`);
          return;
        }
        const wrong = waiting.find((w) => w.watched.state !== 'pending');
        if (wrong) {
          assert.ok(false, `seed ${seed}, step ${i}: request ${wrong.id} should wait and is ${wrong.watched.state}`);
          return;
        }
      }
      assert.ok(true, `seed ${seed}`);
    });
  });
}

QUnit.module('AsyncSemaphore capacity', () => {
  for (const [given, capacity] of [[1, 1], [3, 3], [2.9, 2], [0, 1], [-4, 1], [NaN, 1], [Infinity, 1], [-Infinity, 1], [0.5, 1]]) {
    QUnit.test(`new AsyncSemaphore(${given}) and setCapacity(${given}) have capacity ${capacity}`, (assert) => {
      assert.strictEqual(new lib.AsyncSemaphore(given).capacity, capacity, 'constructed');
      const other = new lib.AsyncSemaphore(7);
      other.setCapacity(given);
      assert.strictEqual(other.capacity, capacity, 'set');
    });
  }

  QUnit.test('counts holders and waiters', async (assert) => {
    const semaphore = new lib.AsyncSemaphore(2);
    const first = await semaphore.acquire();
    await semaphore.acquire();
    watch(semaphore.acquire());
    assert.strictEqual(semaphore.inUseCount, 2, 'two in use');
    assert.strictEqual(semaphore.pendingCount, 1, 'one waits');
    first();
    assert.strictEqual(semaphore.inUseCount, 2, 'handed over before release returned');
    assert.strictEqual(semaphore.pendingCount, 0, 'nobody waits');
  });

  QUnit.test('growing wakes as many waiters as there is room for, by priority, before it returns', async (assert) => {
    const semaphore = new lib.AsyncSemaphore(1);
    await semaphore.acquire();
    const low = watch(semaphore.acquire(undefined, 0));
    const high = watch(semaphore.acquire(undefined, 5));
    const middle = watch(semaphore.acquire(undefined, 3));
    semaphore.setCapacity(3);
    assert.strictEqual(semaphore.inUseCount, 3, 'taken when setCapacity returns');
    await microtasks(4);
    assert.deepEqual([low.state, high.state, middle.state], ['pending', 'fulfilled', 'fulfilled'], 'the two highest');
  });

  QUnit.test('shrinking never preempts a holder, and lets nobody in until there is room', async (assert) => {
    const semaphore = new lib.AsyncSemaphore(3);
    const holders = await Promise.all([semaphore.acquire(), semaphore.acquire(), semaphore.acquire()]);
    const waiter = watch(semaphore.acquire());
    semaphore.setCapacity(1);
    assert.strictEqual(semaphore.inUseCount, 3, 'all three still hold it');
    holders[0]();
    holders[1]();
    await microtasks(4);
    assert.strictEqual(waiter.state, 'pending', 'one holder fills the capacity');
    holders[2]();
    await microtasks(4);
    assert.strictEqual(waiter.state, 'fulfilled', 'then the waiter comes');
    assert.strictEqual(semaphore.inUseCount, 1, 'and is the only one');
  });

  QUnit.test('a waiter woken by growth continues within two microtasks', async (assert) => {
    const semaphore = new lib.AsyncSemaphore(1);
    await semaphore.acquire();
    const order = [];
    semaphore.acquire().then(() => order.push('woken'));
    await turns(1);
    semaphore.setCapacity(2);
    Promise.resolve().then(() => order.push(1)).then(() => order.push(2)).then(() => order.push(3));
    await turns(1);
    assert.ok(order.indexOf('woken') <= 2, `woken within two microtasks: ${order}`);
  });

  QUnit.test('can be subclassed', async (assert) => {
    class Counting extends lib.AsyncSemaphore {
      calls = 0;

      acquire(...args) {
        this.calls++;
        return super.acquire(...args);
      }
    }
    const semaphore = new Counting(2);
    await semaphore.acquire();
    assert.strictEqual(semaphore.calls, 1, 'the override ran');
    assert.strictEqual(semaphore.inUseCount, 1, 'on the same semaphore');
    assert.strictEqual(semaphore.capacity, 2, 'with the capacity given to the base class');
  });
});

QUnit.module('TabQueue counts', () => {
  QUnit.test('pendingCount counts the holder and the waiters', async (assert) => {
    const queue = new lib.TabQueue();
    assert.strictEqual(queue.pendingCount, 0, 'free');
    const release = await queue.acquire();
    assert.strictEqual(queue.pendingCount, 1, 'the holder');
    const second = watch(queue.acquire());
    watch(queue.acquire());
    assert.strictEqual(queue.pendingCount, 3, 'the holder and two waiters');
    release();
    assert.strictEqual(queue.pendingCount, 2, 'one gone when release returns');
    await second.settled;
    assert.strictEqual(queue.pendingCount, 2, 'the hand-over itself changes nothing');
  });
});
