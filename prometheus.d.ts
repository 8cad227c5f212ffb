import type { Registry } from 'prom-client'
import type { PagePool } from './index.js'

/** How a pool is shown to Prometheus. */
export interface PrometheusOptions {
  /** Where its metrics are registered. Default: prom-client's own register. */
  register?: Pick<Registry, 'registerMetric' | 'getSingleMetric' | 'removeSingleMetric'> | undefined
  /** What the names of metrics begin with. Default: `pagepool_`. */
  prefix?: string | undefined
  /** Labels of all of the pool's metrics: where several pools are in one register, what tells them apart. Default: none. */
  labels?: Readonly<Record<string, string>> | undefined
}

/**
 * Shows the pool's numbers, read from `pool.stats()` at each scrape, until the function that it returns is called. Throws a `TypeError`
 * with the code `ERR_INVALID_ARG_VALUE` for a wrong option, and where a pool with the same labels is in the register already.
 */
export declare function instrument(pool: Pick<PagePool<unknown>, 'stats'>, options?: PrometheusOptions): () => void
