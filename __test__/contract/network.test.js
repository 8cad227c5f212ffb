'use strict';

const { contract, getPendingNetworkRequests, turns } = require('./helpers/harness.js');

contract('SPEC 10: getPendingNetworkRequests', (test) => {
  const sent = (page, requestId, url) =>
    page.emitCdp('Network.requestWillBeSent', {
      requestId,
      request: { url, method: 'GET' },
      timestamp: 1,
      type: 'Fetch',
    });

  test('null for a page that is not followed', async (assert, t) => {
    assert.strictEqual(getPendingNetworkRequests({}), null, 'SPEC 10: not a page of a pool');
    const { pool, browser } = t.make({ maxPages: 1 });
    browser.on.createCDPSession = () => Promise.reject(new Error('no sessions'));
    const lease = await t.get(pool, 'a');
    assert.strictEqual(getPendingNetworkRequests(lease.page), null, 'SPEC 10: a page without a session');
  });

  test('what is in flight, oldest first', async (assert, t) => {
    const clock = t.clock();
    const { pool } = await t.warm({ maxPages: 1 });
    const { page } = await t.get(pool, 'a');
    assert.deepEqual(getPendingNetworkRequests(page), [], 'SPEC 10: a page that is followed');
    sent(page, '1', 'https://host.example/one');
    await turns(1);
    clock.now += 100;
    sent(page, '2', 'https://host.example/two');
    await turns(1);
    clock.now += 50;
    assert.deepEqual(
      getPendingNetworkRequests(page),
      [
        { url: 'https://host.example/one', ageMs: 150 },
        { url: 'https://host.example/two', ageMs: 50 },
      ],
      'SPEC 10: { url, ageMs }[], oldest first',
    );
    page.emitCdp('Network.loadingFinished', { requestId: '1', timestamp: 2 });
    await turns(1);
    assert.deepEqual(
      getPendingNetworkRequests(page).map(({ url }) => url),
      ['https://host.example/two'],
      'SPEC 12: loadingFinished',
    );
    page.emitCdp('Network.loadingFailed', { requestId: '2', timestamp: 2, errorText: 'net::ERR_FAILED' });
    await turns(1);
    assert.deepEqual(getPendingNetworkRequests(page), [], 'SPEC 12: loadingFailed');
  });

  test('at most 20, addresses cut at 200 characters', async (assert, t) => {
    const clock = t.clock();
    const { pool } = await t.warm({ maxPages: 1 });
    const { page } = await t.get(pool, 'a');
    const long = `https://host.example/${'x'.repeat(300)}`;
    sent(page, '0', long);
    for (let i = 1; i < 30; i++) {
      clock.now += 1;
      sent(page, String(i), `https://host.example/${i}`);
    }
    await turns(2);
    const pending = getPendingNetworkRequests(page);
    assert.strictEqual(pending.length, 20, 'SPEC 10: at most 20');
    assert.strictEqual(pending[0].url.slice(0, 200), long.slice(0, 200), 'SPEC 10: the oldest first');
    assert.true(pending[0].url.length <= 201, `SPEC 10: cut at 200 characters (${pending[0].url.length})`);
    assert.strictEqual(pending[1].url, 'https://host.example/1', 'SPEC 10: the oldest 20');
  });

  test('of each page its own', async (assert, t) => {
    const { pool } = await t.warm({ maxPages: 2 });
    const a = await t.get(pool, 'a');
    const b = await t.get(pool, 'b');
    sent(a.page, '1', 'https://host.example/a');
    await turns(1);
    assert.strictEqual(getPendingNetworkRequests(a.page).length, 1, 'SPEC 10: of a');
    assert.deepEqual(getPendingNetworkRequests(b.page), [], 'SPEC 10: not of b');
  });
});
