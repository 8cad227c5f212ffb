// `pagepool/otel`: metrics and spans of a pool for OpenTelemetry.
'use strict';

const { tracingChannel } = require('node:diagnostics_channel');
const { SpanKind, SpanStatusCode, metrics, trace } = require('@opentelemetry/api');
const { version } = require('./package.json');

/** Seconds, as the conventions for connection pools have it. */
const BOUNDARIES = [0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

function invalid(message) {
  return Object.assign(new TypeError(message), { code: 'ERR_INVALID_ARG_VALUE' });
}

/** Tells OpenTelemetry of the pool, until the function that comes back is called. */
function instrument(pool, options = {}) {
  const { name = 'default', attributes = {}, meterProvider = metrics, tracerProvider = trace } = options ?? {};
  if (typeof pool?.stats !== 'function' || typeof pool.on !== 'function') {
    throw invalid('pool must be a PagePool');
  }
  if (typeof name !== 'string') {
    throw invalid('options.name must be a string');
  }
  if (attributes === null || typeof attributes !== 'object') {
    throw invalid('options.attributes must be an object');
  }
  const common = { ...attributes, 'pagepool.pool.name': name };
  const ends = [
    measure(pool, meterProvider.getMeter('pagepool', version), common),
    follow(pool, tracerProvider.getTracer('pagepool', version), common),
  ];
  return () => ends.splice(0).forEach((end) => end());
}

function measure(pool, meter, common) {
  const count = meter.createObservableUpDownCounter('pagepool.page.count', { description: 'Pages, by state.', unit: '{page}' });
  const max = meter.createObservableUpDownCounter('pagepool.page.max', { description: 'Pages that the pool may have now.', unit: '{page}' });
  const pending = meter.createObservableUpDownCounter('pagepool.page.pending_requests', { description: 'Calls of getPage that wait, by what for.', unit: '{request}' });
  const timeouts = meter.createObservableCounter('pagepool.page.timeouts', { description: 'Calls of getPage that waited too long.', unit: '{timeout}' });
  const leases = meter.createObservableCounter('pagepool.page.leases', { description: 'Leases granted.', unit: '{lease}' });
  const rejections = meter.createObservableCounter('pagepool.page.rejections', { description: 'Calls of getPage that ended without a lease.', unit: '{request}' });
  const retirements = meter.createObservableCounter('pagepool.page.retirements', { description: 'Pages taken out of use, by why.', unit: '{page}' });
  const evictions = meter.createObservableCounter('pagepool.page.evictions', { description: 'Idle tenants, or single pages of one, that were closed.', unit: '{eviction}' });
  const starts = meter.createObservableCounter('pagepool.browser.starts', { description: 'Starts of Chrome.', unit: '{start}' });
  const observe = (result) => {
    const { maxPages, tabs, standbys, waiting, totals } = pool.stats();
    const each = (instrument, attribute, values) => {
      for (const [value, number] of Object.entries(values)) {
        result.observe(instrument, number, { ...common, [attribute]: value });
      }
    };
    each(count, 'pagepool.page.state', { used: tabs.total - tabs.idle - tabs.closing, idle: tabs.idle, closing: tabs.closing, standby: standbys.ready });
    each(pending, 'pagepool.wait.phase', waiting);
    each(leases, 'pagepool.lease.kind', totals.leases);
    each(rejections, 'error.type', totals.rejected);
    each(retirements, 'pagepool.retirement.reason', totals.retirements);
    result.observe(max, maxPages, common);
    result.observe(timeouts, totals.rejected.ACQUIRE_TIMEOUT, common);
    result.observe(evictions, totals.evictions, common);
    result.observe(starts, totals.browserStarts, common);
  };
  const observed = [count, max, pending, timeouts, leases, rejections, retirements, evictions, starts];
  meter.addBatchObservableCallback(observe, observed);

  // Histograms are recorded one by one, from when the pool is instrumented.
  const histogram = (name, description) =>
    meter.createHistogram(name, { description, unit: 's', advice: { explicitBucketBoundaries: BOUNDARIES } });
  const wait = histogram('pagepool.page.wait_time', 'From the call of getPage to its lease.');
  const use = histogram('pagepool.page.use_time', 'From the lease to its end.');
  const create = histogram('pagepool.page.create_time', 'How long it took to make a standby.');
  const listeners = {
    lease: ({ launchMs, reused }) => wait.record(launchMs / 1000, { ...common, 'pagepool.lease.kind': reused ? 'warm' : 'cold' }),
    release: ({ leaseMs }) => use.record(leaseMs / 1000, common),
    standby: ({ ready, tookMs }) => ready && create.record(tookMs / 1000, common),
  };
  Object.entries(listeners).forEach(([event, listener]) => pool.on(event, listener));
  return () => {
    meter.removeBatchObservableCallback(observe, observed);
    Object.entries(listeners).forEach(([event, listener]) => pool.off(event, listener));
  };
}

/** A span for each `getPage`: from the call to the lease, or to what it was rejected with. */
function follow(pool, tracer, common) {
  const spans = new WeakMap();
  const finish = (message) => {
    const span = spans.get(message);
    if (!span) {
      return;
    }
    spans.delete(message);
    const { error, result } = message;
    if (result) {
      span.setAttributes({ 'pagepool.page.id': result.pageId, 'pagepool.page.reused': result.reused });
      for (const [wait, ms] of Object.entries(result.waits)) {
        span.setAttribute(`pagepool.wait.${wait.replace(/Ms$/, '').replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}_ms`, ms);
      }
    } else {
      span.setAttribute('error.type', String(error?.code ?? error?.name ?? 'Error'));
      span.recordException(error instanceof Error ? error : String(error));
      span.setStatus({ code: SpanStatusCode.ERROR, message: String(error?.message ?? error) });
    }
    span.end();
  };
  const subscribers = {
    start(message) {
      if (message.pool !== pool) {
        return;
      }
      const attributes = { ...common, 'pagepool.queue': String(message.queue) };
      if (typeof message.affinityKey === 'string') {
        attributes['pagepool.affinity'] = message.affinityKey;
      }
      if (typeof message.priority === 'number') {
        attributes['pagepool.priority'] = message.priority;
      }
      spans.set(message, tracer.startSpan('pagepool.getPage', { kind: SpanKind.INTERNAL, attributes }));
    },
    // A call that throws at once has no other end.
    end: (message) => 'error' in message && finish(message),
    asyncStart: finish,
  };
  const channel = tracingChannel('pagepool.getPage');
  channel.subscribe(subscribers);
  return () => channel.unsubscribe(subscribers);
}

exports.instrument = instrument;
