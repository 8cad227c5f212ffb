// Whether a page is there for whoever comes next.

import { HTTPError } from './failures.mjs';

const LOOK_MS = 1000;

/** Makes a function that resolves when a tab stands by or is idle, and rejects with an HTTPError else. */
export function readiness(pool) {
  let warmth = { ready: 0 };
  let asked;
  return async (isStopping) => {
    const headers = { 'retry-after': '1' };
    if (isStopping) throw new HTTPError(503, 'STOPPING', 'the server is stopping', { headers });
    const idle = Object.values(pool.getVacancySnapshot()).filter((each) => each.idle).length;
    // Asking also has the pool try again where it has given up.
    asked ??= pool.warmStandbys().then((found) => {
      warmth = found;
      asked = undefined;
    });
    let timer;
    await Promise.race([
      asked,
      new Promise((resolve) => {
        timer = setTimeout(resolve, LOOK_MS);
      }),
    ]);
    clearTimeout(timer);
    const { ready, lastError } = warmth;
    if (ready + idle > 0) return { status: 'ready', standbys: ready, idle };
    const why = lastError ? `no page is ready: ${lastError.message}` : 'no page is ready';
    throw new HTTPError(503, lastError?.code ?? 'NOT_READY', why, { headers });
  };
}
