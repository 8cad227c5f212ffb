'use strict';

// pagepool/prometheus, scraped from real registers of prom-client.

const { Registry, Counter, register: standard } = require('prom-client');
const { instrument } = require('pagepool/prometheus');
const { poolModule } = require('./helpers/kit.js');
const { chromeModule } = require('./helpers/real-chrome.js');

/** A scrape by Prometheus' text format: types by name, and samples as they are written. */
async function scrape(register) {
  const text = await register.metrics();
  const types = {};
  const samples = new Map();
  for (const line of text.split('\n').filter((line) => line && line !== '# EOF')) {
    const [, name, type] = /^# TYPE (\S+) (\S+)$/.exec(line) ?? [];
    if (name) {
      types[name] = type;
    } else if (!line.startsWith('# HELP ')) {
      const [, sample, value] = /^([a-z_:][a-z0-9_:]*(?:\{(?:[a-z_]\w*="(?:[^"\\]|\\.)*",?)+\})?) (\S+)$/i.exec(line) ?? [];
      if (!sample || samples.has(sample)) {
        throw new Error(`not a sample, or one that is there twice: ${line}`);
      }
      samples.set(sample, Number(value));
    }
  }
  return { text, types, samples };
}

poolModule('pagepool/prometheus', (kit) => {
  QUnit.test('a scrape has the numbers of the pool as they are then', async (assert) => {
    const { pool } = await kit().warm({ maxPages: 3 });
    const register = new Registry();
    instrument(pool, { register });
    await kit().visit(pool, 'a');
    await kit().visit(pool, 'a');
    const held = await kit().take(pool, 'b');
    const { samples, types } = await scrape(register);
    const value = (name) => samples.get(`pagepool_${name}`);
    assert.strictEqual(value('max_pages'), 3, 'pages');
    assert.strictEqual(value('tabs{state="leased"}'), 1, 'leased');
    assert.strictEqual(value('tabs{state="idle"}'), 1, 'idle');
    assert.strictEqual(value('leases_held'), 1, 'held');
    assert.strictEqual(value('leases_granted_total{kind="warm"}'), 1, 'warm');
    assert.strictEqual(value('leases_granted_total{kind="cold"}'), 2, 'cold');
    assert.strictEqual(value('rejections_total{code="ACQUIRE_TIMEOUT"}'), 0, 'what has not happened is 0, and there');
    assert.deepEqual([types.pagepool_tabs, types.pagepool_leases_granted_total, types.pagepool_lease_wait_seconds], ['gauge', 'counter', 'histogram'], 'types');
    held.release();
    assert.strictEqual((await scrape(register)).samples.get('pagepool_leases_held'), 0, 'and the next scrape those of then');
  });

  QUnit.test('every number of stats() is in it', async (assert) => {
    const { pool } = await kit().warm({ maxPages: 2 });
    const register = new Registry();
    instrument(pool, { register });
    await kit().visit(pool, 'a');
    const { samples } = await scrape(register);
    const sum = (prefix) => [...samples].filter(([name]) => name.startsWith(prefix)).reduce((all, [, number]) => all + number, 0);
    const stats = pool.stats();
    assert.strictEqual(sum('pagepool_tabs{'), stats.tabs.total, 'states add up to all tabs');
    assert.strictEqual(sum('pagepool_contexts{'), stats.contexts.total, 'and to all contexts');
    const labels = (name) => [...samples.keys()].filter((sample) => sample.startsWith(`pagepool_${name}{`)).map((sample) => /"(.*)"/.exec(sample)[1]);
    assert.deepEqual(labels('retirements_total'), Object.keys(stats.totals.retirements), 'all reasons');
    assert.deepEqual(labels('rejections_total'), Object.keys(stats.totals.rejected), 'all codes');
    assert.deepEqual(labels('waiting'), Object.keys(stats.waiting), 'all phases');
  });

  QUnit.test('histograms are in seconds, cumulative, and end with +Inf', async (assert) => {
    const { pool } = await kit().warm({ maxPages: 2 });
    const register = new Registry();
    instrument(pool, { register });
    const leases = [];
    for (const key of ['a', 'a', 'b']) {
      leases.push(await kit().visit(pool, key));
    }
    const { samples } = await scrape(register);
    const buckets = [...samples].filter(([name]) => name.startsWith('pagepool_lease_wait_seconds_bucket'));
    assert.deepEqual(buckets.map(([name]) => /le="(.*?)"/.exec(name)[1]).slice(-3), ['30', '60', '+Inf'], 'bounds in seconds');
    assert.true(buckets.every(([, count], i) => i === 0 || count >= buckets[i - 1][1]), 'cumulative');
    assert.strictEqual(buckets.at(-1)[1], samples.get('pagepool_lease_wait_seconds_count'), 'the last has all');
    assert.strictEqual(samples.get('pagepool_lease_wait_seconds_count'), 3, 'three leases');
    const ms = leases.reduce((sum, lease) => sum + lease.launchMs, 0);
    assert.strictEqual(samples.get('pagepool_lease_wait_seconds_sum'), ms / 1000, 'their sum');
    assert.strictEqual(samples.get('pagepool_lease_wait_phase_seconds_count{phase="tabStartup"}'), 3, 'and by phase');
  });

  QUnit.test('several pools in a register are told apart by their labels, and leave it one by one', async (assert) => {
    const [first, second] = [await kit().warm({ maxPages: 2 }), await kit().warm({ maxPages: 3 })];
    const register = new Registry();
    const stops = [[first, 'first'], [second, 'second']].map(([{ pool }, name]) => instrument(pool, { register, labels: { pool: name } }));
    const { samples } = await scrape(register);
    assert.strictEqual(samples.get('pagepool_max_pages{pool="first"}'), 2, 'the first');
    assert.strictEqual(samples.get('pagepool_max_pages{pool="second"}'), 3, 'the second');
    assert.throws(() => instrument(second.pool, { register, labels: { pool: 'first' } }), (error) => error.code === 'ERR_INVALID_ARG_VALUE', 'labels are taken');
    stops[0]();
    assert.deepEqual([...(await scrape(register)).samples.keys()].filter((name) => /max_pages/.test(name)), ['pagepool_max_pages{pool="second"}'], 'one has left');
    stops[0]();
    stops[1]();
    assert.strictEqual(await register.metrics(), '\n', 'nothing is left');
    instrument(first.pool, { register });
    assert.strictEqual((await scrape(register)).samples.get('pagepool_max_pages'), 2, 'and one may come again');
  });

  QUnit.test('an OpenMetrics register and default labels work too', async (assert) => {
    const { pool } = await kit().warm({ maxPages: 2 });
    const register = new Registry(Registry.OPENMETRICS_CONTENT_TYPE);
    register.setDefaultLabels({ app: 'cards' });
    const stop = instrument(pool, { register, prefix: 'cards_' });
    for (const round of [1, 2]) {
      const { samples, types, text } = await scrape(register);
      assert.strictEqual(samples.get('cards_max_pages{app="cards"}'), 2, `scrape ${round}: a gauge`);
      assert.strictEqual(samples.get('cards_expansions_total{app="cards"}'), 0, `scrape ${round}: a counter`);
      assert.strictEqual(types.cards_expansions, 'counter', `scrape ${round}: whose family is without _total`);
      assert.true(text.endsWith('# EOF\n'), `scrape ${round}: the end`);
    }
    stop();
    assert.strictEqual((await scrape(register)).samples.size, 0, 'nothing is left');
  });

  QUnit.test('it is in prom-client’s own register where none is named, and does not disturb others there', async (assert) => {
    const { pool } = await kit().warm();
    const counter = new Counter({ name: 'mine_total', help: 'Mine.' });
    const stop = instrument(pool);
    counter.inc();
    const { samples } = await scrape(standard);
    assert.deepEqual([samples.get('mine_total'), samples.get('pagepool_max_pages')], [1, 1], 'both');
    standard.resetMetrics();
    stop();
    assert.deepEqual([...(await scrape(standard)).samples.keys()], ['mine_total'], 'the other is still there');
    standard.clear();
  });

  QUnit.test('import gives the same, of the entry for OpenTelemetry too', async (assert) => {
    assert.strictEqual((await import('pagepool/prometheus')).instrument, instrument, 'pagepool/prometheus');
    assert.strictEqual((await import('pagepool/otel')).instrument, require('pagepool/otel').instrument, 'pagepool/otel');
  });

  QUnit.test('what is given wrongly is refused by name, and registers nothing', async (assert) => {
    const { pool } = await kit().warm();
    const register = new Registry();
    new Counter({ name: 'pagepool_evictions_total', help: 'Of somebody else.', registers: [register] });
    const wrong = [
      [{}, { register }, /^pool /],
      [pool, { register: {} }, /^options\.register /],
      [pool, { register, prefix: '9' }, /^options\.prefix /],
      [pool, { register, labels: { le: '1' } }, /^options\.labels\.le /],
      [pool, { register, labels: { 'a-b': '1' } }, /^options\.labels\.a-b /],
      [pool, { register, labels: { shard: 1 } }, /^options\.labels\.shard /],
      [pool, { register }, /pagepool_evictions_total .* options\.prefix /],
    ];
    for (const [of, options, message] of wrong) {
      assert.throws(() => instrument(of, options), (error) => error instanceof TypeError && error.code === 'ERR_INVALID_ARG_VALUE' && message.test(error.message), `${message}`);
    }
    assert.strictEqual((await scrape(register)).samples.size, 1, 'only what was there');
  });
});

chromeModule('pagepool/prometheus on our own Chrome', (kit, test) => {
  test('Chrome is up, and then it is not', async (assert) => {
    const { pool, manager } = kit().pool();
    const register = new Registry();
    instrument(pool, { register });
    await kit().visit(pool, 'a');
    const up = async () => {
      const { samples } = await scrape(register);
      return [samples.get('pagepool_browser_up'), samples.get('pagepool_browser_starts_total')];
    };
    assert.deepEqual(await up(), [1, 1], 'up');
    await pool.closeAll();
    await manager.stop();
    assert.deepEqual(await up(), [0, 1], 'down');
  });
});
