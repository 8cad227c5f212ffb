// Where puppeteer has the same fault: `goto` is done when the document of its own is, whatever else comes meanwhile.
'use strict';

const http = require('node:http');
const QUnit = require('qunit');
const { BrowserManager } = require('..');
const { chromeTest: test } = require('./helpers/chrome.js');

QUnit.module('goto, on real Chrome', (hooks) => {
  let manager;
  let server;
  let origin;
  let page;
  hooks.before(async () => {
    server = http.createServer((request, response) => {
      response.writeHead(200, { 'content-type': 'text/html' });
      const next = request.url === '/moves-on' ? '<script>location.href = "/there"</script>' : '';
      response.end(`<title>${request.url}</title><link rel="icon" href="data:,">${next}`);
    });
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    origin = `http://127.0.0.1:${server.address().port}`;
    manager = new BrowserManager();
    await manager.getBrowser();
  });
  hooks.after(async () => {
    await manager.stop();
    server.closeAllConnections();
    server.close();
  });
  hooks.beforeEach(async (assert) => {
    assert.timeout(60_000);
    page = await (await manager.getBrowser()).newPage();
  });
  hooks.afterEach(() => page.close());

  test('after a goto that failed, it is not done by the error page', async (assert) => {
    const seen = [];
    for (let round = 0; round < 25; round++) {
      const failed = await page.goto('http://127.0.0.1:1/').catch((error) => error.message);
      const response = await page.goto(`${origin}/${round}`);
      seen.push([failed, response.status(), page.url(), await page.title()]);
    }
    const right = seen.map((_, round) => ['net::ERR_UNSAFE_PORT at http://127.0.0.1:1/', 200, `${origin}/${round}`, `/${round}`]);
    assert.deepEqual(seen, right, 'status, address and title are of what was gone to');
  });

  test('until domcontentloaded alike', async (assert) => {
    const seen = [];
    for (let round = 0; round < 25; round++) {
      await page.goto('http://nowhere.invalid/').catch(() => {});
      await page.goto(`${origin}/${round}`, { waitUntil: 'domcontentloaded' });
      seen.push(await page.title());
    }
    assert.deepEqual(seen, seen.map((_, round) => `/${round}`), 'the titles');
  });

  test('a document that moves on while it loads is no reason to wait for ever', async (assert) => {
    await page.goto(`${origin}/moves-on`);
    await page.waitForFunction(() => document.title === '/there');
    assert.strictEqual(page.url(), `${origin}/there`);
  });
});
