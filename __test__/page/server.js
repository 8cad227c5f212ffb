'use strict';
// The local pages of the differential suite: one dependency-free HTTP server, every route by its query alone.

const http = require('node:http');
const zlib = require('node:zlib');

/** A PNG of one colour, so that image requests and screenshots need no files. */
function png(width = 1, height = 1, [red, green, blue] = [255, 0, 0]) {
  const crcTable = Array.from({ length: 256 }, (_, n) => {
    let c = n;
    for (let k = 0; k < 8; k++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
    return c >>> 0;
  });
  const chunk = (type, data) => {
    const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
    let crc = 0xffffffff;
    for (const byte of body) crc = crcTable[(crc ^ byte) & 255] ^ (crc >>> 8);
    const out = Buffer.alloc(body.length + 8);
    out.writeUInt32BE(data.length, 0);
    body.copy(out, 4);
    out.writeUInt32BE((crc ^ 0xffffffff) >>> 0, body.length + 4);
    return out;
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2, 0, 0, 0], 8);
  const row = Buffer.concat([Buffer.from([0]), Buffer.alloc(width * 3)]);
  for (let x = 0; x < width; x++) row.set([red, green, blue], 1 + x * 3);
  const pixels = Buffer.concat(Array.from({ length: height }, () => row));
  return Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    chunk('IHDR', header),
    chunk('IDAT', zlib.deflateSync(pixels)),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

const HTML = { 'content-type': 'text/html; charset=utf-8' };
const JSON_TYPE = { 'content-type': 'application/json' };

const routes = {
  '/': ({ reply }) => reply(200, HTML, '<!doctype html><title>Home</title><h1>Home</h1>'),
  /** `body` and `title` of the query as a page. */
  '/html': ({ query, reply }) =>
    reply(
      Number(query.get('status') ?? 200),
      { ...HTML, ...(query.has('csp') ? { 'content-security-policy': query.get('csp') } : {}) },
      `<!doctype html><title>${query.get('title') ?? ''}</title>${query.get('body') ?? ''}`,
    ),
  '/json': ({ query, reply }) => reply(200, JSON_TYPE, query.get('value') ?? '{"answer":42,"list":[1,null,"ü"]}'),
  '/text': ({ query, reply }) =>
    reply(200, { 'content-type': 'text/plain; charset=utf-8', 'x-kind': 'text' }, query.get('value') ?? 'plain text'),
  '/script.js': ({ query, reply }) => reply(200, { 'content-type': 'text/javascript' }, query.get('code') ?? ''),
  '/style.css': ({ query, reply }) =>
    reply(200, { 'content-type': 'text/css' }, query.get('css') ?? 'body { background: rgb(0, 128, 0) }'),
  '/pixel.png': ({ reply }) => reply(200, { 'content-type': 'image/png' }, png()),
  '/status': ({ query, reply }) => {
    const status = Number(query.get('code'));
    reply(status, HTML, status === 204 ? undefined : `<title>${status}</title>`);
  },
  /** `n` hops of 302 (or `code`), then `to`. */
  '/redirect': ({ query, reply }) => {
    const hops = Number(query.get('n') ?? 1);
    const to = query.get('to') ?? '/';
    const location = hops > 1 ? `/redirect?n=${hops - 1}&to=${encodeURIComponent(to)}` : to;
    reply(Number(query.get('code') ?? 302), { location }, '');
  },
  /** `first` at once, and `rest` when the gate `until` opens. */
  '/stream': ({ query, response, opened }) => {
    response.writeHead(200, { 'content-type': query.get('type') ?? 'text/plain', 'cache-control': 'no-store' });
    response.write(query.get('first') ?? '');
    void opened(query.get('until')).then(() => response.end(query.get('rest') ?? ''));
  },
  '/echo': ({ request, body, reply }) =>
    reply(200, JSON_TYPE, JSON.stringify({ method: request.method, body, headers: request.headers })),
  '/cookies/set': ({ query, reply }) => {
    reply(200, { ...HTML, 'set-cookie': [...query].map(([name, value]) => `${name}=${value}; Path=/`) }, 'set');
  },
  '/cookies': ({ request, reply }) => reply(200, JSON_TYPE, JSON.stringify(request.headers.cookie ?? '')),
  '/big': ({ query, reply }) =>
    reply(200, { 'content-type': 'text/plain' }, 'x'.repeat(1024 * Number(query.get('kb') ?? 1024))),
  '/destroy': ({ response }) => response.socket.destroy(),
  '/auth': ({ request, reply }) =>
    request.headers.authorization === `Basic ${Buffer.from('user:secret').toString('base64')}`
      ? reply(200, HTML, '<title>Welcome</title>')
      : reply(401, { ...HTML, 'www-authenticate': 'Basic realm="test"' }, '<title>Denied</title>'),
  '/cached': ({ query, reply }) =>
    reply(200, { ...HTML, 'cache-control': 'max-age=3600' }, `<title>${query.get('title') ?? 'cached'}</title>${query.get('body') ?? ''}`, true),
};

/** One server of one side: gates and the list of what was asked for are its own. */
class Server {
  #gates = new Map();
  #http;
  requests = [];

  static async start() {
    const server = new Server();
    await new Promise((resolve) => server.#http.listen(0, '127.0.0.1', resolve));
    server.port = server.#http.address().port;
    server.origin = `http://127.0.0.1:${server.port}`;
    // Another site for Chrome, so that its frames live in another process.
    server.crossOrigin = `http://localhost:${server.port}`;
    return server;
  }

  constructor() {
    this.#http = http.createServer((request, response) => void this.#serve(request, response));
    this.#http.keepAliveTimeout = 60_000;
  }

  async #serve(request, response) {
    const url = new URL(request.url, 'http://host');
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    this.requests.push(`${request.method} ${url.pathname}`);
    const gate = url.searchParams.get('gate');
    if (gate !== null) await this.#gate(gate).opened;
    const reply = (status, headers, body, cacheable = false) => {
      if (response.destroyed) return;
      response.writeHead(status, { ...(cacheable ? {} : { 'cache-control': 'no-store' }), ...headers });
      response.end(body);
    };
    const route = routes[url.pathname];
    if (!route) return reply(404, HTML, '<title>Not found</title>');
    const opened = (name) => this.#gate(name).opened;
    route({ request, opened, response, query: url.searchParams, body: Buffer.concat(chunks).toString(), reply });
  }

  #gate(name) {
    let gate = this.#gates.get(name);
    if (!gate) {
      gate = {};
      gate.opened = new Promise((resolve) => (gate.open = resolve));
      this.#gates.set(name, gate);
    }
    return gate;
  }

  /** Lets the requests with `gate=name` be answered. */
  open(name) {
    this.#gate(name).open();
  }

  /** Opens what is still shut, so that no scenario leaves a hanging request to the next one. */
  reset() {
    for (const gate of this.#gates.values()) gate.open();
    this.#gates.clear();
    this.requests = [];
  }

  url(path, query = {}, origin = this.origin) {
    const search = new URLSearchParams(query).toString();
    return `${origin}${path}${search ? `?${search}` : ''}`;
  }

  /** A page with this body. */
  html(body, query = {}, origin = this.origin) {
    return this.url('/html', { body, ...query }, origin);
  }

  async close() {
    this.reset();
    this.#http.closeAllConnections();
    await new Promise((resolve) => this.#http.close(resolve));
  }
}

module.exports = { Server, png };
