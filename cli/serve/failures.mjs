// What goes wrong, as a status and a code for whoever asked.

/** An answer that is no success; `headers` go with it. */
export class HTTPError extends Error {
  constructor(status, code, message, { field, headers = {}, cause } = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'HTTPError';
    this.status = status;
    this.code = code;
    this.headers = headers;
    if (field !== undefined) this.field = field;
  }

  /** What the client is sent. */
  get body() {
    const { code, message, field } = this;
    return { error: { code, message, ...(field === undefined ? {} : { field }) } };
  }
}

/** A field of a request that cannot be right. */
export const invalidField = (field, message) => new HTTPError(400, 'INVALID_FIELD', message, { field });

const later = (ms) => ({ 'retry-after': String(Math.max(1, Math.ceil((ms ?? 1000) / 1000))) });

/** Whether the pool or its browser could not serve a request that may well be in order. */
const UNAVAILABLE = new Set([
  'TOO_MANY_WAITING',
  'ACQUIRE_TIMEOUT',
  'STANDBY_UNAVAILABLE',
  'BROWSER_NOT_FOUND',
  'BROWSER_LAUNCH_FAILED',
  'BROWSER_DISCONNECTED',
  'POOL_CLOSED',
]);

/** The answer for an error of the pool or of a page. */
export function answerFor(error) {
  if (error instanceof HTTPError) return error;
  const { code, message = String(error) } = error ?? {};
  const answer = (status, as, text, headers) => new HTTPError(status, as, text, { headers, cause: error });
  if (UNAVAILABLE.has(code)) {
    const why = error.cause?.message ? `${message}: ${error.cause.message}` : message;
    return answer(503, code, why, later(error.retryAfterMs));
  }
  switch (code) {
    case 'PRERENDER_CANCELLED':
      return answer(503, 'STOPPING', 'the server is stopping', later());
    case 'TIMEOUT':
      return answer(504, 'TIMEOUT', message);
    case 'LEASE_TIMEOUT':
    case 'LEASE_REVOKED':
      return answer(504, 'TIMEOUT', 'the page did not answer any more');
    case 'PAGE_CRASHED':
    case 'PAGE_CLOSED':
      return answer(502, code, message);
    case 'ERR_INVALID_ARG_VALUE':
      return answer(400, 'INVALID_FIELD', message);
    case 'PROTOCOL_ERROR':
      if (/\bnet::ERR_/.test(message)) return answer(502, 'NAVIGATION_FAILED', message);
      if (/Page range/.test(message)) return answer(400, 'INVALID_FIELD', `pageRanges: ${message}`);
      return answer(502, 'PAGE_FAILED', message);
    default:
      return answer(500, 'INTERNAL', 'an error that nobody expected; the log of the server has it');
  }
}
