// What is measured of pages: the work of one round, as it is written for puppeteer, for either side.

/** @typedef {{ browser: import('puppeteer-core').Browser, pages: import('puppeteer-core').Page[], origin: string }} Side */

const times = async (count, run) => {
  for (let n = 0; n < count; n++) await run(n);
};

const log = (messages) => {
  for (let n = 0; n < messages; n++) console.log({ n, text: 'a message' });
};

async function open({ browser }) {
  const context = await browser.createBrowserContext();
  return { context, page: await context.newPage() };
}

/**
 * `operations` is how many a round has, `targets` what the figures should come to: ratios to puppeteer, or
 * figures of ours where the name ends in a unit.
 */
export const CASES = [
  {
    name: 'evaluate 1, one after another',
    operations: 1000,
    targets: { time: 0.65, busyMsPer1000: 30 },
    run: ({ pages: [page] }, count) => times(count, () => page.evaluate('1')),
  },
  {
    name: 'evaluate 1, on 8 pages',
    operations: 4000,
    targets: { time: 1 / 2.2, cpu: 0.33, busyMsPer1000: 30 },
    run: ({ pages }, count) =>
      Promise.all(pages.map((page) => times(count / pages.length, () => page.evaluate('1')))),
  },
  {
    name: 'a string of 4 MB',
    operations: 5,
    targets: { stopMs: 1, stopCpuMs: 1 },
    run: ({ pages: [page] }, count) => times(count, () => page.evaluate(() => 'x'.repeat(4 << 20))),
  },
  {
    name: '10,000 console objects, no listener',
    operations: 10_000,
    targets: { stopMs: 5, stopCpuMs: 5 },
    async run({ pages: [page] }, count) {
      await page.evaluate(log, count);
      await page.evaluate('1');
    },
  },
  {
    name: '10,000 console objects, a listener',
    operations: 10_000,
    targets: { stopMs: 5, stopCpuMs: 5 },
    async run({ pages: [page] }, count) {
      let heard = 0;
      const all = new Promise((resolve) => {
        page.on('console', (message) => {
          if (message.type() === 'log' && ++heard === count) resolve();
        });
      });
      await page.evaluate(log, count);
      await all;
      page.removeAllListeners('console');
    },
  },
  {
    name: '2,000 requests, nobody listening',
    operations: 2000,
    run: ({ pages: [page] }, count) =>
      page.evaluate(async (requests) => {
        const one = async () => (await fetch('/text')).text();
        for (let n = 0; n < requests; n += 50) await Promise.all(Array.from({ length: 50 }, one));
      }, count),
  },
  {
    name: 'context + page + goto + close',
    operations: 10,
    targets: { time: 0.55 },
    run: (side, count) =>
      times(count, async () => {
        const { context, page } = await open(side);
        await page.goto(`${side.origin}/`);
        await context.close();
      }),
  },
  {
    name: 'context + page + /_standby + close',
    operations: 10,
    targets: { time: 0.55 },
    run: (side, count) =>
      times(count, async () => {
        const { context, page } = await open(side);
        await page.goto(`${side.origin}/_standby`, { waitUntil: 'domcontentloaded' });
        await page.waitForSelector('#standby-ready');
        await context.close();
      }),
  },
];

/** Serves what the cases load. */
export function serve(request, response) {
  const html = (body) => {
    response.writeHead(200, { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' });
    response.end(`<!doctype html><title>bench</title>${body}`);
  };
  switch (new URL(request.url, 'http://host').pathname) {
    case '/':
      return html('<h1>bench</h1>');
    case '/_standby':
      return html('<body><script>document.body.innerHTML = \'<p id="standby-ready">ready</p>\'</script>');
    case '/text':
      response.writeHead(200, { 'content-type': 'text/plain', 'cache-control': 'no-store' });
      return response.end('plain text');
    default:
      response.writeHead(404);
      return response.end();
  }
}
