'use strict';

/* global worker -- what the pages' own scripts define */

// `getPendingNetworkRequests`: what pages load, and nothing that can end no more; over objects of the caller's, and on
// our own Chrome.

const { lib, poolModule } = require('./helpers/kit.js');
const { chromeModule } = require('./helpers/real-chrome.js');
const { turns, until } = require('./helpers/wait.js');

poolModule('pending requests of a page of the caller\'s', (kit) => {
  /** A leased page, and the session that the pool follows its requests on. */
  async function followed(options) {
    const { pool } = await kit().warm(options);
    const lease = await kit().take(pool, 'tenant');
    const { page } = lease;
    const listens = (session) => session.sent.includes('Network.enable');
    await until(() => page.sessions.some(listens), 'the session listens');
    const session = page.sessions.find(listens);
    const send = (requestId, url, over = {}) => session.emit('Network.requestWillBeSent', { requestId, request: { url, method: 'GET' }, ...over });
    const urls = () => lib.getPendingNetworkRequests(page).map(({ url }) => url);
    return { pool, lease, page, session, send, urls };
  }

  QUnit.test('are those that have neither finished nor failed', async (assert) => {
    const { session, send, urls } = await followed();
    for (const n of [1, 2, 3]) {
      send(`${n}`, `http://host.test/${n}`);
    }
    session.emit('Network.loadingFinished', { requestId: '1' });
    session.emit('Network.loadingFailed', { requestId: '2' });
    assert.deepEqual(urls(), ['http://host.test/3']);
  });

  QUnit.test('have an address and an age, and come oldest first', async (assert) => {
    const { page, send } = await followed();
    const original = Date.now;
    let now = 1_000_000;
    Date.now = () => now;
    try {
      send('a', 'http://host.test/first', { type: 'XHR' });
      now += 250;
      send('b', 'http://host.test/second');
      now += 1000;
      const expected = [{ url: 'http://host.test/first', ageMs: 1250 }, { url: 'http://host.test/second', ageMs: 1000 }];
      assert.deepEqual(lib.getPendingNetworkRequests(page), expected);
      now = 0;
      assert.deepEqual(lib.getPendingNetworkRequests(page).map(({ ageMs }) => ageMs), [0, 0], 'a clock that went back makes nothing negative');
    } finally {
      Date.now = original;
    }
  });

  QUnit.test('keep place and age over a redirect, under the address that they are at', async (assert) => {
    const { page, send } = await followed();
    const original = Date.now;
    let now = 1_000_000;
    Date.now = () => now;
    try {
      send('a', 'http://host.test/old');
      now += 10;
      send('b', 'http://host.test/b');
      now += 10;
      send('a', 'http://host.test/new', { redirectResponse: { status: 302 } });
      assert.deepEqual(lib.getPendingNetworkRequests(page).map(({ url, ageMs }) => [url, ageMs]), [['http://host.test/new', 20], ['http://host.test/b', 10]]);
    } finally {
      Date.now = original;
    }
  });

  QUnit.test('are 20 at most: the oldest', async (assert) => {
    const { send, urls } = await followed();
    for (let n = 1; n <= 25; n++) {
      send(`${n}`, `http://host.test/${n}`);
    }
    assert.deepEqual(urls(), Array.from({ length: 20 }, (_, n) => `http://host.test/${n + 1}`));
  });

  QUnit.test('have addresses of 200 characters at most', async (assert) => {
    const { send, urls } = await followed();
    const long = `http://host.test/${'x'.repeat(300)}`;
    const exact = long.slice(0, 200);
    send('1', long);
    send('2', exact);
    send('3', `http://host.test/${'ä'.repeat(300)}`);
    assert.deepEqual(urls(), [exact, exact, `http://host.test/${'ä'.repeat(183)}`], 'cut, whole, and counted as JavaScript counts');
  });

  QUnit.test('are none of a page that waits for nothing', async (assert) => {
    const { page } = await followed();
    assert.deepEqual(lib.getPendingNetworkRequests(page), []);
  });

  QUnit.test('are null for what no pool follows', async (assert) => {
    const { pool, lease, page } = await followed();
    for (const other of [{}, null, undefined, 'page', 5, () => {}]) {
      assert.strictEqual(lib.getPendingNetworkRequests(other), null, `${String(other)}`);
    }
    lease.release();
    await pool.disposeAffinity('tenant');
    assert.strictEqual(lib.getPendingNetworkRequests(page), null, 'a page that was closed');
  });

  for (const [what, options, rule] of [
    ['without createCDPSession', { fakeOptions: { without: ['createCDPSession'] } }],
    ['whose createCDPSession rejects', {}, ['createCDPSession', () => Promise.reject(new Error('no session'))]],
    ['whose session cannot follow the network', {}, ['send', () => Promise.reject(new Error('no network')), ({ method }) => method === 'Network.enable']],
  ]) {
    QUnit.test(`are null for a page ${what}`, async (assert) => {
      const { pool, fake } = kit().make(options);
      if (rule) {
        fake.rule(...rule);
      }
      const { page } = await kit().take(pool, 'tenant');
      await turns();
      assert.strictEqual(lib.getPendingNetworkRequests(page), null);
    });
  }

  QUnit.test('survive events that say nothing', async (assert) => {
    const { page, session } = await followed();
    for (const event of ['Network.requestWillBeSent', 'Network.loadingFinished', 'Network.loadingFailed']) {
      for (const payload of [undefined, null, 5, {}, { requestId: 5, request: null }]) {
        session.emit(event, payload);
      }
    }
    assert.deepEqual(lib.getPendingNetworkRequests(page), [], 'none');
  });
});

