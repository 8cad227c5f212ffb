// `/metrics`: the pool's numbers and the process's for Prometheus, where prom-client is installed.

import { createRequire } from 'node:module';

import { HTTPError } from './failures.mjs';

const require = createRequire(import.meta.url);

function load() {
  try {
    return require('prom-client');
  } catch (cause) {
    if (cause.code !== 'MODULE_NOT_FOUND') throw cause;
    throw new HTTPError(501, 'PROM_CLIENT_MISSING', 'metrics need prom-client: npm install prom-client', {
      cause,
    });
  }
}

/** Makes a function that resolves with the answer of a scrape. Nothing is counted before the first one. */
export function metrics(pool) {
  let register;
  const begin = () => {
    const { Registry, collectDefaultMetrics } = load();
    const made = new Registry();
    collectDefaultMetrics({ register: made });
    require('../../prometheus.js').instrument(pool, { register: made });
    return made;
  };
  return async () => {
    register ??= begin();
    const body = await register.metrics();
    return {
      status: 200,
      headers: { 'content-type': register.contentType, 'cache-control': 'no-store' },
      body,
    };
  };
}
