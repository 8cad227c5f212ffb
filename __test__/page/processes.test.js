'use strict';

/* global worker -- what the pages' own scripts define */
// Frames of other sites in processes of their own, which the headless shell does not give them by itself, and workers.

const { differential, scenario } = require('./harness.js');

/** Adds a frame to the page. */
const addFrame = (page, src) =>
  page.evaluate((src) => {
    const frame = document.createElement('iframe');
    frame.src = src;
    document.body.append(frame);
  }, src);

/** A worker that answers each message, an address, with the text that it finds there. */
const WORKER = 'onmessage = async ({ data }) => postMessage(await (await fetch(data)).text())';

const startWorker = (page, server) =>
  page.evaluate((url) => void (globalThis.worker = new Worker(url)), server.url('/script.js', { code: WORKER }));

/** What the worker finds at the address. */
const askWorker = (page, url) =>
  page.evaluate(
    (url) =>
      new Promise((resolve) => {
        worker.onmessage = ({ data }) => resolve(data);
        worker.postMessage(url);
      }),
    url,
  );

const path = (request) => new URL(request.url()).pathname;

differential('processes', [
  scenario('goBack to a document with a frame', async ({ page, server, side }) => {
    const inner = server.url('/html', { body: 'inner' }, server.crossOrigin);
    const body = `<iframe src="${inner}"></iframe><iframe srcdoc="local"></iframe>`;
    await page.goto(server.url('/cached', { body }));
    await page.goto(server.url('/text', {}, server.crossOrigin));
    await page.goBack();
    // Puppeteer does not find frames that come out of the back-forward cache.
    if (side !== 'ours') return ['inner', 'local'];
    const texts = await Promise.all(page.frames().slice(1).map((frame) => frame.evaluate(() => document.body.textContent)));
    return texts.sort();
  }, { ownContext: true, right: ['inner', 'local'] }),
  scenario('waitForNetworkIdle after the removal of a frame with a request', async ({ page, server, attempt }) => {
    await page.goto(server.url('/'));
    const url = server.url('/', {}, server.crossOrigin);
    const [frame] = await Promise.all([page.waitForFrame(url), addFrame(page, url)]);
    await frame.waitForSelector('h1');
    await frame.evaluate(() => void fetch('/text?gate=hang').catch(() => 0));
    await page.evaluate(() => document.querySelector('iframe').remove());
    return attempt(page.waitForNetworkIdle({ idleTime: 10, timeout: 500 }));
  }),
  scenario('waitForNetworkIdle waits for what a worker asks for', async ({ page, server, attempt }) => {
    await page.goto(server.url('/'));
    await startWorker(page, server);
    await askWorker(page, server.url('/text'));
    const before = await attempt(page.waitForNetworkIdle({ idleTime: 10, timeout: 2000 }));
    const url = server.url('/text', { gate: 'hang' });
    await Promise.all([page.waitForRequest(url), page.evaluate((url) => worker.postMessage(url), url)]);
    return [before, await attempt(page.waitForNetworkIdle({ idleTime: 10, timeout: 200 }))];
  }),
  scenario('requests of a worker', async ({ page, server, record }) => {
    await page.goto(server.url('/'));
    record(page, {
      request: (request) => [path(request), request.resourceType(), request.frame() === page.mainFrame()],
      response: (response) => [path(response), response.status()],
      requestfinished: path,
    });
    await startWorker(page, server);
    const finished = new Promise((resolve) => page.on('requestfinished', (request) => path(request) === '/text' && resolve()));
    const text = await askWorker(page, server.url('/text'));
    await finished;
    return text;
  }),
  scenario('the text of a worker\'s script and of what it fetches', async ({ page, server }) => {
    await page.goto(server.url('/'));
    const text = async (part) => (await page.waitForResponse((response) => path(response) === part)).text();
    const [script] = await Promise.all([text('/script.js'), startWorker(page, server)]);
    const [found] = await Promise.all([text('/text'), askWorker(page, server.url('/text'))]);
    return [script, found];
  }),
  scenario('extra headers of a worker that there is, and of one that comes', async ({ page, server }) => {
    await page.goto(server.url('/'));
    const header = async () => JSON.parse(await askWorker(page, server.url('/echo'))).headers['x-extra'];
    await startWorker(page, server);
    await page.setExtraHTTPHeaders({ 'X-Extra': 'yes' });
    const first = await header();
    await startWorker(page, server);
    return [first, await header()];
  }),
  scenario('requests of a worker of a worker', async ({ page, server }) => {
    await page.goto(server.url('/'));
    const code = `onmessage = ({ data: [script, url] }) => {
      const inner = new Worker(script);
      inner.onmessage = ({ data }) => postMessage(data);
      inner.postMessage(url);
    }`;
    const requested = page.waitForRequest((request) => path(request) === '/text');
    const text = await page.evaluate(
      (outer, inner, url) =>
        new Promise((resolve) => {
          const worker = new Worker(outer);
          worker.onmessage = ({ data }) => resolve(data);
          worker.postMessage([inner, url]);
        }),
      server.url('/script.js', { code }),
      server.url('/script.js', { code: WORKER }),
      server.url('/text'),
    );
    return [text, (await requested).resourceType()];
  }),
  scenario('the text of a frame\'s document', async ({ page, server }) => {
    await page.setContent('<iframe></iframe>');
    const response = await page.frames()[1].goto(server.url('/text', {}, server.crossOrigin));
    return [response.status(), await response.text()];
  }),
  scenario('the text of a document that a frame brings along', async ({ page, server }) => {
    await page.goto(server.url('/'));
    const url = server.url('/json', {}, server.crossOrigin);
    const [response] = await Promise.all([page.waitForResponse(url), addFrame(page, url)]);
    return response.json();
  }),
  scenario('requests within a frame', async ({ page, server, record }) => {
    await page.goto(server.url('/'));
    const url = server.html('<script>fetch("/text?value=within").then((r) => r.text()).then((text) => (document.title = text))</script>', {}, server.crossOrigin);
    record(page, { requestfinished: (request) => [new URL(request.url()).pathname, request.frame() === page.frames()[1]] });
    await addFrame(page, url);
    const frame = await page.waitForFrame(url);
    await frame.waitForFunction(() => document.title === 'within');
  }),
], { args: ['--site-per-process'] });
