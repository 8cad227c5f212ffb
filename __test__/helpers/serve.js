'use strict';

// `pagepool serve` in a process of its own, and a site for it to render.

const http = require('node:http');
const QUnit = require('qunit');
const { findChrome } = require('./chrome.js');
const { Workplace } = require('./cli.js');
const { deferred } = require('./wait.js');

const LIMIT_MS = 120_000;

const page = (body) => `<!doctype html><title>page</title><link rel="icon" href="data:,"><body>${body}`;

const PAGES = {
  '/': () => page('<p id="made"></p><script>made.textContent = "made by a script"</script>'),
  '/loop': () => page('<p>loops<script>setTimeout(() => { for (;;); })</script>'),
  '/dialogs': () => page('<script>alert(1); document.body.append(`confirm says ${confirm(2)}`)</script>'),
  '/late': () => page('<script>setTimeout(() => { document.body.innerHTML = "<p id=late>late" }, 100)</script>'),
  '/fragment': () => page('<script>document.body.append(`fragment ${location.hash}`)</script>'),
  '/leads-on': () => page('<script>location.href = "/?led"</script>'),
  '/wide': () => page('<script>document.body.append(`${innerWidth} by ${innerHeight}`)</script>'),
  '/tall': () => page('<div style="height:2000px">'),
};

/**
 * A site of such pages. `/hang` never answers, `/status/404` does with that status, `/to?URL` leads there, `/gate` waits for
 * `site.open()`. `site.requests` are the paths that were asked for, `site.asked(path)` resolves when one is, and
 * `site.left(path)` when a connection that waits for an answer is closed.
 */
async function startSite() {
  const site = { requests: [], asks: new Map(), leaves: new Map(), gate: deferred(), pages: { ...PAGES } };
  const promiseOf = (map, path) => {
    if (!map.has(path)) map.set(path, deferred());
    return map.get(path);
  };
  site.asked = (path) => promiseOf(site.asks, path).promise;
  site.left = (path) => promiseOf(site.leaves, path).promise;
  site.open = () => site.gate.resolve();
  const server = http.createServer(async (request, response) => {
    const { pathname, search } = new URL(request.url, 'http://site');
    site.requests.push(request.url);
    promiseOf(site.asks, pathname).resolve();
    response.on('close', () => response.writableFinished || promiseOf(site.leaves, pathname).resolve());
    if (pathname === '/hang') return;
    if (pathname === '/gate') await site.gate.promise;
    if (pathname === '/to') {
      response.writeHead(302, { location: decodeURIComponent(search.slice(1)) }).end();
      return;
    }
    const [, status = 200] = /^\/status\/(\d+)$/.exec(pathname) ?? [];
    response.writeHead(Number(status), { 'content-type': 'text/html' });
    response.end((site.pages[pathname] ?? (() => page(`<p>${pathname}`)))());
  });
  await new Promise((resolve) => server.listen(0, resolve));
  site.port = server.address().port;
  site.url = `http://127.0.0.1:${site.port}`;
  site.stop = () => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  };
  return site;
}

/** Resolves with what `look` resolves with, once that is truthy. */
async function eventually(look, what, limitMs = 30_000) {
  const end = performance.now() + limitMs;
  for (;;) {
    const value = await look();
    if (value) return value;
    if (performance.now() > end) throw new Error(`never happened: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** A running `pagepool serve`. */
class Service {
  constructor(run, url) {
    this.run = run;
    this.url = url;
  }

  /** Asks it; resolves with status, headers, and the body as text, or as JSON where it is that. */
  async ask(path, { json, ...init } = {}) {
    const { body, headers } = json === undefined ? init : { body: JSON.stringify(json), headers: { 'content-type': 'application/json', ...init.headers } };
    const response = await fetch(this.url + path, { ...init, method: init.method ?? (body === undefined ? 'GET' : 'POST'), body, headers, redirect: 'manual' });
    const bytes = Buffer.from(await response.arrayBuffer());
    const isJSON = response.headers.get('content-type') === 'application/json';
    return { status: response.status, headers: response.headers, bytes, body: isJSON && bytes.length > 0 ? JSON.parse(bytes) : bytes.toString() };
  }

  /** Asks it with headers that `fetch` sends by itself; resolves with the status and what the body says. */
  raw(path, { method = 'GET', headers = {}, body } = {}) {
    return new Promise((resolve, reject) => {
      const request = http.request(this.url + path, { method, headers, agent: false }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk) => {
          text += chunk;
        });
        response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, text }));
        response.on('error', reject);
      });
      request.on('error', reject).end(body);
    });
  }
}

/** A QUnit module whose tests start servers; afterwards nothing of them is left. `kit.site` is a site to render. */
function serveModule(name, define) {
  QUnit.module(name, (hooks) => {
    const kit = {};
    hooks.beforeEach(async (assert) => {
      assert.timeout(LIMIT_MS);
      kit.place = new Workplace();
      kit.site = await startSite();
      /** Starts one on a free port, without waiting for it. */
      kit.run = (args = [], env = {}, bin = undefined) => kit.place.run(['serve', '--port', '0', ...args], { bin, env: { PUPPETEER_EXECUTABLE_PATH: findChrome(), ...env } });
      /** Starts one, and resolves when it serves. */
      kit.start = async (args, env, bin) => {
        const run = kit.run(args, env, bin);
        const [, url] = await run.says('stdout', /serves (http:\S+) /);
        return new Service(run, url.replace('0.0.0.0', '127.0.0.1'));
      };
    });
    hooks.afterEach(async (assert) => {
      // As an operator stops it; what does not end by that is killed, and is a fault of the test's.
      for (const { child } of kit.place.runs) child.kill('SIGTERM');
      await Promise.all(kit.place.runs.map((run) => run.ended().catch((error) => assert.true(false, error.message))));
      await kit.place.end(assert);
      await kit.site.stop();
    });
    define(kit, hooks);
  });
}

module.exports = { Service, eventually, serveModule };
