'use strict';

// Waiting by events and conditions, never by a fixed time.

/** A promise with its handles. */
function deferred() {
  const d = { settled: false };
  d.promise = new Promise((resolve, reject) => {
    d.resolve = (value) => {
      d.settled = true;
      resolve(value);
    };
    d.reject = (error) => {
      d.settled = true;
      reject(error);
    };
  });
  return d;
}

/** Lets everything happen that needs no timer and no outside event. */
async function turns(count = 12) {
  for (let i = 0; i < count; i++) {
    await new Promise(setImmediate);
  }
}

/** Lets `count` microtasks pass. */
async function microtasks(count) {
  for (let i = 0; i < count; i++) {
    await undefined;
  }
}

/** Resolves once `condition()` holds; rejects with `what` when it does not within `limitMs`. */
async function until(condition, what, limitMs = 8000) {
  const end = performance.now() + limitMs;
  for (let round = 0; ; round++) {
    const value = condition();
    if (value) {
      return value;
    }
    if (performance.now() > end) {
      throw new Error(`never happened: ${what}`);
    }
    await (round < 300 ? new Promise(setImmediate) : new Promise((resolve) => setTimeout(resolve, 2)));
  }
}

/** Watches a promise: `state` is 'pending', 'fulfilled' or 'rejected', and the promise counts as handled. */
function watch(promise) {
  const watched = { promise, state: 'pending', value: undefined, error: undefined };
  watched.settled = Promise.resolve(promise).then(
    (value) => {
      watched.state = 'fulfilled';
      watched.value = value;
    },
    (error) => {
      watched.state = 'rejected';
      watched.error = error;
    },
  );
  return watched;
}

/** Resolves like `promise`, or rejects when it has not settled within `limitMs`: a hang becomes a failure with a name. */
function within(promise, what, limitMs = 8000) {
  let timer;
  const limit = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`did not settle: ${what}`)), limitMs);
  });
  return Promise.race([promise, limit]).finally(() => clearTimeout(timer));
}

/** A small seeded generator (mulberry32): the same seed gives the same run. */
function random(seed) {
  let a = seed >>> 0;
  const next = () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  return {
    next,
    below: (n) => Math.floor(next() * n),
    chance: (p) => next() < p,
    pick: (items) => items[Math.floor(next() * items.length)],
  };
}

module.exports = { deferred, turns, microtasks, until, watch, within, random };
