// What the entries for Prometheus and OpenTelemetry take and give.

import { metrics, trace } from '@opentelemetry/api'
import { type OpenMetricsContentType, type Registry, register } from 'prom-client'
import { createPool, type PagePool } from 'pagepool'
import { instrument as toOpenTelemetry } from 'pagepool/otel'
import { instrument as toPrometheus, type PrometheusOptions } from 'pagepool/prometheus'

const pool = await createPool({ maxPages: 1 })
declare const ofAnother: PagePool<{ mine: true }>
const stop: () => void = toPrometheus(pool, { register, prefix: 'cards_', labels: { pool: 'main' } })
toPrometheus(ofAnother)
declare const open: Registry<OpenMetricsContentType>
toPrometheus(pool, { register: open })
// @ts-expect-error: labels are strings
toPrometheus(pool, { labels: { shard: 1 } })
const options: PrometheusOptions = {}

const end: () => void = toOpenTelemetry(pool, { name: 'cards', attributes: { region: 'eu' } })
toOpenTelemetry(ofAnother, { meterProvider: metrics.getMeterProvider(), tracerProvider: trace.getTracerProvider() })
// @ts-expect-error: a name is a string
toOpenTelemetry(pool, { name: 1 })

export { end, options, stop }
