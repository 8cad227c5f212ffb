// The HTTP server: which path and method does what, and how it ends.

import { createServer } from 'node:http';
import { Server as NetServer } from 'node:net';

import { dashboard } from './dashboard.mjs';
import { answerFor, HTTPError, invalidField } from './failures.mjs';
import { asJSON, Feed } from './feed.mjs';
import { guard } from './guard.mjs';
import { health } from './health.mjs';
import { metrics } from './metrics.mjs';
import { readiness } from './readiness.mjs';
import { render } from './render.mjs';
import { readFields } from './requests.mjs';
import { checkTarget } from './targets.mjs';
import { tasks } from './tasks.mjs';

/** How long a client may take to send its request. */
const REQUEST_MS = 30_000;
/** How long the rest of a request is read that is refused already. */
const LINGER_MS = 2000;
/** How long what was called off may take to say so. */
const CALLED_OFF_MS = 5000;

const json = (body, status = 200) => ({
  status,
  headers: { 'content-type': 'application/json', 'cache-control': 'no-store' },
  body: `${asJSON(body)}\n`,
});

/** What is known of a render goes into headers, beside its body. */
function rendered({ type, body, status, url, reused, timing }) {
  const times = Object.entries(timing).map(([name, ms]) => `${name};dur=${ms.toFixed(1)}`);
  return {
    status: 200,
    headers: {
      'content-type': type,
      'cache-control': 'no-store',
      // A document of somebody else's: opened in a browser it gets neither scripts nor this server's origin.
      ...(type.startsWith('text/html') ? { 'content-security-policy': 'sandbox' } : {}),
      'x-content-type-options': 'nosniff',
      'pagepool-reused': String(reused),
      ...(status === undefined ? {} : { 'pagepool-status': String(status), 'pagepool-url': url }),
      'server-timing': times.join(', '),
    },
    body,
  };
}

const stoppingError = () =>
  new HTTPError(503, 'STOPPING', 'the server is stopping', { headers: { 'retry-after': '1' } });

/** The routes: by path, then by method, what to do; and who may. */
function routes({ pool, browserManager, feed, options, isStopping }) {
  const { timeoutMs, maxBody, allowHosts } = options;
  const taskRoutes = Object.entries(tasks({ timeoutMs, maxBody })).map(([path, { type, conflict, make }]) => {
    const run = async ({ request, query, signal }) => {
      if (isStopping())
        throw new HTTPError(503, 'STOPPING', 'the server is stopping', { headers: { 'retry-after': '1' } });
      const fields = await readFields(type, request, query, maxBody);
      const fault = conflict?.(fields);
      if (fault) throw invalidField(...fault);
      if (fields.url !== undefined) checkTarget(allowHosts, fields.url);
      return rendered(await render(pool, fields, { make, timeoutMs: fields.timeoutMs ?? timeoutMs, signal }));
    };
    return [path, { needsToken: true, methods: { GET: run, POST: run } }];
  });
  const ready = readiness(pool);
  const watch = async ({ request }) => {
    if (isStopping()) throw stoppingError();
    feed.admit();
    return request.method === 'HEAD'
      ? { status: 200, headers: { 'content-type': 'text/event-stream' }, body: '' }
      : { stream: (response) => feed.open(response) };
  };
  return new Map([
    ...taskRoutes,
    ['/stats', { needsToken: true, methods: { GET: async () => json(pool.stats()) } }],
    ['/metrics', { needsToken: true, methods: { GET: metrics(pool) } }],
    ['/events', { needsToken: true, methods: { GET: watch } }],
    // A link on another site's page may lead here.
    ['/dashboard', { needsToken: true, isOpenToSites: true, methods: { GET: async () => dashboard } }],
    [
      '/',
      {
        isOpenToSites: true,
        methods: { GET: async () => ({ status: 302, headers: { location: '/dashboard' }, body: '' }) },
      },
    ],
    ['/healthz', { isOpenToSites: true, methods: { GET: async () => json(await health(browserManager)) } }],
    ['/readyz', { isOpenToSites: true, methods: { GET: async () => json(ready(isStopping())) } }],
  ]);
}

/** Whether the rest of a request has come within its time; it is thrown away. */
function isRead(request) {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), LINGER_MS);
    request
      .once('close', () => resolve(false))
      .once('end', () => resolve(true))
      .resume();
    request.once('close', () => clearTimeout(timer)).once('end', () => clearTimeout(timer));
  });
}

