// Warm and cold visits through the pool and through puppeteer-core, in turns on the same kind of Chrome.

import { createRequire } from 'node:module';
import { parseArgs } from 'node:util';

import puppeteer from 'puppeteer-core';

import { startHostApp } from '../examples/host-app/server.mjs';
import { quantile, table } from '../examples/lib/display.mjs';
import { ratios, spread, summary } from './lib/statistics.mjs';

const require = createRequire(import.meta.url);
const { AsyncSemaphore, BrowserManager, PagePool } = require('../index.js');
const { ARGS, executablePath, isShell } = require('../__test__/page/sides.js');

const HELP = `Measures visits through the pool and through puppeteer-core, on the same Chrome binary, in turns.

  node bench/warm-cold.mjs [options]

  --rounds N   rounds, each of all cases and both sides (default 12)
  --warm N     warm visits of a round and side (default 200)
  --cold N     cold visits of a round and side (default 5)
  --json       prints the times as JSON, in milliseconds, and nothing else
  --help       this text

warm         getPage of a tenant whose tab is idle, evaluate(() => 1), release
warm, asked  the same; by hand the page is asked whether it still answers before it is used, as the pool does
cold         a tenant never seen before, right after the one before: no page is ready for it
cold, kept   the same with a pause before it, in which the pool has made a page ready ahead of time

The other side is what one would write by hand with puppeteer: a Map of pages by tenant for the warm visit; a context,
a page, the app's standby route and its readiness for a cold one, with the context of the tenant before closed.
Ratios are ours to puppeteer: below 1 is less time.
`;

const PAGES = 2;
const silent = () => ({ debug() {}, info() {}, warn() {}, error() {} });

function readOptions() {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string', default: '12' },
      warm: { type: 'string', default: '200' },
      cold: { type: 'string', default: '5' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  for (const name of ['rounds', 'warm', 'cold']) {
    values[name] = Number(values[name]);
    if (!Number.isInteger(values[name]) || values[name] < 1)
      throw new Error(`--${name} takes a whole number from 1`);
  }
  return values;
}

async function timed(work) {
  const began = performance.now();
  await work();
  return performance.now() - began;
}

/** The pool's side of a visit. */
async function startOurs(app) {
  const browserManager = new BrowserManager({ executablePath: executablePath(), args: ARGS });
  const pool = new PagePool({
    maxPages: PAGES,
    serverURL: 'http://localhost:4221',
    boxelHostURL: app.origin,
    browserManager,
    renderSemaphore: new AsyncSemaphore(PAGES),
    logger: silent,
  });
  const visit = async (key) => {
    const lease = await pool.getPage(key);
    try {
      if ((await lease.page.evaluate(() => 1)) !== 1) throw new Error('the page answered something else');
    } finally {
      lease.release();
    }
  };
  await pool.warmStandbys();
  let tenant = 0;
  const warm = () => visit('realm:https://warm.example/');
  return {
    warm,
    warmAsked: warm,
    cold: () => visit(`realm:https://cold-${(tenant += 1)}.example/`),
    settle: () => pool.warmStandbys(),
    async stop() {
      await pool.closeAll();
      await browserManager.stop();
    },
  };
}

/** The same visits by hand. */
async function startPuppeteer(app) {
  const browser = await puppeteer.launch({
    executablePath: executablePath(),
    headless: isShell() ? 'shell' : true,
    args: ARGS,
  });
  const open = async () => {
    const context = await browser.createBrowserContext();
    const page = await context.newPage();
    await page.goto(`${app.origin}/_standby`, { waitUntil: 'domcontentloaded' });
    await page.waitForFunction(() => document.querySelector('#standby-ready'));
    return { context, page };
  };
  const pages = new Map();
  let previous = null;
  const ask = async ({ page }) => {
    if ((await page.evaluate(() => 1)) !== 1) throw new Error('the page answered something else');
  };
  const warm = async () => {
    if (!pages.has('warm')) pages.set('warm', await open());
    await ask(pages.get('warm'));
  };
  return {
    warm,
    async warmAsked() {
      await ask(pages.get('warm'));
      await warm();
    },
    async cold() {
      const before = previous;
      previous = null;
      await before?.context.close();
      previous = await open();
      await ask(previous);
    },
    settle: async () => {},
    stop: () => browser.close(),
  };
}

async function main() {
  const options = readOptions();
  if (options.help) return void process.stdout.write(HELP);
  // No prerender manager here.
  process.env.PRERENDER_MANAGER_URL ??= '';
  const app = await startHostApp();
  const sides = { ours: await startOurs(app), puppeteer: await startPuppeteer(app) };
  const cases = {
    warm: { count: options.warm, visit: (side) => timed(() => side.warm()) },
    'warm, asked': { count: options.warm, visit: (side) => timed(() => side.warmAsked()) },
    cold: { count: options.cold, visit: (side) => timed(() => side.cold()) },
    'cold, kept': {
      count: options.cold,
      visit: async (side) => {
        await side.settle();
        return timed(() => side.cold());
      },
    },
  };
  const times = Object.fromEntries(
    Object.keys(cases).map((name) => [name, { ours: [], puppeteer: [], p50: {} }]),
  );

  try {
    for (const side of Object.values(sides)) for (let i = 0; i < 50; i += 1) await side.warm();
    for (let round = 0; round < options.rounds; round += 1) {
      for (const [name, { count, visit }] of Object.entries(cases)) {
        // Each round begins with the other side.
        const order = round % 2 === 0 ? ['ours', 'puppeteer'] : ['puppeteer', 'ours'];
        for (const which of order) {
          const side = sides[which];
          // What the case before has left in motion is not this one's.
          await side.settle();
          await side.warm();
          const taken = [];
          for (let i = 0; i < count; i += 1) taken.push(await visit(side));
          times[name][which].push(...taken);
          (times[name].p50[which] ??= []).push(quantile(taken, 0.5));
        }
      }
    }
  } finally {
    for (const side of Object.values(sides)) await side.stop();
    await app.close();
  }

  if (options.json) {
    process.stdout.write(`${JSON.stringify(times)}\n`);
    return;
  }
  const ms = (value) => value.toFixed(2);
  const rows = Object.entries(times).map(([name, { ours, puppeteer: theirs, p50 }]) => [
    name,
    ours.length,
    ms(quantile(ours, 0.5)),
    ms(quantile(theirs, 0.5)),
    ms(quantile(ours, 0.99)),
    ms(quantile(theirs, 0.99)),
    spread(summary(ratios(p50.ours, p50.puppeteer))),
    (quantile(ours, 0.99) / quantile(theirs, 0.99)).toFixed(2),
  ]);
  const head = [
    'visit',
    'each',
    'p50 ms',
    'puppeteer',
    'p99 ms',
    'puppeteer',
    'ratio p50, by round',
    'ratio p99',
  ];
  process.stdout.write(`${executablePath()}, Node ${process.version}\n\n${table(head, rows)}\n`);
}

try {
  await main();
} catch (error) {
  process.stderr.write(`${error.stack}\n`);
  process.exitCode = 1;
}
