'use strict';

const { getEventListeners } = require('node:events');
const {
  AsyncSemaphore,
  TabQueue,
  contract,
  isPrerenderCancellation,
  microtasks,
  turns,
} = require('./helpers/harness.js');

/** Notes the order in which promises settle. */
function recorder() {
  const order = [];
  const releases = new Map();
  const track = (name, promise) => {
    promise.then(
      (release) => {
        order.push(name);
        releases.set(name, release);
      },
      () => order.push(`${name}!`),
    );
  };
  return { order, releases, track };
}

contract('SPEC 2 and 13: AsyncSemaphore', (test) => {
  test('capacity rules', async (assert) => {
    for (const [given, capacity] of [
      [1, 1],
      [3, 3],
      [2.9, 2],
      [1.2, 1],
      [0.9, 1],
      [0, 1],
      [-4, 1],
      [NaN, 1],
      [Infinity, 1],
      [-Infinity, 1],
    ]) {
      assert.strictEqual(
        new AsyncSemaphore(given).capacity,
        capacity,
        `SPEC 2: new AsyncSemaphore(${given})`,
      );
      const semaphore = new AsyncSemaphore(7);
      semaphore.setCapacity(given);
      assert.strictEqual(semaphore.capacity, capacity, `SPEC 2: setCapacity(${given})`);
    }
  });

  test('acquire has taken its place when it returns, release has given it back', async (assert) => {
    const semaphore = new AsyncSemaphore(2);
    assert.deepEqual([semaphore.inUseCount, semaphore.pendingCount], [0, 0], 'SPEC 2: empty');
    const one = semaphore.acquire();
    assert.strictEqual(semaphore.inUseCount, 1, 'SPEC 13: acquire() has taken its place when it returns');
    semaphore.acquire();
    const third = semaphore.acquire();
    const fourth = semaphore.acquire(undefined, 4);
    assert.deepEqual([semaphore.inUseCount, semaphore.pendingCount], [2, 2], 'SPEC 2: two hold, two wait');
    assert.deepEqual(
      [...semaphore.pendingByPriority()].sort(),
      [
        [0, 1],
        [4, 1],
      ],
      'SPEC 2: pendingByPriority() is a Map of waiters only',
    );
    assert.true(semaphore.pendingByPriority() instanceof Map, 'SPEC 2: a Map');
    const release = await one;
    release();
    assert.deepEqual(
      [semaphore.inUseCount, semaphore.pendingCount],
      [2, 1],
      'SPEC 13: release() has handed over when it returns',
    );
    release();
    release();
    assert.deepEqual([semaphore.inUseCount, semaphore.pendingCount], [2, 1], 'SPEC 2: release is idempotent');
    (await fourth)();
    (await third)();
    assert.deepEqual([semaphore.inUseCount, semaphore.pendingCount], [1, 0], 'SPEC 2: all given back');
  });

  test('highest priority first, FIFO within one', async (assert) => {
    const semaphore = new AsyncSemaphore(1);
    const { order, releases, track } = recorder();
    const hold = await semaphore.acquire();
    for (const [name, priority] of [
      ['a0', 0],
      ['b5', 5],
      ['c0', 0],
      ['d5', 5],
      ['e-1', -1],
      ['f7.5', 7.5],
    ])
      track(name, semaphore.acquire(undefined, priority));
    hold();
    for (let i = 0; i < 6; i++) {
      await microtasks(3);
      releases.get(order.at(-1))();
    }
    assert.deepEqual(
      order,
      ['f7.5', 'b5', 'd5', 'a0', 'c0', 'e-1'],
      'SPEC 2: highest priority first, FIFO within one priority',
    );
  });

  test('microtask distances', async (assert) => {
    const semaphore = new AsyncSemaphore(1);
    let free = false;
    semaphore.acquire().then((release) => {
      free = release;
    });
    await microtasks(1);
    assert.strictEqual(
      typeof free,
      'function',
      'SPEC 13: a free acquire() returns a promise that is already fulfilled',
    );
    let woken = false;
    semaphore.acquire().then(() => {
      woken = true;
    });
    await turns(1);
    assert.false(woken, 'SPEC 2: full');
    free();
    assert.false(woken, 'never inside the call itself');
    await microtasks(2);
    assert.true(woken, "SPEC 13: a waiter's then runs within two microtasks of release()");

    let grown = 0;
    semaphore.acquire().then(() => grown++);
    semaphore.acquire().then(() => grown++);
    semaphore.setCapacity(3);
    assert.strictEqual(semaphore.inUseCount, 3, 'SPEC 13: setCapacity() has done its hand-over');
    await microtasks(2);
    assert.strictEqual(grown, 2, 'SPEC 2: growing wakes waiters, within two microtasks');
  });

  test('shrinking never preempts a holder', async (assert) => {
    const semaphore = new AsyncSemaphore(3);
    const held = await Promise.all([semaphore.acquire(), semaphore.acquire(), semaphore.acquire()]);
    semaphore.setCapacity(1);
    assert.deepEqual([semaphore.capacity, semaphore.inUseCount], [1, 3], 'SPEC 2: holders stay');
    const { order, track } = recorder();
    track('w', semaphore.acquire());
    held[0]();
    held[1]();
    await microtasks(3);
    assert.deepEqual(order, [], 'SPEC 2: nobody enters while as many hold it as may');
    held[2]();
    await microtasks(3);
    assert.deepEqual(order, ['w'], 'SPEC 2: below the capacity again');
  });

  abortLaws(test, 'AsyncSemaphore', () => new AsyncSemaphore(1));
});

