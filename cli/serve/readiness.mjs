// Whether a page is there for whoever comes next.

import { HTTPError } from './failures.mjs';

/** Makes a function that returns how many tabs stand by or are idle, and throws an HTTPError where none is. */
export function readiness(pool) {
  let lastError;
  return (isStopping) => {
    const headers = { 'retry-after': '1' };
    if (isStopping) throw new HTTPError(503, 'STOPPING', 'the server is stopping', { headers });
    const { standbys, tabs } = pool.stats();
    if (standbys.ready + tabs.idle > 0) return { status: 'ready', standbys: standbys.ready, idle: tabs.idle };
    // Asking has the pool try again where it has given up; why that fails is known at the next question.
    pool.warmStandbys().then((warmth) => {
      ({ lastError } = warmth);
    });
    const why = lastError ? `no page is ready: ${lastError.message}` : 'no page is ready';
    throw new HTTPError(503, lastError?.code ?? 'NOT_READY', why, { headers });
  };
}
