'use strict';

// `getPendingNetworkRequests` of pages of our own Chrome: what they load, and nothing that can end no more.

const lib = require('..');
const { chromeModule } = require('./helpers/real-chrome.js');
const { until } = require('./helpers/wait.js');

chromeModule('pending requests', (kit, test) => {
  const leased = async () => {
    const { pool } = kit().pool();
    const { page } = await kit().take(pool, 'tenant');
    const pending = () => lib.getPendingNetworkRequests(page).map(({ url, method, resourceType }) => [url, method, resourceType]);
    return { page, pending };
  };

  test('are those that a page waits for, oldest first', async (assert) => {
    const { page, pending } = await leased();
    const before = Date.now();
    await page.evaluate(async () => {
      fetch('/hang?1', { method: 'POST' }).catch(() => {});
      await (await fetch('/gone')).text();
      document.body.append(new Image());
      document.images[0].src = '/hang?2';
    });
    await until(() => pending().length === 2, 'both are listed, and the one that was answered is not');
    assert.deepEqual(pending(), [[`${kit().host.url}/hang?1`, 'POST', 'Fetch'], [`${kit().host.url}/hang?2`, 'GET', 'Image']]);
    const [{ startedAt }] = lib.getPendingNetworkRequests(page);
    assert.true(startedAt >= before && startedAt <= Date.now(), 'since when');
  });

  test('of a document that is left are pending no more', async (assert) => {
    const { page, pending } = await leased();
    await page.evaluate(() => void fetch('/hang').catch(() => {}));
    await until(() => pending().length === 1, 'it is listed');
    await page.goto(`${kit().host.url}/_standby`);
    assert.deepEqual(pending(), []);
  });

  test('of a worker are its page\'s, until it ends', async (assert) => {
    const { page, pending } = await leased();
    const url = `${kit().host.url}/hang`;
    await page.evaluate((url) => {
      const script = new Blob([`fetch(${JSON.stringify(url)})`], { type: 'text/javascript' });
      globalThis.worker = new Worker(URL.createObjectURL(script));
    }, url);
    await until(() => pending().some(([pending]) => pending === url), 'what it fetches is listed');
    assert.deepEqual(pending(), [[url, 'GET', 'Fetch']], 'and its script is not, which has come');
    await page.evaluate(() => worker.terminate());
    await until(() => pending().length === 0, 'none is left of a worker that has ended');
  });

  test('of a renderer that died are pending no more', async (assert) => {
    const { page, pending } = await leased();
    await page.evaluate(() => void fetch('/hang').catch(() => {}));
    await until(() => pending().length === 1, 'it is listed');
    const crashed = new Promise((resolve) => page.once('error', resolve));
    page.goto('chrome://crash').catch(() => {});
    await crashed;
    assert.false(pending().some(([url]) => url.includes('/hang')));
  });
});