chromeModule('pending requests', (kit, test) => {
  const leased = async () => {
    const { pool } = kit().pool();
    const { page } = await kit().take(pool, 'tenant');
    const pending = () => lib.getPendingNetworkRequests(page).map(({ url }) => url);
    return { page, pending };
  };

  test('are those that a page waits for, oldest first', async (assert) => {
    const { page, pending } = await leased();
    const begun = performance.now();
    await page.evaluate(async () => {
      fetch('/hang?1', { method: 'POST' }).catch(() => {});
      await (await fetch('/gone')).text();
      document.body.append(new Image());
      document.images[0].src = '/hang?2';
    });
    await until(() => pending().length === 2, 'both are listed, and the one that was answered is not');
    assert.deepEqual(pending(), [`${kit().host.url}/hang?1`, `${kit().host.url}/hang?2`]);
    const [first, second] = lib.getPendingNetworkRequests(page).map(({ ageMs }) => ageMs);
    // The two clocks' milliseconds do not begin at once.
    assert.true(Number.isInteger(first) && first >= second && second >= 0 && first <= performance.now() - begun + 2, `since when: ${first}, ${second}`);
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
    await until(() => pending().includes(url), 'what it fetches is listed');
    // Chrome tells of the script's end in the page's session and of the fetch in the worker's, in either order.
    await until(() => pending().length < 2, 'its script is not, which has come');
    assert.deepEqual(pending(), [url], 'what it fetches stays listed');
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
    assert.false((lib.getPendingNetworkRequests(page) ?? []).some(({ url }) => url.includes('/hang')));
  });

  test('are 20 at most, with addresses of 200 characters at most', async (assert) => {
    const { page } = await leased();
    await page.evaluate(() => {
      for (let n = 0; n < 25; n++) {
        fetch(`/hang?${n}-${'x'.repeat(250)}`).catch(() => {});
      }
    });
    await until(() => lib.getPendingNetworkRequests(page).length >= 20, 'they are listed');
    // All have been told of when this is answered.
    await page.evaluate(() => 1);
    const pending = lib.getPendingNetworkRequests(page);
    const expected = Array.from({ length: 20 }, (_, n) => `${kit().host.url}/hang?${n}-${'x'.repeat(250)}`.slice(0, 200));
    assert.deepEqual(pending.map(({ url }) => url), expected);
    assert.true(pending.every(({ ageMs }, n) => n === 0 || ageMs <= pending[n - 1].ageMs), 'oldest first');
  });

  test('are null for a page of the browser that is no pool\'s, and for one that was closed', async (assert) => {
    const { pool, manager } = kit().pool();
    const browser = await manager.getBrowser();
    const own = await browser.newPage();
    assert.strictEqual(lib.getPendingNetworkRequests(own), null, 'not followed');
    await own.close();
    const lease = await kit().take(pool, 'tenant');
    lease.release();
    await pool.disposeAffinity('tenant');
    assert.strictEqual(lib.getPendingNetworkRequests(lease.page), null, 'closed');
  });
});