/** HEAD is GET without a body, but where a page would be taken for it. */
function methodOf({ method }, { methods }) {
  return method === 'HEAD' && !methods.POST ? 'GET' : method;
}

function find(table, path, request) {
  const route = table.get(path);
  if (!route) {
    throw new HTTPError(404, 'NOT_FOUND', `there is no ${path}: there are ${[...table.keys()].join(', ')}`);
  }
  const method = methodOf(request, route);
  if (!Object.hasOwn(route.methods, method)) {
    const allow = Object.keys(route.methods).join(', ');
    throw new HTTPError(405, 'METHOD_NOT_ALLOWED', `${path} takes ${allow}, and not ${request.method}`, {
      headers: { allow },
    });
  }
  return { route, run: route.methods[method] };
}

/**
 * The server around a pool.
 *
 * @param {{ pool: object, browserManager: object, log: (line: string) => void, options: { host: string, timeoutMs: number,
 *   maxBody: number, token?: string, allowHosts?: string[] } }} parts
 * @returns the `server`, not listening yet, and `stop(graceMs)`, which resolves when nothing runs in it any more
 */
export function createService({ pool, browserManager, log, options }) {
  let stopping = false;
  const running = new Set();
  const isStopping = () => stopping;
  const feed = new Feed(pool, { version: options.version });
  const table = routes({ pool, browserManager, feed, options, isStopping });
  const mayAsk = guard(options);

  async function answer(request, signal) {
    try {
      // A request line may hold anything: only what it says behind the origin counts.
      const target = request.url.startsWith('/') ? `http://server${request.url}` : request.url;
      if (!URL.canParse(target)) throw new HTTPError(400, 'INVALID_URL', 'the path of the request is none');
      const { pathname, searchParams } = new URL(target);
      const { route, run } = find(table, pathname, request);
      mayAsk(request, route);
      return await run({ request, query: searchParams, signal });
    } catch (error) {
      const failure = answerFor(error);
      if (failure.status === 500 && !signal.aborted)
        log(`${request.method} ${request.url}: ${error?.stack ?? error}`);
      const { status, headers, body } = failure;
      const its = json(body, status);
      return { ...its, headers: { ...its.headers, ...headers } };
    }
  }

  async function send(request, response, { status, headers, body, stream }) {
    // A client that still sends may see its connection fail before it reads the answer: what it sends is read for a while.
    if (!request.complete && (request.destroyed || !(await isRead(request))))
      response.shouldKeepAlive = false;
    if (response.destroyed) return;
    if (stream) {
      stream(response);
      if (stopping) response.end();
      return;
    }
    if (stopping) response.shouldKeepAlive = false;
    response.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) });
    // Until it is on its way: what is ended before is cut off.
    await new Promise((resolve) => {
      response.once('close', resolve).end(request.method === 'HEAD' ? undefined : body, resolve);
    });
  }

  const server = createServer({ requestTimeout: REQUEST_MS }, (request, response) => {
    const controller = new AbortController();
    response.on('close', () => controller.abort('the client hung up'));
    // A client that goes away while it sends is heard of by the end of the answer.
    request.on('error', () => {});
    response.on('error', () => {});
    const its = { controller };
    running.add(its);
    its.done = answer(request, controller.signal)
      .then((reply) => send(request, response, reply))
      .catch((error) => {
        log(`${request.method} ${request.url}: ${error?.stack ?? error}`);
        response.destroy();
      })
      .finally(() => running.delete(its));
  });

  const settled = () => Promise.allSettled([...running].map(({ done }) => done));

  async function stop(graceMs) {
    stopping = true;
    feed.end();
    // Not `server.close()`: a connection that is being sent an answer counts as idle there, and is cut off.
    NetServer.prototype.close.call(server);
    const timers = [];
    const after = (ms) => new Promise((resolve) => timers.push(setTimeout(resolve, ms)));
    await Promise.race([settled(), after(graceMs)]);
    for (const { controller } of running) controller.abort('the server is stopping');
    await Promise.race([settled(), after(CALLED_OFF_MS)]);
    timers.forEach(clearTimeout);
    server.closeAllConnections();
  }

  return { server, stop };
}
