'use strict';

// `/metrics` of `pagepool serve`, with prom-client and without.

const { chromeTest } = require('./helpers/chrome.js');
const { copied } = require('./helpers/cli.js');
const { serveModule } = require('./helpers/serve.js');

/** The samples of a scrape, by name and labels as they are written there. */
const samples = (text) => Object.fromEntries(text.split('\n').filter((line) => line && !line.startsWith('#')).map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]));

serveModule('pagepool serve: metrics', (kit) => {
  chromeTest('a scrape has the numbers of /stats, and those of the process', async (assert) => {
    const service = await kit.start(['--max-pages', '2']);
    for (const affinity of ['a', 'a', 'b']) await service.ask('/render', { json: { html: '<p>', affinity } });
    const { status, headers, body } = await service.ask('/metrics');
    assert.deepEqual([status, headers.get('content-type').split(';')[0]], [200, 'text/plain'], body);
    const scraped = samples(body);
    const { body: stats } = await service.ask('/stats');
    assert.deepEqual(
      [scraped['pagepool_leases_granted_total{kind="warm"}'], scraped['pagepool_leases_granted_total{kind="cold"}'], scraped['pagepool_lease_wait_seconds_count']],
      [stats.totals.leases.warm, stats.totals.leases.cold, stats.waits.total.count], 'leases',
    );
    assert.deepEqual([stats.totals.leases.warm, stats.totals.leases.cold], [1, 2], 'of two tenants one came twice');
    assert.strictEqual(scraped.pagepool_browser_up, 1, 'Chrome runs');
    assert.true(scraped.process_resident_memory_bytes > 0, 'the process');
    const again = samples((await service.ask('/metrics')).body);
    assert.strictEqual(again['pagepool_leases_granted_total{kind="cold"}'], 2, 'a scrape counts nothing');
  });

  chromeTest('without prom-client they say what to install, and with a token who may ask', async (assert) => {
    const bin = copied(kit.place.directory);
    const service = await kit.start(['--max-pages', '1'], { PAGEPOOL_TOKEN: 's3cret' }, bin);
    assert.strictEqual((await service.ask('/metrics')).status, 401, 'not for everybody');
    const { status, body } = await service.ask('/metrics', { headers: { authorization: 'Bearer s3cret' } });
    assert.deepEqual([status, body.error?.code], [501, 'PROM_CLIENT_MISSING'], JSON.stringify(body));
    assert.true(body.error.message.includes('npm install prom-client'), body.error.message);
    assert.strictEqual((await service.ask('/healthz')).status, 200, 'the server goes on');
  });
});
