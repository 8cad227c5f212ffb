'use strict';

const { mkdtemp, readFile, rm } = require('node:fs/promises');
const os = require('node:os');
const path = require('node:path');
const QUnit = require('qunit');
const { differential, scenario } = require('./harness.js');
const { formatOf, readPdf, readPng } = require('./image.js');
const { openSide } = require('./sides.js');

const RED = '<style>body { margin: 0; background: rgb(255, 0, 0) }</style>';
const BOX = `${RED}<div style="position:absolute;left:20px;top:10px;width:50px;height:40px;background:rgb(0,0,255)"></div>`;
const TALL = '<style>body { margin: 0; background: rgb(0, 255, 0) }</style><div style="height:1500px"></div>';

const png = (bytes, ...points) => {
  const image = readPng(bytes);
  return [image.width, image.height, ...points.map(([x, y]) => image.pixel(x, y))];
};

const shot = (name, options, body, read) =>
  scenario(`screenshot: ${name}`, async ({ page }) => read(await page.screenshot(options)), { body });

const refused = (name, options) => scenario(`screenshot refuses ${name}`, ({ page }) => page.screenshot(options), { body: RED });

const inDirectory = async (use) => {
  const directory = await mkdtemp(path.join(os.tmpdir(), 'page-suite-'));
  try {
    return await use(directory);
  } finally {
    await rm(directory, { recursive: true });
  }
};

/** Widths, heights and colours of eight elements. */
const EACH_ITS_OWN = [
  [255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 0], [0, 255, 255], [255, 0, 255], [136, 136, 136], [255, 255, 255],
].map((colour, n) => [20 + n, 10, colour]);

