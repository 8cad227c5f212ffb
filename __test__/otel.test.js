'use strict';

// pagepool/otel, over the real SDKs of OpenTelemetry.

const { SpanStatusCode, context, trace } = require('@opentelemetry/api');
const { AsyncLocalStorageContextManager } = require('@opentelemetry/context-async-hooks');
const { DataPointType, MeterProvider, MetricReader } = require('@opentelemetry/sdk-metrics');
const { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } = require('@opentelemetry/sdk-trace-base');
const dc = require('node:diagnostics_channel');
const otel = require('pagepool/otel');
const { poolModule } = require('./helpers/kit.js');
const { chromeModule } = require('./helpers/real-chrome.js');

class Reader extends MetricReader {
  async onForceFlush() {}

  async onShutdown() {}
}

/** Providers with what they have collected. */
function sdk() {
  const reader = new Reader();
  const meterProvider = new MeterProvider({ readers: [reader] });
  const exporter = new InMemorySpanExporter();
  const tracerProvider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
  const stops = [];
  return {
    /** Shows the pool to these providers, until they are shut down. */
    instrument(pool, options) {
      const stop = otel.instrument(pool, { meterProvider, tracerProvider, ...options });
      stops.push(stop);
      return stop;
    },
    spans: () => exporter.getFinishedSpans(),
    tracer: tracerProvider.getTracer('test'),
    /** The metrics by name, as they are now. */
    async collect() {
      const { resourceMetrics, errors } = await reader.collect();
      if (errors.length > 0) {
        throw errors[0];
      }
      return Object.fromEntries(resourceMetrics.scopeMetrics.flatMap(({ metrics }) => metrics).map((metric) => [metric.descriptor.name, metric]));
    },
    async shutdown() {
      stops.forEach((stop) => stop());
      await Promise.all([meterProvider.shutdown(), tracerProvider.shutdown()]);
    },
  };
}

const valueOf = (metric, attributes) =>
  metric.dataPoints.find((point) => Object.entries(attributes).every(([name, value]) => point.attributes[name] === value))?.value;

poolModule('pagepool/otel: metrics', (kit) => {
  QUnit.test('sizes and totals are those of the pool when they are collected', async (assert) => {
    const { pool } = await kit().warm({ maxPages: 3 });
    const { instrument, collect, shutdown } = sdk();
    instrument(pool, { name: 'cards', attributes: { region: 'eu' } });
    await kit().visit(pool, 'a');
    const held = await kit().take(pool, 'b');
    const metrics = await collect();
    const state = (value) => valueOf(metrics['pagepool.page.count'], { 'pagepool.page.state': value, 'pagepool.pool.name': 'cards', region: 'eu' });
    assert.deepEqual([state('used'), state('idle'), state('closing')], [1, 1, 0], 'pages by state');
    assert.strictEqual(valueOf(metrics['pagepool.page.max'], {}), 3, 'max');
    assert.strictEqual(valueOf(metrics['pagepool.page.leases'], { 'pagepool.lease.kind': 'cold' }), 2, 'leases');
    assert.strictEqual(valueOf(metrics['pagepool.page.timeouts'], {}), 0, 'timeouts');
    assert.strictEqual(valueOf(metrics['pagepool.page.pending_requests'], { 'pagepool.wait.phase': 'standby' }), 0, 'nobody waits');
    assert.deepEqual([metrics['pagepool.page.count'].descriptor.unit, metrics['pagepool.page.leases'].isMonotonic], ['{page}', true], 'unit, and a counter');
    held.release();
    assert.strictEqual(valueOf((await collect())['pagepool.page.count'], { 'pagepool.page.state': 'used' }), 0, 'and the next time those of then');
    await shutdown();
  });

  QUnit.test('times are histograms in seconds, of what happens from then on', async (assert) => {
    const { pool } = await kit().warm({ maxPages: 2 });
    await kit().visit(pool, 'before');
    const { instrument, collect, shutdown } = sdk();
    instrument(pool);
    const leases = [await kit().visit(pool, 'a'), await kit().visit(pool, 'a')];
    await pool.warmStandbys();
    const metrics = await collect();
    const wait = metrics['pagepool.page.wait_time'];
    assert.strictEqual(wait.dataPointType, DataPointType.HISTOGRAM, 'a histogram');
    assert.strictEqual(wait.descriptor.unit, 's', 'in seconds');
    const total = wait.dataPoints.reduce((sum, { value }) => sum + value.sum, 0);
    assert.true(Math.abs(total - leases.reduce((sum, { launchMs }) => sum + launchMs, 0) / 1000) < 1e-9, 'of the leases’ waits');
    assert.strictEqual(valueOf(wait, { 'pagepool.lease.kind': 'warm' }).count, 1, 'the warm one apart');
    assert.strictEqual(valueOf(metrics['pagepool.page.use_time'], {}).count, 2, 'two leases were used');
    assert.true(valueOf(metrics['pagepool.page.create_time'], {}).count >= 1, 'a standby was made');
    await shutdown();
  });

  QUnit.test('two pools with one provider are told apart by name', async (assert) => {
    const [first, second] = [await kit().warm({ maxPages: 2 }), await kit().warm({ maxPages: 3 })];
    const { instrument, collect, shutdown } = sdk();
    const stop = instrument(first.pool, { name: 'first' });
    instrument(second.pool, { name: 'second' });
    const max = async (name) => valueOf((await collect())['pagepool.page.max'], { 'pagepool.pool.name': name });
    assert.deepEqual([await max('first'), await max('second')], [2, 3], 'both');
    stop();
    stop();
    assert.strictEqual(first.pool.listenerCount('lease'), 0, 'one is let go');
    assert.strictEqual(second.pool.listenerCount('lease'), 1, 'the other stays');
    await shutdown();
  });
});

