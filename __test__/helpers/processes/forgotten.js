'use strict';

// Drops every reference to a pool that still has something to do, collects, and tells what came of it. Needs --expose-gc.

const lib = require('../../..');
const { FakeBrowserManager, NEVER } = require('../fake-browser.js');

const quiet = () => ({ debug() {}, info() {}, warn() {}, error() {} });
const told = [];
const fakes = {};

function make(name, options = {}) {
  fakes[name] = new FakeBrowserManager();
  return new lib.PagePool({
    maxPages: 1, serverURL: 'http://s', boxelHostURL: 'http://h', browserManager: fakes[name], logger: quiet, ...options,
  });
}

async function collect() {
  for (let i = 0; i < 8; i++) {
    global.gc();
    await new Promise(setImmediate);
  }
}

/** A request that waits for its standby. */
async function waiting() {
  const pool = make('waiting');
  const gate = fakes.waiting.gate('goto');
  const lease = pool.getPage('a').then((l) => l.reused, (e) => e.message);
  return { gate, lease };
}

/** A disposal that nobody waits for. */
async function disposal() {
  const pool = make('disposal', { onAffinityDisposed: (key) => told.push(key) });
  (await pool.getPage('a')).release();
  const gate = fakes.disposal.gate('contextClose');
  pool.disposeAffinity('a', { awaitIdle: false });
  return gate;
}

/** Closed and done: nothing keeps it. */
async function closed(registry) {
  const pool = make('closed');
  registry.register(pool, 'closed');
  (await pool.getPage('a')).release();
  await pool.closeAll();
}

(async () => {
  const keepAlive = setInterval(() => {}, 1000);
  const collected = [];
  const registry = new FinalizationRegistry((name) => collected.push(name));
  const asked = await waiting();
  const gate = await disposal();
  await closed(registry);
  await collect();
  asked.gate.open();
  gate.open();
  const reused = await Promise.race([asked.lease, NEVER]);
  await collect();
  clearInterval(keepAlive);
  console.log(JSON.stringify({ reused, told, cleaned: fakes.disposal.count('cleanupUserDataDirs'), collected }));
})();
