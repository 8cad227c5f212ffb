// What the other tenants wait for while one page is stuck, against the same pool when it is calm.

import { createRequire } from 'node:module';
import { parseArgs } from 'node:util';

import { startHostApp } from '../examples/host-app/server.mjs';
import { quantile, table } from '../examples/lib/display.mjs';
import { spread, summary } from './lib/statistics.mjs';

const require = createRequire(import.meta.url);
const { AsyncSemaphore, BrowserManager, PagePool } = require('../index.js');
const { ARGS, executablePath } = require('../__test__/page/sides.js');

const HELP = `Measures warm visits of three tenants while the page of a fourth is stuck, against the same pool when it is calm.

  node bench/neighbours.mjs [options]

  --rounds N   rounds, each of all cases (default 10)
  --visits N   visits of a case and round (default 200)
  --json       prints the times as JSON, in milliseconds, and nothing else
  --help       this text

calm             the fourth tenant's page is warm, and nobody uses it
waiting, held    its lease waits for a promise that never settles: stuck, but without a use of the processor
looping, held    its lease is held, and its page is in an endless loop
looping, ended   the same, and its affinity is disposed of when the visits begin
looping, alone   calm, while a thread outside of Chrome is in an endless loop

Ratios are to the calm case of the same round: 1 is no difference. A loop takes a processor, whoever runs it: the last case
shows what that alone costs.
`;

const NEIGHBOURS = ['realm:https://a.example/', 'realm:https://b.example/', 'realm:https://c.example/'];
const STUCK = 'realm:https://stuck.example/';

function readOptions() {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string', default: '10' },
      visits: { type: 'string', default: '200' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  for (const name of ['rounds', 'visits']) {
    values[name] = Number(values[name]);
    if (!Number.isInteger(values[name]) || values[name] < 1)
      throw new Error(`--${name} takes a whole number from 1`);
  }
  return values;
}

async function visit(pool, key) {
  const began = performance.now();
  const lease = await pool.getPage(key);
  try {
    if ((await lease.page.evaluate(() => 1)) !== 1) throw new Error('the page answered something else');
  } finally {
    lease.release();
  }
  return performance.now() - began;
}

async function visits(pool, count) {
  const taken = [];
  for (let i = 0; i < count; i += 1) taken.push(await visit(pool, NEIGHBOURS[i % NEIGHBOURS.length]));
  return taken;
}

/** Holds a lease whose page does `work`, which does not end; resolves when it has begun. */
async function stick(pool, work) {
  const lease = await pool.getPage(STUCK);
  const begun = new Promise((resolve) => lease.page.once('console', resolve));
  const rendering = lease.page.evaluate(work).catch(() => {});
  await begun;
  return { lease, rendering };
}

const forever = () => {
  console.log('begun');
  return new Promise(() => {});
};
const loop = () => {
  console.log('begun');
  setTimeout(() => {
    for (;;);
  });
  return new Promise(() => {});
};

/** The stuck page is disposed of, and everything is as it was before. */
async function clear(pool, { lease, rendering }) {
  await pool.disposeAffinity(STUCK);
  await rendering;
  lease.release();
}

const held = (work) => async (pool, count) => {
  const stuck = await stick(pool, work);
  const taken = await visits(pool, count);
  await clear(pool, stuck);
  return taken;
};

const CASES = {
  calm: visits,
  'waiting, held': held(forever),
  'looping, held': held(loop),
  'looping, ended': async (pool, count) => {
    const stuck = await stick(pool, loop);
    const ended = clear(pool, stuck);
    const taken = await visits(pool, count);
    await ended;
    return taken;
  },
  'looping, alone': async (pool, count) => {
    const { Worker } = await import('node:worker_threads');
    const worker = new Worker('for (;;);', { eval: true });
    await new Promise((resolve) => worker.once('online', resolve));
    const taken = await visits(pool, count);
    await worker.terminate();
    return taken;
  },
};

async function main() {
  const options = readOptions();
  if (options.help) return void process.stdout.write(HELP);
  process.env.PRERENDER_MANAGER_URL ??= '';
  const app = await startHostApp();
  const browserManager = new BrowserManager({ executablePath: executablePath(), args: ARGS });
  const maxPages = NEIGHBOURS.length + 1;
  const pool = new PagePool({
    maxPages,
    serverURL: 'http://localhost:4221',
    boxelHostURL: app.origin,
    browserManager,
    renderSemaphore: new AsyncSemaphore(maxPages),
    closeTimeoutMs: 1000,
    leaseGraceMs: 1000,
    logger: () => ({ debug() {}, info() {}, warn() {}, error() {} }),
  });
  const rounds = Object.fromEntries(Object.keys(CASES).map((name) => [name, []]));
  try {
    await visits(pool, 100);
    for (let round = 0; round < options.rounds; round += 1) {
      const names = Object.keys(CASES);
      // No case always follows the same one.
      for (const name of round % 2 === 0 ? names : names.reverse()) {
        await visit(pool, STUCK);
        await pool.warmStandbys();
        await visits(pool, NEIGHBOURS.length);
        rounds[name].push(await CASES[name](pool, options.visits));
      }
    }
  } finally {
    await pool.closeAll();
    await browserManager.stop();
    await app.close();
  }
  if (options.json) return void process.stdout.write(`${JSON.stringify(rounds)}\n`);
  const ms = (value) => value.toFixed(2);
  const ratio = (name, q) =>
    spread(summary(rounds[name].map((taken, i) => quantile(taken, q) / quantile(rounds.calm[i], q))));
  const rows = Object.entries(rounds).map(([name, taken]) => {
    const all = taken.flat();
    return [
      name,
      all.length,
      ms(quantile(all, 0.5)),
      ms(quantile(all, 0.99)),
      ms(Math.max(...all)),
      ratio(name, 0.5),
      ratio(name, 0.99),
    ];
  });
  const head = ['the fourth page', 'visits', 'p50 ms', 'p99 ms', 'longest ms', 'p50 to calm', 'p99 to calm'];
  process.stdout.write(`${executablePath()}, Node ${process.version}\n\n${table(head, rows)}\n`);
}

try {
  await main();
} catch (error) {
  process.stderr.write(`${error.stack}\n`);
  process.exitCode = 1;
}
