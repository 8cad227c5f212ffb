// Frames that never answer hold up nothing but themselves.
'use strict';

const http = require('node:http');
const QUnit = require('qunit');
const { BrowserManager } = require('..');
const { chromeTest: test } = require('./helpers/chrome.js');
const { within } = require('./helpers/wait.js');

/** Far beyond what these take on a busy machine, and far below the deadline of a command. */
const IN_TIME_MS = 20_000;

/** Says that it is there, and then computes. */
const BUSY = '<script>parent.postMessage("here", "*"); setTimeout(() => { for (const end = Date.now() + 60_000; Date.now() < end; ); }, 50)</script>';

QUnit.module('frames that never answer, on real Chrome', (hooks) => {
  let manager;
  let server;
  let port;
  let context;
  let page;
  hooks.before(async () => {
    server = http.createServer((request, response) => {
      response.writeHead(200, { 'content-type': 'text/html' });
      response.end(request.url === '/busy' ? BUSY : '<link rel="icon" href="data:,"><body></body>');
    });
    await new Promise((resolve) => server.listen(0, resolve));
    ({ port } = server.address());
    manager = new BrowserManager({ args: ['--site-per-process'] });
    await manager.getBrowser();
  });
  hooks.after(async () => {
    await manager.stop();
    server.closeAllConnections();
    server.close();
  });
  hooks.beforeEach(async (assert) => {
    assert.timeout(90_000);
    // In a context of its own it shares no process with the busy frame of the test before.
    context = await (await manager.getBrowser()).createBrowserContext();
    page = await context.newPage();
    await page.goto(`http://127.0.0.1:${port}/`);
  });
  hooks.afterEach(() => context.close());

  const SETTINGS = {
    exposeFunction: () => page.exposeFunction('add', (a, b) => a + b),
    setUserAgent: () => page.setUserAgent('Agent/1'),
    setExtraHTTPHeaders: () => page.setExtraHTTPHeaders({ 'x-extra': '1' }),
    emulateTimezone: () => page.emulateTimezone('Asia/Tokyo'),
    emulateLocale: () => page.emulateLocale('de-DE'),
    emulateMediaType: () => page.emulateMediaType('print'),
    setRequestInterception: () => page.setRequestInterception(true),
    evaluateOnNewDocument: () => page.evaluateOnNewDocument(() => {}),
    setOfflineMode: () => page.setOfflineMode(true),
  };

  const FRAMES = {
    'a lazy frame below the fold': () => page.evaluate((src) => {
      document.body.innerHTML = `<div style="height: 20000px"></div><iframe loading="lazy" src="${src}"></iframe>`;
    }, `http://127.0.0.1:${port}/`),
    'a busy frame of another process': () => page.evaluate(async (src) => {
      const here = new Promise((resolve) => { onmessage = resolve; });
      document.body.appendChild(Object.assign(document.createElement('iframe'), { src }));
      await here;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }, `http://localhost:${port}/busy`),
  };

  for (const [frame, prepare] of Object.entries(FRAMES)) {
    for (const [setting, set] of Object.entries(SETTINGS)) {
      test(`${setting} beside ${frame}`, async (assert) => {
        await prepare();
        await within(set(), setting, IN_TIME_MS);
        assert.true(true, 'it is set');
        if (setting === 'exposeFunction') {
          assert.strictEqual(await page.evaluate(() => globalThis.add(40, 2)), 42, 'and works in the page');
        }
      });
    }
  }
});
