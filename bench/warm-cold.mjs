// One warm and one cold visit, through the pool and through puppeteer-core, in turns on the same kind of Chrome.
//
//   node bench/warm-cold.mjs [--rounds 12] [--warm 200] [--cold 5] [--json]
//
// warm       getPage of a tenant whose tab is idle, evaluate(() => 1), release
// cold       a tenant never seen before, right after the previous one: no page is ready for it
// cold, kept the same with a pause before it, in which the pool has made a page ready ahead of time
//
// The other side is what one would write by hand with puppeteer: a Map of pages by tenant for the warm visit; a
// context, a page, the app's standby route and its readiness for a cold one, the previous tenant's context closed.

import { createRequire } from 'node:module';
import { parseArgs } from 'node:util';

import puppeteer from 'puppeteer-core';

import { startHostApp } from '../examples/host-app/server.mjs';
import { quantile, table } from '../examples/lib/display.mjs';

const { AsyncSemaphore, BrowserManager, PagePool } = createRequire(import.meta.url)('../index.js');

const PAGES = 2;
const silent = () => ({ debug() {}, info() {}, warn() {}, error() {} });

function readOptions() {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string', default: '12' },
      warm: { type: 'string', default: '200' },
      cold: { type: 'string', default: '5' },
      json: { type: 'boolean', default: false },
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
  const browserManager = new BrowserManager();
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
  return {
    warm: () => visit('realm:https://warm.example/'),
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
  const sandboxOff = process.env.CI === 'true' || process.env.PUPPETEER_DISABLE_SANDBOX === 'true';
  const browser = await puppeteer.launch({
    executablePath: process.env.PUPPETEER_EXECUTABLE_PATH,
    headless: 'shell',
    args: [
      ...(sandboxOff ? ['--no-sandbox', '--disable-setuid-sandbox'] : []),
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--disable-quic',
    ],
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
  return {
    async warm() {
      if (!pages.has('warm')) pages.set('warm', await open());
      await ask(pages.get('warm'));
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
  // No prerender manager here.
  process.env.PRERENDER_MANAGER_URL ??= '';
  if (!process.env.PUPPETEER_EXECUTABLE_PATH) {
    throw new Error('name the Chrome for both sides with PUPPETEER_EXECUTABLE_PATH');
  }
  const app = await startHostApp();
  const sides = { ours: await startOurs(app), puppeteer: await startPuppeteer(app) };
  const cases = {
    warm: { count: options.warm, visit: (side) => timed(() => side.warm()) },
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
    Object.keys(cases).map((name) => [name, { ours: [], puppeteer: [], ratios: [] }]),
  );

  try {
    for (const side of Object.values(sides)) for (let i = 0; i < 50; i += 1) await side.warm();
    for (let round = 0; round < options.rounds; round += 1) {
      for (const [name, { count, visit }] of Object.entries(cases)) {
        const medians = {};
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
          medians[which] = quantile(taken, 0.5);
        }
        times[name].ratios.push(medians.ours / medians.puppeteer);
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
  const rows = Object.entries(times).map(([name, { ours, puppeteer: theirs, ratios }]) => [
    name,
    ours.length,
    ms(quantile(ours, 0.5)),
    ms(quantile(theirs, 0.5)),
    ms(quantile(ours, 0.99)),
    ms(quantile(theirs, 0.99)),
    `${quantile(ratios, 0.5).toFixed(2)} (${quantile(ratios, 0).toFixed(2)} to ${quantile(ratios, 1).toFixed(2)})`,
    (quantile(ours, 0.99) / quantile(theirs, 0.99)).toFixed(2),
  ]);
  const head = [
    'visit',
    'each',
    'p50 ms',
    'puppeteer',
    'p99 ms',
    'puppeteer',
    'ratio p50 (rounds)',
    'ratio p99',
  ];
  process.stdout.write(`${table(head, rows)}\n`);
}

try {
  await main();
} catch (error) {
  process.stderr.write(`${error.stack}\n`);
  process.exitCode = 1;
}
