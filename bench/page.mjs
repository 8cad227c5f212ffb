// Pages through puppeteer-core and through ours, on the same Chrome binary, in interleaved rounds.

import { createRequire } from 'node:module';
import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import { parseArgs } from 'node:util';

const require = createRequire(import.meta.url);
const { openSide, executablePath } = require('../__test__/page/sides.js');

const HELP = `Measures pages through puppeteer-core and through pagepool, on the same Chrome binary, interleaved.

  node bench/page.mjs [options] [part of a case's name ...]

  --rounds N   rounds of each case and side (default 5); the median round counts
  --scale X    multiplies the operations of each round (default 1)
  --json       prints the figures as JSON too
  --help       this text

Ratios are ours to puppeteer: below 1 is less time, less CPU.
`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '5' },
    scale: { type: 'string', default: '1' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  process.stdout.write(HELP);
  process.exit(0);
}
const rounds = Number(values.rounds);
const scale = Number(values.scale);
if (!Number.isInteger(rounds) || rounds < 1 || !(scale > 0)) {
  process.stderr.write(`--rounds must be a whole number from 1, --scale a number above 0\n\n${HELP}`);
  process.exit(2);
}

const times = async (count, run) => {
  for (let n = 0; n < count; n++) await run(n);
};

const flood = () => {
  for (let n = 0; n < 10_000; n++) console.log({ n, text: 'a message' });
};

/** Each: how many operations a round has, and how a round is run. */
const cases = [
  {
    name: 'evaluate 1, one after another',
    operations: 1000,
    run: ({ pages: [page] }, count) => times(count, () => page.evaluate('1')),
  },
  {
    name: 'evaluate 1, on 8 pages',
    operations: 4000,
    run: ({ pages }, count) => Promise.all(pages.map((page) => times(count / 8, () => page.evaluate('1')))),
  },
  {
    name: 'a 4 MB string',
    operations: 5,
    run: ({ pages: [page] }, count) => times(count, () => page.evaluate(() => 'x'.repeat(4 << 20))),
  },
  {
    name: '10,000 console objects, no listener',
    operations: 1,
    run: async ({ pages: [page] }, count) => {
      await times(count, () => page.evaluate(flood));
      await page.evaluate('1');
    },
  },
  {
    name: '10,000 console objects, a listener',
    operations: 1,
    run: async ({ pages: [page] }, count) => {
      let heard = 0;
      const all = new Promise((resolve) => {
        page.on('console', () => ++heard === count * 10_000 && resolve());
      });
      await times(count, () => page.evaluate(flood));
      await all;
      page.removeAllListeners('console');
    },
  },
  {
    name: '2,000 requests, nobody listening',
    operations: 1,
    run: ({ pages: [page] }, count) =>
      times(count, () =>
        page.evaluate(async () => {
          for (let n = 0; n < 40; n++) {
            await Promise.all(Array.from({ length: 50 }, async () => (await fetch('/text')).text()));
          }
        }),
      ),
  },
  {
    name: 'context + page + goto + close',
    operations: 10,
    run: ({ browser, server }, count) =>
      times(count, async () => {
        const context = await browser.createBrowserContext();
        const page = await context.newPage();
        await page.goto(server.url('/'), { waitUntil: 'domcontentloaded' });
        await page.waitForSelector('h1');
        await context.close();
      }),
  },
].filter(({ name }) => positionals.every((part) => name.includes(part)));

const median = (numbers) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)];

/** What one round costs this process: all times in milliseconds. */
async function measure(side, { operations, run }) {
  const count = Math.max(8, Math.round(operations * scale)) * (operations >= 8 ? 1 : 0) || operations;
  globalThis.gc?.();
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const utilization = performance.eventLoopUtilization();
  const cpu = process.cpuUsage();
  const started = performance.now();
  await run(side, count);
  const elapsed = performance.now() - started;
  const { user, system } = process.cpuUsage(cpu);
  const busy = performance.eventLoopUtilization(utilization).active;
  delay.disable();
  return {
    msPerOperation: elapsed / count,
    cpuPerOperation: (user + system) / 1000 / count,
    busyPerOperation: busy / count,
    // The timer behind the histogram ticks every millisecond: that much is no delay.
    p99: Math.max(0, delay.percentile(99) / 1e6 - 1),
    max: Math.max(0, delay.max / 1e6 - 1),
    rssMb: process.memoryUsage.rss() / 2 ** 20,
  };
}

async function open(name) {
  const side = await openSide(name);
  const context = await side.browser.createBrowserContext();
  side.pages = [];
  for (let n = 0; n < 8; n++) side.pages.push(await context.newPage());
  await side.pages[0].goto(side.server.url('/'));
  return side;
}

const sides = [];
for (const name of ['puppeteer', 'ours']) sides.push(await open(name));
process.stdout.write(`${executablePath()}, ${await sides[0].browser.version()}, Node ${process.version}\n`);

const table = {};
const figures = {};
for (const each of cases) {
  const samples = { puppeteer: [], ours: [] };
  // Warm both up, then take turns.
  for (const side of sides) await measure(side, { ...each, operations: Math.ceil(each.operations / 10) });
  for (let round = 0; round < rounds; round++) {
    for (const side of round % 2 ? sides.toReversed() : sides) {
      samples[side.name].push(await measure(side, each));
      process.stderr.write('.');
    }
  }
  process.stderr.write('\n');
  const of = (side, key) => median(samples[side].map((sample) => sample[key]));
  const ratio = (key) => of('ours', key) / of('puppeteer', key);
  table[each.name] = {
    'ms/op': of('ours', 'msPerOperation').toFixed(3),
    ratio: ratio('msPerOperation').toFixed(2),
    throughput: (1 / ratio('msPerOperation')).toFixed(2),
    'CPU ms/op': of('ours', 'cpuPerOperation').toFixed(3),
    'CPU ratio': ratio('cpuPerOperation').toFixed(2),
    'busy ms/op': of('ours', 'busyPerOperation').toFixed(3),
    'busy ratio': ratio('busyPerOperation').toFixed(2),
    'p99 ms': `${of('ours', 'p99').toFixed(1)} (${of('puppeteer', 'p99').toFixed(1)})`,
    'max ms': `${of('ours', 'max').toFixed(1)} (${of('puppeteer', 'max').toFixed(1)})`,
  };
  process.stdout.write(`${each.name}: ${JSON.stringify(table[each.name])}\n`);
  figures[each.name] = Object.fromEntries(
    Object.entries(samples).map(([side, list]) => [
      side,
      Object.fromEntries(Object.keys(list[0]).map((key) => [key, median(list.map((sample) => sample[key]))])),
    ]),
  );
}
console.table(table);
process.stdout.write(
  `Ours, with puppeteer's figure or the ratio to it. Both share this process: resident memory ${Math.round(process.memoryUsage.rss() / 2 ** 20)} MB.\n`,
);
if (values.json) process.stdout.write(`${JSON.stringify(figures, null, 2)}\n`);

for (const side of sides) {
  await side.close();
  await side.server.close();
}