poolModule('pagepool/otel: spans', (kit) => {
  QUnit.test('a getPage is a span under that of its caller, with what it waited for', async (assert) => {
    const manager = new AsyncLocalStorageContextManager().enable();
    context.setGlobalContextManager(manager);
    try {
      const { pool } = await kit().warm({ maxPages: 1 });
      const { instrument, spans, tracer, shutdown } = sdk();
      instrument(pool, { name: 'cards' });
      let lease;
      await tracer.startActiveSpan('render', async (parent) => {
        lease = await kit().take(pool, 'a', 'command', { priority: 4 });
        assert.strictEqual(trace.getActiveSpan(), parent, 'the caller’s own context goes on');
        parent.end();
      });
      const [span, parent] = spans();
      assert.deepEqual([span.name, parent.name], ['pagepool.getPage', 'render'], 'both have ended');
      assert.strictEqual(span.parentSpanContext.spanId, parent.spanContext().spanId, 'one within the other');
      assert.strictEqual(span.spanContext().traceId, parent.spanContext().traceId, 'in one trace');
      assert.deepEqual(span.attributes, {
        'pagepool.pool.name': 'cards', 'pagepool.affinity': 'a', 'pagepool.queue': 'command', 'pagepool.priority': 4,
        'pagepool.page.id': lease.pageId, 'pagepool.page.reused': false,
        'pagepool.wait.semaphore_ms': lease.waits.semaphoreMs, 'pagepool.wait.admission_ms': lease.waits.admissionMs,
        'pagepool.wait.tab_queue_ms': lease.waits.tabQueueMs, 'pagepool.wait.tab_startup_ms': lease.waits.tabStartupMs,
        'pagepool.wait.tab_probe_ms': lease.waits.tabProbeMs,
      }, 'what it was for and what it got');
      assert.strictEqual(span.status.code, SpanStatusCode.UNSET, 'no error');
      lease.release();
      await shutdown();
    } finally {
      context.disable();
    }
  });

  QUnit.test('one that is rejected is an error with its code', async (assert) => {
    const { pool } = await kit().warm({ maxPages: 1 });
    const { instrument, spans, shutdown } = sdk();
    instrument(pool);
    await assert.rejects(pool.getPage('a', 'file', { signal: AbortSignal.abort('enough') }), 'called off');
    await assert.rejects(pool.getPage(undefined), 'wrong');
    const [cancelled, wrong] = spans();
    assert.deepEqual([cancelled.status.code, cancelled.attributes['error.type']], [SpanStatusCode.ERROR, 'PRERENDER_CANCELLED'], 'its code');
    assert.strictEqual(cancelled.events[0].name, 'exception', 'and the exception');
    assert.strictEqual(cancelled.events[0].attributes['exception.message'], 'prerender cancelled: enough', 'which says why');
    assert.strictEqual(wrong.attributes['error.type'], 'ERR_INVALID_ARG_VALUE', 'a wrong argument too');
    assert.false('pagepool.affinity' in wrong.attributes, 'without what was not given');
    await shutdown();
  });

  QUnit.test('of its own pool only, until it is stopped; then nobody is subscribed', async (assert) => {
    const [first, second] = [await kit().warm(), await kit().warm()];
    const { instrument, spans, shutdown } = sdk();
    const stop = instrument(first.pool);
    await kit().visit(second.pool, 'other');
    await kit().visit(first.pool, 'mine');
    assert.deepEqual(spans().map(({ attributes }) => attributes['pagepool.affinity']), ['mine'], 'its own');
    stop();
    await kit().visit(first.pool, 'later');
    assert.strictEqual(spans().length, 1, 'no more');
    assert.false(dc.hasSubscribers('tracing:pagepool.getPage:start'), 'nobody listens');
    await shutdown();
  });

  QUnit.test('without an SDK it does nothing, and the pool goes on', async (assert) => {
    const { pool } = await kit().warm();
    const stop = otel.instrument(pool);
    const lease = await kit().visit(pool, 'a');
    assert.strictEqual(typeof lease.pageId, 'string', 'a lease');
    stop();
  });

  QUnit.test('what is given wrongly is refused by name', async (assert) => {
    const { pool } = await kit().warm();
    for (const [of, options, message] of [[{}, {}, /^pool /], [pool, { name: 1 }, /^options\.name /], [pool, { attributes: 'eu' }, /^options\.attributes /]]) {
      assert.throws(() => otel.instrument(of, options), (error) => error.code === 'ERR_INVALID_ARG_VALUE' && message.test(error.message), `${message}`);
    }
    assert.strictEqual(pool.listenerCount('lease'), 0, 'nothing listens');
  });
});

chromeModule('pagepool/otel on our own Chrome', (kit, test) => {
  test('a render of a page: its spans and its times', async (assert) => {
    const { pool } = kit().pool();
    const { instrument, spans, collect, shutdown } = sdk();
    const stop = instrument(pool);
    await kit().visit(pool, 'a');
    await kit().visit(pool, 'a');
    assert.deepEqual(spans().map(({ attributes }) => attributes['pagepool.page.reused']), [false, true], 'cold, then warm');
    const metrics = await collect();
    assert.strictEqual(valueOf(metrics['pagepool.browser.starts'], {}), 1, 'one Chrome');
    assert.strictEqual(valueOf(metrics['pagepool.page.use_time'], {}).count, 2, 'two visits');
    stop();
    await shutdown();
  });
});
