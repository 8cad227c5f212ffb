import type { Attributes, MeterProvider, TracerProvider } from '@opentelemetry/api'
import type { PagePool } from './index.js'

/** How a pool is shown to OpenTelemetry. */
export interface OpenTelemetryOptions {
  /** The attribute `pagepool.pool.name` of all its metrics and spans. Default: `default`. */
  name?: string | undefined
  /** Further attributes of all its metrics and spans. Default: none. */
  attributes?: Attributes | undefined
  /** Default: the global one. */
  meterProvider?: MeterProvider | undefined
  /** Default: the global one. */
  tracerProvider?: TracerProvider | undefined
}

/**
 * Measures the pool and makes a span of each of its `getPage` calls, until the function that it returns is called. Throws a `TypeError`
 * with the code `ERR_INVALID_ARG_VALUE` for a wrong option.
 */
export declare function instrument(
  pool: Pick<PagePool<unknown>, 'stats' | 'on' | 'off' | 'getPage'>,
  options?: OpenTelemetryOptions,
): () => void