differential('screenshot', [
  shot('of the viewport', undefined, RED, (bytes) => [bytes.constructor.name, formatOf(bytes), png(bytes, [0, 0], [799, 599])]),
  shot('as jpeg', { type: 'jpeg' }, RED, formatOf),
  shot('as jpeg with a quality', { type: 'jpeg', quality: 30 }, RED, formatOf),
  shot('as webp', { type: 'webp' }, RED, formatOf),
  shot('as base64', { encoding: 'base64' }, RED, (text) => [typeof text, formatOf(Buffer.from(text, 'base64'))]),
  shot('as binary', { encoding: 'binary' }, RED, (bytes) => [bytes instanceof Uint8Array, formatOf(bytes)]),
  shot('with a clip', { clip: { x: 20, y: 10, width: 50, height: 40 } }, BOX, (bytes) => png(bytes, [0, 0], [49, 39])),
  shot('with a clip of fractions', { clip: { x: 19.5, y: 9.5, width: 50.2, height: 40.2 } }, BOX, (bytes) => png(bytes)),
  shot('with a scaled clip', { clip: { x: 20, y: 10, width: 50, height: 40, scale: 2 } }, BOX, (bytes) => png(bytes, [0, 0])),
  shot('with a clip beyond the viewport', { clip: { x: 0, y: 1000, width: 50, height: 400 } }, TALL, (bytes) => png(bytes, [0, 0])),
  shot('of the full page', { fullPage: true }, TALL, (bytes) => png(bytes, [0, 1499])),
  shot('of a full page that fits', { fullPage: true }, RED, (bytes) => png(bytes)),
  shot('with captureBeyondViewport off', { captureBeyondViewport: false }, TALL, (bytes) => png(bytes)),
  shot('of the full page with captureBeyondViewport off', { fullPage: true, captureBeyondViewport: false }, TALL, (bytes) => png(bytes)),
  shot('without background', { omitBackground: true }, '<style>body{margin:0}</style>', (bytes) => png(bytes, [5, 5])),
  shot('with the white default', {}, '<style>body{margin:0}</style>', (bytes) => png(bytes, [5, 5])),
  shot('optimized for speed', { optimizeForSpeed: true }, RED, (bytes) => png(bytes, [0, 0])),
  shot('from the surface off', { fromSurface: true }, RED, (bytes) => png(bytes)),
  refused('an unknown type', { type: 'gif' }),
  refused('a quality for png', { type: 'png', quality: 50 }),
  refused('a quality out of range', { type: 'jpeg', quality: 500 }),
  refused('a negative quality', { type: 'jpeg', quality: -1 }),
  refused('clip together with fullPage', { fullPage: true, clip: { x: 0, y: 0, width: 5, height: 5 } }),
  refused('a clip without width', { clip: { x: 0, y: 0, width: 0, height: 5 } }),
  refused('a clip without height', { clip: { x: 0, y: 0, width: 5, height: 0 } }),
  refused('a clip of negative width', { clip: { x: 10, y: 0, width: -5, height: 5 } }),
  refused('a path with an unknown extension', { path: '/nowhere/file.txt' }),
  scenario('screenshot: to a file', ({ page }) =>
    inDirectory(async (directory) => {
      const file = path.join(directory, 'shot.jpeg');
      const bytes = await page.screenshot({ path: file, type: 'jpeg' });
      const written = await readFile(file);
      return [formatOf(written), Buffer.compare(written, Buffer.from(bytes))];
    }), { body: RED }),
  scenario('screenshot: follows the viewport', async ({ page }) => {
    await page.setViewport({ width: 320, height: 200 });
    return png(await page.screenshot());
  }, { body: RED }),
  scenario('screenshot: with a device scale factor', async ({ page }) => {
    await page.setViewport({ width: 100, height: 50, deviceScaleFactor: 2 });
    return png(await page.screenshot(), [0, 0]);
  }, { body: RED }),
  scenario('screenshot: leaves the viewport as it was', async ({ page }) => {
    await page.screenshot({ fullPage: true });
    return [await page.evaluate('[innerWidth, innerHeight]'), page.viewport()];
  }, { body: TALL }),
  scenario('screenshot: several at once', async ({ page }) => {
    const shots = await Promise.all([10, 20, 30].map((width) => page.screenshot({ clip: { x: 0, y: 0, width, height: 5 } })));
    return shots.map((bytes) => png(bytes));
  }, { body: RED }),
  scenario('screenshot: clips at once, each its own', async ({ page }) => {
    const shots = await Promise.all(
      Array.from({ length: 24 }, (_, n) => page.screenshot({ clip: { x: n, y: n, width: 10 + n, height: 5 + n } })),
    );
    return shots.map((shot) => png(shot));
  }, { body: BOX }),
  // Puppeteer scrolls to one while it takes another, so what it gives is chance: of ours alone.
  scenario('screenshot: elements at once, each its own', async ({ page, side }) => {
    if (side === 'puppeteer') return EACH_ITS_OWN;
    const colours = ['#f00', '#0f0', '#00f', '#ff0', '#0ff', '#f0f', '#888', '#fff'];
    await page.evaluate((all) => {
      document.body.innerHTML = all
        .map((colour, n) => `<p style="margin: 400px 0; width: ${20 + n}px; height: 10px; background: ${colour}"></p>`)
        .join('');
    }, colours);
    await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
    const shots = await Promise.all((await page.$$('p')).map((element) => element.screenshot()));
    return shots.map((shot) => png(shot, [5, 5]));
  }, { right: EACH_ITS_OWN }),
  scenario('screenshot: without the background beside one with it', async ({ page }) => {
    const shots = await Promise.all(Array.from({ length: 12 }, (_, n) => page.screenshot({ omitBackground: n % 2 === 0 })));
    return shots.map((shot) => png(shot, [300, 300]));
  }, { body: '<p>text</p>' }),
  scenario('screenshot: of an element', async ({ page }) => png(await (await page.$('div')).screenshot(), [0, 0], [49, 39]), { body: BOX }),
  scenario('screenshot: of a part of an element', async ({ page }) =>
    png(await (await page.$('div')).screenshot({ clip: { x: 10, y: 10, width: 20, height: 15 } }), [0, 0]), { body: BOX }),
  scenario('screenshot: of an element in base64', async ({ page }) => {
    const text = await (await page.$('div')).screenshot({ encoding: 'base64', type: 'jpeg' });
    return [typeof text, formatOf(Buffer.from(text, 'base64'))];
  }, { body: BOX }),
  scenario('screenshot: a clip in fractions', async ({ page }) =>
    png(await page.screenshot({ clip: { x: 0.4, y: 0.6, width: 10.3, height: 10.2 } })), { body: RED }),
  scenario('screenshot: the whole page in a viewport of its size', async ({ page }) => {
    const picture = png(await page.screenshot({ fullPage: true, captureBeyondViewport: false }));
    return [picture, page.viewport()];
  }, { body: TALL }),
  scenario('screenshot: a clip within the viewport only', async ({ page }) =>
    png(await page.screenshot({ clip: { x: 790, y: 590, width: 50, height: 50 }, captureBeyondViewport: false })), { body: RED }),
  scenario('tracing', async ({ page, server, attempt }) => {
    await page.tracing.start();
    const twice = await attempt(page.tracing.start());
    await page.goto(server.url('/'));
    const trace = JSON.parse(Buffer.from(await page.tracing.stop()).toString());
    return [twice, trace.traceEvents.length > 0, page.tracing === page.tracing];
  }),
  scenario('screenshot: of an element out of view', async ({ page }) => png(await (await page.$('p')).screenshot()), {
    body: `${TALL}<p style="position:absolute;left:0;top:1200px;margin:0;width:40px;height:30px">x</p>`,
  }),
  scenario('screenshot: of an element without size', async ({ page }) => (await page.$('p')).screenshot(), {
    body: '<p style="width:0;height:0;margin:0"></p>',
  }),
  scenario('screenshot: of a hidden element', async ({ page }) => (await page.$('p')).screenshot(), {
    body: '<p style="display:none">x</p>',
  }),

  scenario('pdf: of a page', async ({ page }) => {
    const bytes = await page.pdf();
    return [bytes.constructor.name, formatOf(bytes), readPdf(bytes)];
  }, { body: RED }),
  ...[['letter', {}], ['A4', { format: 'A4' }], ['a5 in small letters', { format: 'a5' }], ['landscape', { landscape: true }],
    ['width and height', { width: '200px', height: 300 }], ['inches', { width: '5in', height: '4in' }],
    ['centimetres', { width: '10cm', height: '100mm' }]].map(([name, options]) =>
    scenario(`pdf: ${name}`, async ({ page }) => readPdf(await page.pdf(options)), { body: RED }),
  ),
  scenario('pdf: page ranges', async ({ page }) => readPdf(await page.pdf({ pageRanges: '2' })).pages, {
    body: '<div style="break-after:page">1</div><div style="break-after:page">2</div>3',
  }),
  scenario('pdf: all pages', async ({ page }) => readPdf(await page.pdf()).pages, {
    body: '<div style="break-after:page">1</div><div style="break-after:page">2</div>3',
  }),
  scenario('pdf: with header, footer and margins', async ({ page }) =>
    formatOf(await page.pdf({
      displayHeaderFooter: true, headerTemplate: '<i>h</i>', footerTemplate: '<i>f</i>', printBackground: true,
      margin: { top: '1in', bottom: 20, left: '5px', right: '1cm' }, scale: 0.8, preferCSSPageSize: true, outline: false, tagged: false,
    })), { body: RED }),
  scenario('pdf: refuses an unknown format', ({ page }) => page.pdf({ format: 'foolscap' }), { body: RED }),
  scenario('pdf: refuses an unknown unit', ({ page }) => page.pdf({ width: '10parsec' }), { body: RED }),
  scenario('pdf: refuses a wrong page range', ({ page }) => page.pdf({ pageRanges: '9-1' }), { body: RED }),
  scenario('pdf: to a file', ({ page }) =>
    inDirectory(async (directory) => {
      const file = path.join(directory, 'page.pdf');
      await page.pdf({ path: file });
      return formatOf(await readFile(file));
    }), { body: RED }),
  scenario('pdf: as a stream', async ({ page }) => {
    const stream = await page.createPDFStream();
    const reader = stream.getReader();
    const parts = [];
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      parts.push(value);
    }
    return formatOf(Buffer.concat(parts));
  }, { body: RED }),
]);

// Not side by side: on full Chrome puppeteer's pictures of a page behind another wait for ever now and then.
QUnit.test('screenshots of two pages at once are of each its own', async (assert) => {
  assert.timeout(60_000);
  const side = await openSide('ours');
  try {
    const context = await side.browser.createBrowserContext();
    const pages = [await context.newPage(), await context.newPage()];
    await pages[0].goto(side.server.html(RED));
    await pages[1].goto(side.server.html(TALL));
    const [red, green] = await Promise.all(pages.map((page) => page.screenshot()));
    assert.deepEqual(png(red, [0, 0]), [800, 600, [255, 0, 0]], 'of the one behind');
    assert.deepEqual(png(green, [0, 0]), [800, 600, [0, 255, 0]], 'of the one in front');
  } finally {
    await side.close();
    await side.server.close();
  }
});