contract('SPEC 2 and 13: TabQueue', (test) => {
  test('one holder; pendingCount counts holder and waiters', async (assert) => {
    const queue = new TabQueue();
    assert.strictEqual(queue.pendingCount, 0, 'SPEC 2: empty');
    const one = queue.acquire();
    assert.strictEqual(queue.pendingCount, 1, 'SPEC 2: the holder counts, at once');
    assert.deepEqual([...queue.pendingByPriority()], [], 'SPEC 2: pendingByPriority() is waiters only');
    const { order, releases, track } = recorder();
    track('low', queue.acquire());
    track('high', queue.acquire(undefined, 3));
    track('low2', queue.acquire(undefined, 0));
    assert.strictEqual(queue.pendingCount, 4, 'SPEC 2: holder and three waiters');
    assert.deepEqual(
      [...queue.pendingByPriority()].sort(),
      [
        [0, 2],
        [3, 1],
      ],
      'SPEC 2: waiters by priority',
    );
    const release = await one;
    release();
    release();
    assert.strictEqual(queue.pendingCount, 3, 'SPEC 13: handed over when release() returns, once');
    await microtasks(2);
    assert.deepEqual(order, ['high'], 'SPEC 13: within two microtasks; highest priority first');
    releases.get('high')();
    await microtasks(2);
    releases.get('low')();
    await microtasks(2);
    releases.get('low2')();
    assert.deepEqual(order, ['high', 'low', 'low2'], 'SPEC 2: FIFO within one priority');
    assert.strictEqual(queue.pendingCount, 0, 'SPEC 2: empty again');
  });

  test('a free acquire is already fulfilled', async (assert) => {
    let got = false;
    new TabQueue().acquire().then(() => {
      got = true;
    });
    await microtasks(1);
    assert.true(got, 'SPEC 13: already fulfilled');
  });

  abortLaws(test, 'TabQueue', () => new TabQueue());
});

function abortLaws(test, name, make) {
  test('an already aborted signal rejects', async (assert) => {
    const free = make();
    await assert.rejects(
      free.acquire(AbortSignal.abort('early')),
      (e) => isPrerenderCancellation(e) && e.state === 'queued' && e.reason === 'early',
      `SPEC 2: ${name} rejects an aborted signal`,
    );
    assert.strictEqual(free.pendingCount, 0, 'SPEC 2: and has taken no place');
    let got = false;
    free.acquire().then(() => {
      got = true;
    });
    await microtasks(2);
    assert.true(got, `SPEC 2: ${name} is still free`);
  });

  test('an abort while queued takes the waiter out', async (assert) => {
    const lock = make();
    const hold = await lock.acquire();
    const controller = new AbortController();
    const before = lock.pendingCount;
    const waiting = lock.acquire(controller.signal, 2);
    const { order, track } = recorder();
    track('waiting', waiting);
    track('next', lock.acquire());
    controller.abort('left');
    assert.strictEqual(lock.pendingCount, before + 1, 'SPEC 2: out of the queue at once');
    assert.false(lock.pendingByPriority().has(2), 'SPEC 2: its priority too');
    await assert.rejects(waiting, (e) => e.reason === 'left', 'SPEC 2: it rejects');
    assert.strictEqual(getEventListeners(controller.signal, 'abort').length, 0, 'SPEC 13: listener removed');
    hold();
    await microtasks(3);
    assert.deepEqual(order, ['waiting!', 'next'], 'SPEC 2: the next in line gets it');
  });

  test('an abort after the hand-over does not release twice', async (assert) => {
    const lock = make();
    const hold = await lock.acquire();
    const controller = new AbortController();
    const second = lock.acquire(controller.signal);
    const { order, track } = recorder();
    track('third', lock.acquire());
    hold();
    controller.abort();
    const outcome = await second.then(
      (release) => ({ release }),
      (error) => ({ error }),
    );
    await turns(1);
    if (outcome.release) {
      assert.deepEqual(order, [], 'SPEC 2: the aborted holder still holds');
      outcome.release();
      controller.abort();
      outcome.release();
    }
    await microtasks(3);
    assert.deepEqual(order, ['third'], 'SPEC 2: handed on');
    assert.strictEqual(
      lock.pendingCount + (lock.inUseCount ?? 0),
      1,
      'SPEC 2: one holder and nobody else: nothing was released twice',
    );
  });

  test('listeners are removed when a wait ends', async (assert) => {
    const lock = make();
    const controller = new AbortController();
    const one = await lock.acquire(controller.signal);
    assert.strictEqual(
      getEventListeners(controller.signal, 'abort').length,
      0,
      'SPEC 13: abort listeners are removed when their call settles (free)',
    );
    const waiting = lock.acquire(controller.signal);
    one();
    (await waiting)();
    assert.strictEqual(
      getEventListeners(controller.signal, 'abort').length,
      0,
      'SPEC 13: abort listeners are removed when their call settles (waited)',
    );
    const again = lock.acquire();
    controller.abort();
    (await again)();
  });
}
