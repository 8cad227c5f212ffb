// `pagepool/prometheus`: metrics of pools for prom-client, read from `pool.stats()` when somebody scrapes.
'use strict';

const PHASES = ['semaphore', 'admission', 'tabQueue', 'tabStartup', 'tabProbe'];

/** A value for each of the names, with that as the label. */
const by = (label, values) => Object.entries(values).map(([name, value]) => [value, { [label]: name }]);

/** Name, type, help, and the values with their labels; of a histogram the whole of it. */
const FAMILIES = [
  ['max_pages', 'gauge', 'Pages that the pool may have now.', (s) => [[s.maxPages]]],
  ['tabs', 'gauge', 'Tabs bound to tenants; pending: on their way to a caller.', ({ tabs: { total, leased, idle, closing } }) =>
    by('state', { leased, idle, closing, pending: total - leased - idle - closing })],
  ['standbys', 'gauge', 'Tabs that stand by, and those in the making.', ({ standbys: { ready, making } }) => by('state', { ready, making })],
  ['standbys_wanted', 'gauge', 'Tabs that should stand by or be in the making.', (s) => [[s.standbys.wanted]]],
  ['contexts', 'gauge', 'Browser contexts; orphan: kept without a page.', ({ contexts: { total, orphans, closing } }) =>
    by('state', { used: total - orphans - closing, orphan: orphans, closing })],
  ['affinities', 'gauge', 'Tenants with a warm tab.', (s) => [[s.affinities]]],
  ['leases_held', 'gauge', 'Leases held now.', (s) => [[s.leases]]],
  ['waiting', 'gauge', 'Calls of getPage that wait, by what for.', (s) => by('phase', s.waiting)],
  ['browser_up', 'gauge', 'Whether Chrome runs.', (s) => (s.browser ? [[Number(s.browser.connected)]] : [])],
  ['leases_granted_total', 'counter', 'Leases granted, of a tab that was warm for the tenant and others.', (s) => by('kind', s.totals.leases)],
  ['rejections_total', 'counter', 'Calls of getPage that ended without a lease.', (s) => by('code', s.totals.rejected)],
  ['expansions_total', 'counter', 'Pages added.', (s) => [[s.totals.expansions]]],
  ['contractions_total', 'counter', 'Pages given up.', (s) => [[s.totals.contractions]]],
  ['evictions_total', 'counter', 'Idle tenants, or single tabs of one, that were closed.', (s) => [[s.totals.evictions]]],
  ['migrations_total', 'counter', 'Tabs that moved to another tenant.', (s) => [[s.totals.migrations]]],
  ['standby_attempts_total', 'counter', 'Attempts at a standby.', (s) => by('result', s.totals.standbys)],
  ['retirements_total', 'counter', 'Tabs taken out of use.', (s) => by('reason', s.totals.retirements)],
  ['browser_starts_total', 'counter', 'Starts of Chrome.', (s) => [[s.totals.browserStarts]]],
  ['lease_wait_seconds', 'histogram', 'From the call of getPage to its lease.', (s) => [[s.waits.total]]],
  ['lease_wait_phase_seconds', 'histogram', 'Where that time went.', ({ waits }) => PHASES.map((phase) => [waits[phase], { phase }])],
];

/** The label names of ours: those of the caller's must differ. */
const LABELS = new Set(['state', 'phase', 'kind', 'code', 'result', 'reason', 'le']);

/** As prom-client's own metrics; those can only count for themselves, and a pool has counted already. */
class Family {
  aggregator = 'sum';

  /** `key`: its name in the register. A register of OpenMetrics takes `_total` off the `name` of a counter. */
  constructor(key, [, type, help, read], readAll) {
    Object.assign(this, { key, name: key, type, help, read, readAll });
  }

  async get() {
    const { name, type, help, aggregator } = this;
    const values = this.readAll().flatMap(([stats, labels]) =>
      this.read(stats).flatMap(([value, own]) => (type === 'histogram' ? spread(name, value, { ...labels, ...own }) : { value, labels: { ...labels, ...own } })));
    return { name, type, help, aggregator, values };
  }

  /** `register.resetMetrics()`: the totals are the pool's. */
  reset() {}
}

function spread(name, { buckets, count, sum }, labels) {
  return [
    ...buckets.map(({ le, count }) => ({ metricName: `${name}_bucket`, value: count, labels: { le: le === Infinity ? '+Inf' : le / 1000, ...labels } })),
    { metricName: `${name}_sum`, value: sum / 1000, labels },
    { metricName: `${name}_count`, value: count, labels },
  ];
}

/** What is instrumented, by register and prefix: the families and their pools, by their labels. */
const registers = new WeakMap();

function invalid(message) {
  return Object.assign(new TypeError(message), { code: 'ERR_INVALID_ARG_VALUE' });
}

function check(pool, register, prefix, labels) {
  if (typeof pool?.stats !== 'function') {
    throw invalid('pool must be a PagePool');
  }
  if (typeof register?.registerMetric !== 'function') {
    throw invalid('options.register must be a Registry of prom-client');
  }
  if (typeof prefix !== 'string' || !/^([a-z_:][a-z0-9_:]*)?$/i.test(prefix)) {
    throw invalid(`options.prefix must begin the name of a metric, but is ${JSON.stringify(prefix)}`);
  }
  for (const [name, value] of Object.entries(labels)) {
    if (!/^(?!__)[a-z_][a-z0-9_]*$/i.test(name) || LABELS.has(name) || typeof value !== 'string') {
      throw invalid(`options.labels.${name} must be a string, and its name that of a label other than ${[...LABELS].join(', ')}`);
    }
  }
}

/** Shows the pool's numbers in the register, until the function that comes back is called. */
function instrument(pool, options = {}) {
  const { register = require('prom-client').register, prefix = 'pagepool_', labels = {} } = options ?? {};
  check(pool, register, prefix, labels);
  const prefixes = registers.get(register) ?? new Map();
  const { pools, families } = prefixes.get(prefix) ?? begin(prefix);
  const key = JSON.stringify(Object.entries(labels).sort());
  if (pools.has(key)) {
    throw invalid(`a pool with the labels ${JSON.stringify(labels)} is in the register already: options.labels must tell pools apart`);
  }
  const missing = families.filter((family) => register.getSingleMetric(family.key) !== family);
  const taken = missing.find(({ key }) => register.getSingleMetric(key));
  if (taken) {
    throw invalid(`the register has a metric ${taken.key} of somebody else's: options.prefix must tell them apart`);
  }
  missing.forEach((family) => register.registerMetric(family));
  pools.set(key, [pool, { ...labels }]);
  prefixes.set(prefix, { pools, families });
  registers.set(register, prefixes);
  return function stop() {
    if (pools.get(key)?.[0] === pool) {
      pools.delete(key);
    }
    if (pools.size === 0 && prefixes.get(prefix)?.pools === pools) {
      prefixes.delete(prefix);
      families.filter((family) => register.getSingleMetric(family.key) === family).forEach(({ key }) => register.removeSingleMetric(key));
    }
  };
}

function begin(prefix) {
  const pools = new Map();
  let scrape;
  // All families of a scrape are read in one turn: from the same numbers.
  const readAll = () => {
    if (!scrape) {
      scrape = [...pools.values()].map(([pool, labels]) => [pool.stats(), labels]);
      queueMicrotask(() => {
        scrape = undefined;
      });
    }
    return scrape;
  };
  return { pools, families: FAMILIES.map((family) => new Family(prefix + family[0], family, readAll)) };
}

exports.instrument = instrument;
