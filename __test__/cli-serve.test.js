'use strict';

// `pagepool serve` as its clients and its operator meet it: in a process of its own, over HTTP, on a real Chrome.

const http = require('node:http');
const net = require('node:net');
const QUnit = require('qunit');
const { chromeTest } = require('./helpers/chrome.js');
const { eventually, serveModule } = require('./helpers/serve.js');
const { until, watch, within } = require('./helpers/wait.js');

/** The width and height that a PNG says it has. */
const sizeOfPNG = (bytes) => [bytes.readUInt32BE(16), bytes.readUInt32BE(20)];
const isPNG = (bytes) => bytes.subarray(0, 8).equals(Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'));

serveModule('pagepool serve: renders', (kit) => {
  chromeTest('a page with what its scripts have made, by GET and by POST, and the second time on the same page', async (assert) => {
    const { site } = kit;
    const service = await kit.start();
    const got = await service.ask(`/render?url=${site.url}/&affinity=acme`);
    assert.strictEqual(got.status, 200, got.body);
    assert.true(got.body.includes('<p id="made">made by a script</p>'), got.body);
    assert.strictEqual(got.headers.get('content-type'), 'text/html; charset=utf-8', 'it is HTML');
    assert.strictEqual(got.headers.get('pagepool-status'), '200', 'what the site answered');
    assert.strictEqual(got.headers.get('pagepool-reused'), 'false', 'a page that was nobody\'s');
    assert.strictEqual(got.headers.get('content-security-policy'), 'sandbox', 'opened in a browser it has no origin');
    const posted = await service.ask('/render', { json: { url: `${site.url}/`, affinity: 'acme' } });
    assert.strictEqual(posted.body, got.body, 'the same document');
    assert.strictEqual(posted.headers.get('pagepool-reused'), 'true', 'the tenant\'s page');
    const other = await service.ask('/render', { json: { url: `${site.url}/`, affinity: 'globex' } });
    assert.strictEqual(other.headers.get('pagepool-reused'), 'false', 'another tenant has another page');
  });

  chromeTest('whatever the site answers, with its status and address beside it', async (assert) => {
    const { site } = kit;
    const service = await kit.start();
    const missing = await service.ask(`/render?url=${site.url}/status/404&affinity=a`);
    assert.deepEqual([missing.status, missing.headers.get('pagepool-status')], [200, '404'], 'the page of a 404 is a page');
    assert.true(missing.body.includes('<p>/status/404'), missing.body);
    const moved = await service.ask(`/render?affinity=a&url=${encodeURIComponent(`${site.url}/to?/there`)}`);
    assert.deepEqual([moved.headers.get('pagepool-status'), moved.headers.get('pagepool-url')], ['200', `${site.url}/there`], 'where a redirect led to');
    const led = await service.ask('/render', { json: { url: `${site.url}/leads-on`, affinity: 'a', waitFor: '#made' } });
    assert.deepEqual([led.status, led.headers.get('pagepool-url')], [200, `${site.url}/?led`], 'where a script led to');
  });

  chromeTest('what is waited for', async (assert) => {
    const service = await kit.start();
    const late = await service.ask('/render', { json: { url: `${kit.site.url}/late`, affinity: 'a', waitFor: '#late' } });
    assert.true(late.body.includes('<p id="late">late'), late.body);
    const never = await service.ask('/render', { json: { url: `${kit.site.url}/late`, affinity: 'a', waitFor: '#never', timeoutMs: 5000 } });
    assert.deepEqual([never.status, never.body.error.code], [504, 'TIMEOUT'], 'what does not come');
    assert.true(never.body.error.message.includes('#never'), never.body.error.message);
    const again = await service.ask('/render', { json: { url: `${kit.site.url}/`, affinity: 'a' } });
    assert.deepEqual([again.status, again.headers.get('pagepool-reused')], [200, 'true'], 'the tenant keeps its page');
  });

  chromeTest('an address that differs in its fragment only is loaded again', async (assert) => {
    const service = await kit.start();
    for (const fragment of ['#one', '#two', '#two']) {
      const { body } = await service.ask('/render', { json: { url: `${kit.site.url}/fragment${fragment}`, affinity: 'a' } });
      assert.true(body.includes(`fragment ${fragment}`), `${fragment}: ${body}`);
    }
    assert.strictEqual(kit.site.requests.filter((path) => path === '/fragment').length, 3, 'three times from the site');
  });

  chromeTest('a page that opens dialogs', async (assert) => {
    const service = await kit.start();
    const { status, body } = await service.ask('/render', { json: { url: `${kit.site.url}/dialogs`, affinity: 'a', timeoutMs: 20_000 } });
    assert.strictEqual(status, 200, JSON.stringify(body));
    assert.true(body.includes('confirm says false'), body);
  });

  chromeTest('HTML that the client gives, in nobody\'s origin', async (assert) => {
    const service = await kit.start();
    await service.ask('/render', { json: { url: `${kit.site.url}/`, affinity: 'a' } });
    const html = '<p id=it></p><script>it.textContent = `origin ${origin} at ${location.href}`</script>';
    const { status, body, headers } = await service.ask('/render', { json: { html, affinity: 'a' } });
    assert.strictEqual(status, 200, JSON.stringify(body));
    assert.true(body.includes('<p id="it">origin null at about:blank</p>'), body);
    assert.strictEqual(headers.get('pagepool-status'), null, 'nobody was asked');
    const file = await service.ask('/render', { json: { html: '<iframe src="file:///etc/hostname"></iframe>', affinity: 'a' } });
    assert.strictEqual(file.status, 200, 'a frame with a file is a frame without');
  });

  chromeTest('PDFs, with the options that puppeteer has for them', async (assert) => {
    const service = await kit.start();
    const letter = await service.ask(`/pdf?url=${kit.site.url}/&affinity=a`);
    assert.strictEqual(letter.headers.get('content-type'), 'application/pdf', letter.body);
    assert.strictEqual(letter.bytes.subarray(0, 5).toString(), '%PDF-', 'a PDF');
    assert.true(/\/MediaBox \[0 0 612 792\]/.test(letter.bytes.toString('latin1')), 'letter is what puppeteer has by default');
    const a6 = await service.ask('/pdf', { json: { html: '<p>x', affinity: 'a', format: 'A6', landscape: true, margin: { top: '1cm' } } });
    const [, width, height] = /\/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]/.exec(a6.bytes.toString('latin1')) ?? [];
    assert.deepEqual([Math.round(width), Math.round(height)], [420, 298], 'A6 is 105 by 148 mm, and lies');
    const range = await service.ask('/pdf', { json: { html: '<p>x', affinity: 'a', pageRanges: '7' } });
    assert.deepEqual([range.status, range.body.error.code], [400, 'INVALID_FIELD'], 'a page that is not there');
  });

  chromeTest('screenshots, whose window does not stay with the page', async (assert) => {
    const service = await kit.start();
    const url = `${kit.site.url}/tall`;
    const viewport = { width: 320, height: 200 };
    const small = await service.ask('/screenshot', { json: { url, affinity: 'a', viewport } });
    assert.true(isPNG(small.bytes), small.body);
    assert.deepEqual(sizeOfPNG(small.bytes), [320, 200], 'the window that was asked for');
    const fine = await service.ask('/screenshot', { json: { url, affinity: 'a', viewport: { ...viewport, deviceScaleFactor: 2 } } });
    assert.deepEqual(sizeOfPNG(fine.bytes), [640, 400], 'two pixels for each');
    const plain = await service.ask(`/screenshot?url=${url}&affinity=a`);
    assert.deepEqual([plain.headers.get('pagepool-reused'), ...sizeOfPNG(plain.bytes)], ['true', 800, 600], 'the next one has the usual window');
    const full = await service.ask(`/screenshot?url=${url}&affinity=a&viewport.width=320&viewport.height=200&fullPage=true`);
    assert.true(sizeOfPNG(full.bytes)[1] >= 2000, `all of the page: ${sizeOfPNG(full.bytes)}`);
    const jpeg = await service.ask(`/screenshot?url=${url}&affinity=a&type=jpeg&quality=30`);
    assert.deepEqual([jpeg.headers.get('content-type'), jpeg.bytes.readUInt16BE(0)], ['image/jpeg', 0xffd8], 'a JPEG');
  });
});

serveModule('pagepool serve: what clients do wrong', (kit) => {
  const url = 'http://127.0.0.1/';
  const a = { affinity: 'a' };
  const WRONG = [
    ['null', '/render', { json: null }, 400, 'INVALID_FIELD', /must be an object.*is null/],
    ['an array', '/render', { json: [] }, 400, 'INVALID_FIELD', /must be an object/],
    ['text', '/render', { json: 'url' }, 400, 'INVALID_FIELD', /must be an object/],
    ['no JSON', '/render', { body: '{"url":', headers: { 'content-type': 'application/json' } }, 400, 'INVALID_JSON', /no JSON/],
    ['no UTF-8', '/render', { body: Buffer.from([0x22, 0xff, 0x22]), headers: { 'content-type': 'application/json' } }, 400, 'INVALID_JSON', /no JSON/],
    ['an empty body', '/render', { body: '', headers: { 'content-type': 'application/json' }, method: 'POST' }, 400, 'INVALID_JSON', /no JSON/],
    ['a form', '/render', { body: 'url=x', headers: { 'content-type': 'application/x-www-form-urlencoded' } }, 415, 'UNSUPPORTED_MEDIA_TYPE', /application\/json/],
    ['no tenant', '/render', { json: { url } }, 400, 'INVALID_FIELD', /affinity is missing/],
    ['an empty tenant', '/render', { json: { url, affinity: '' } }, 400, 'INVALID_FIELD', /affinity must be/],
    ['a tenant that is none', '/render', { json: { url, affinity: { toString: 1 } } }, 400, 'INVALID_FIELD', /affinity must be/],
    ['nothing to render', '/render', { json: a }, 400, 'INVALID_FIELD', /exactly one of url and html/],
    ['two things to render', '/render', { json: { ...a, url, html: '<p>' } }, 400, 'INVALID_FIELD', /exactly one of url and html/],
    ['null for a field', '/render', { json: { ...a, url: null } }, 400, 'INVALID_FIELD', /url must be a string.*is null/],
    ['a misspelt field', '/render', { json: { ...a, url, waitfor: 'p' } }, 400, 'INVALID_FIELD', /did you mean waitFor\?/],
    ['a field of all objects', '/render', { body: '{"__proto__":{},"affinity":"a"}', headers: { 'content-type': 'application/json' } }, 400, 'INVALID_FIELD', /no field "__proto__"/],
    ['a field of another task', '/render', { json: { ...a, url, format: 'a4' } }, 400, 'INVALID_FIELD', /no field "format"/],
    ['more time than there is', '/render', { json: { ...a, url, timeoutMs: 30_001 } }, 400, 'INVALID_FIELD', /timeoutMs must be an integer from 1 to 30000/],
    ['time as text', '/render', { json: { ...a, url, timeoutMs: '100' } }, 400, 'INVALID_FIELD', /timeoutMs must be/],
    ['half a window', '/screenshot', { json: { ...a, url, viewport: { width: 3 } } }, 400, 'INVALID_FIELD', /viewport\.height is missing/],
    ['a huge window', '/screenshot', { json: { ...a, url, viewport: { width: 1e9, height: 1 } } }, 400, 'INVALID_FIELD', /viewport\.width must be/],
    ['quality for a PNG', '/screenshot', { json: { ...a, url, quality: 3 } }, 400, 'INVALID_FIELD', /quality is not for png/],
    ['both cuts', '/screenshot', { json: { ...a, url, fullPage: true, clip: { x: 0, y: 0, width: 1, height: 1 } } }, 400, 'INVALID_FIELD', /only one of clip and fullPage/],
    ['paper that is none', '/pdf', { json: { ...a, url, format: 'b9' } }, 400, 'INVALID_FIELD', /format must be a paper size/],
    ['a margin that is none', '/pdf', { json: { ...a, url, margin: { left: '3 feet' } } }, 400, 'INVALID_FIELD', /margin\.left must be/],
    ['page ranges that are none', '/pdf', { json: { ...a, url, pageRanges: 'all' } }, 400, 'INVALID_FIELD', /pageRanges must be/],
    ['an address that is none', '/render', { json: { ...a, url: 'example.com' } }, 400, 'INVALID_URL', /absolute address/],
    ['a file', '/render', { json: { ...a, url: 'file:///etc/passwd' } }, 403, 'URL_NOT_ALLOWED', /http: or https:/],
    ['a page of Chrome\'s', '/pdf', { json: { ...a, url: 'chrome://version' } }, 403, 'URL_NOT_ALLOWED', /http: or https:/],
    ['a data URL', '/screenshot', { json: { ...a, url: 'data:text/html,x' } }, 403, 'URL_NOT_ALLOWED', /http: or https:/],
    ['a script', '/render', { json: { ...a, url: 'javascript:alert(1)' } }, 403, 'URL_NOT_ALLOWED', /http: or https:/],
    ['a source view', '/render', { json: { ...a, url: `view-source:${url}` } }, 403, 'URL_NOT_ALLOWED', /http: or https:/],
    ['a field twice', '/render?affinity=a&affinity=b&html=x', {}, 400, 'INVALID_FIELD', /affinity is there twice/],
    ['a field as text and as an object', '/screenshot?affinity=a&html=x&viewport=3&viewport.width=3', {}, 400, 'INVALID_FIELD', /viewport/],
    ['a field of all objects in a query', '/render?__proto__=x', {}, 400, 'INVALID_FIELD', /no field "__proto__"/],
    ['a query with a body', '/render?affinity=a', { json: { ...a, url } }, 400, 'INVALID_FIELD', /belong into its body/],
    ['number as a word', '/render?affinity=a&html=x&timeoutMs=soon', {}, 400, 'INVALID_FIELD', /timeoutMs must be/],
    ['another method', '/render', { method: 'DELETE' }, 405, 'METHOD_NOT_ALLOWED', /takes GET, POST, and not DELETE/],
    ['a path that is not there', '/rendr', {}, 404, 'NOT_FOUND', /no \/rendr: there are \/render/],
    ['a body that is too large', '/render', { json: { ...a, html: 'x'.repeat(6 << 20) } }, 413, 'BODY_TOO_LARGE', /larger than 1048576 bytes/],
    ['a selector that is none', '/render', { json: { ...a, html: '<p>', waitFor: 'p:::' } }, 400, 'INVALID_FIELD', /waitFor/],
  ];

  chromeTest('is answered with a status, a code and what to do, and never costs the tenant its page', async (assert) => {
    const service = await kit.start();
    await service.ask('/render', { json: { ...a, html: '<p>before' } });
    for (const [what, path, init, status, code, pattern] of WRONG) {
      const { body, status: got } = await service.ask(path, init);
      assert.deepEqual([got, body.error?.code], [status, code], `${what}: ${JSON.stringify(body)}`);
      assert.true(pattern.test(body.error?.message), `${what}: ${body.error?.message}`);
      assert.deepEqual(Object.keys(body), ['error'], `${what}: nothing else`);
    }
    const { headers } = await service.ask('/render', { json: { ...a, html: '<p>after' } });
    assert.strictEqual(headers.get('pagepool-reused'), 'true', 'the page of before');
    assert.strictEqual((await service.ask('/render', { method: 'PUT' })).headers.get('allow'), 'GET, POST', 'which methods there are');
    assert.strictEqual((await service.ask('/healthz', { method: 'HEAD' })).status, 200, 'HEAD is GET without a body');
    assert.strictEqual(service.run.stderr, '', 'none of it is for the operator');
  });

  chromeTest('a body without its length that is too large is not read to its end', async (assert) => {
    const service = await kit.start(['--max-body', '1000']);
    async function* chunks() {
      for (let i = 0; i < 40; i++) yield Buffer.alloc(1000, 0x20);
    }
    const { status, body } = await service.ask('/render', { body: chunks(), duplex: 'half', headers: { 'content-type': 'application/json' } });
    assert.deepEqual([status, body.error?.code], [413, 'BODY_TOO_LARGE'], JSON.stringify(body));
  });

  chromeTest('a site that is not there is a 502, and the tenant keeps its page', async (assert) => {
    const service = await kit.start();
    const { site } = kit;
    for (const [target, pattern] of [
      ['http://nowhere.invalid/', /ERR_NAME_NOT_RESOLVED|ERR_INTERNET_DISCONNECTED|ERR_TUNNEL|ERR_PROXY/],
      ['http://127.0.0.1:9/', /ERR_UNSAFE_PORT|ERR_CONNECTION_REFUSED/],
    ]) {
      const { status, body } = await service.ask('/render', { json: { ...a, url: target } });
      assert.deepEqual([status, body.error?.code], [502, 'NAVIGATION_FAILED'], JSON.stringify(body));
      assert.true(pattern.test(body.error.message), body.error.message);
    }
    const { headers } = await service.ask('/render', { json: { ...a, url: `${site.url}/` } });
    assert.strictEqual(headers.get('pagepool-reused'), 'true', 'the tenant keeps its page');
  });
});

serveModule('pagepool serve: too long, too many, gone', (kit) => {
  chromeTest('a render that does not end is a 504, and its tenant is served again', async (assert) => {
    const service = await kit.start(['--max-pages', '1', '--timeout', '2000']);
    for (const path of ['/hang', '/loop']) {
      const { status, body } = await service.ask('/render', { json: { url: kit.site.url + path, affinity: 'a', waitFor: '#never' } });
      assert.deepEqual([status, body.error?.code], [504, 'TIMEOUT'], `${path}: ${JSON.stringify(body)}`);
      const after = await eventually(async () => {
        const next = await service.ask('/render', { json: { url: `${kit.site.url}/`, affinity: 'a' } });
        return next.status === 200 && next;
      }, `a render after ${path}`, 30_000);
      assert.true(after.body.includes('made by a script'), `${path}: ${after.body}`);
    }
  });

  chromeTest('a client that hangs up ends its render, and what that was loading', async (assert) => {
    const service = await kit.start(['--max-pages', '1']);
    const controller = new AbortController();
    const asked = watch(service.ask('/render', { json: { url: `${kit.site.url}/hang`, affinity: 'a' }, signal: controller.signal }));
    await within(kit.site.asked('/hang'), 'the site is asked', 30_000);
    controller.abort();
    await within(kit.site.left('/hang'), 'Chrome has let go of the site', 15_000);
    await asked.settled;
    const next = await service.ask('/render', { json: { url: `${kit.site.url}/`, affinity: 'a' } });
    assert.deepEqual([next.status, next.headers.get('pagepool-reused')], [200, 'true'], 'the tenant keeps its page');
    assert.strictEqual(service.run.stderr, '', 'nothing is wrong with the server');
  });

  chromeTest('one too many that waits is told when to come again', async (assert) => {
    const service = await kit.start(['--max-pages', '1', '--max-waiting', '1']);
    const render = (path, affinity) => service.ask('/render', { json: { url: kit.site.url + path, affinity } });
    const first = render('/gate', 'a');
    await within(kit.site.asked('/gate'), 'the first is under way', 30_000);
    const waiting = [watch(render('/', 'a')), watch(render('/', 'a'))];
    const refused = await within(Promise.race(waiting.map(({ promise }) => promise)), 'one of two is refused', 20_000);
    assert.deepEqual([refused.status, refused.body.error?.code], [503, 'TOO_MANY_WAITING'], JSON.stringify(refused.body));
    assert.true(/^[1-9]\d*$/.test(refused.headers.get('retry-after')), `Retry-After: ${refused.headers.get('retry-after')}`);
    kit.site.open();
    assert.strictEqual((await first).status, 200, 'the first is served');
    await Promise.all(waiting.map(({ settled }) => settled));
    assert.deepEqual(waiting.map(({ value }) => value?.status).sort(), [200, 503], 'and the one that waited');
  });
});

serveModule('pagepool serve: who may ask for what', (kit) => {
  chromeTest('with a token only who has it, as a bearer or as a password', async (assert) => {
    const service = await kit.start([], { PAGEPOOL_TOKEN: 's3cret' });
    const ask = (authorization) => service.ask('/render?html=x&affinity=a', { headers: authorization ? { authorization } : {} });
    const basic = (text) => `Basic ${Buffer.from(text).toString('base64')}`;
    for (const wrong of [undefined, 'Bearer s3cre', 'Bearer s3crett', 'Bearer', basic('s3cret:'), basic(':wrong'), 'Digest s3cret']) {
      const { status, body, headers } = await ask(wrong);
      assert.deepEqual([status, body.error?.code], [401, 'UNAUTHORIZED'], `${wrong}: ${JSON.stringify(body)}`);
      assert.true(headers.get('www-authenticate').includes('Bearer'), 'what is asked for');
    }
    for (const right of ['Bearer s3cret', 'bearer s3cret', basic('anybody:s3cret'), basic(':s3cret')]) {
      assert.strictEqual((await ask(right)).status, 200, right);
    }
    for (const path of ['/healthz', '/readyz']) {
      assert.strictEqual((await service.ask(path)).status, 200, `${path} is for whoever looks after the process`);
    }
    const proxied = await service.raw('/render?html=x&affinity=a', { headers: { host: 'pages.example', authorization: 'Bearer s3cret' } });
    assert.strictEqual(proxied.status, 200, 'a proxy may hand its own name on');
  });

  chromeTest('Chrome reaches the allowed hosts only, whoever names another', async (assert) => {
    const service = await kit.start(['--allow-host', '127.0.0.1', '--allow-host', '*.example.com']);
    const { site } = kit;
    const elsewhere = `http://localhost:${site.port}`;
    const ask = (target) => service.ask('/render', { json: { affinity: 'a', ...target } });
    assert.strictEqual((await ask({ url: `${site.url}/` })).status, 200, 'an allowed host');
    for (const url of [`${elsewhere}/named`, `http://[::1]:${site.port}/named`, 'http://example.com/named', 'http://example.com.evil.test/named']) {
      const { status, body } = await ask({ url });
      assert.deepEqual([status, body.error?.code], [403, 'URL_NOT_ALLOWED'], `${url}: ${JSON.stringify(body)}`);
    }
    const led = await ask({ url: `${site.url}/to?${encodeURIComponent(`${elsewhere}/led`)}` });
    assert.deepEqual([led.status, led.body.error?.code], [502, 'NAVIGATION_FAILED'], `a redirect: ${JSON.stringify(led.body)}`);
    const html = `<img src="${elsewhere}/image"><iframe src="${elsewhere}/frame"></iframe><img src="http://127.0.0.2:${site.port}/address">
      <script>fetch("${elsewhere}/fetched", { mode: "no-cors" }).catch(() => "failed").then((it) => { document.body.innerHTML = "<p id=over>" + it })</script>`;
    const asked = await ask({ html, waitFor: '#over' });
    assert.true(asked.body.includes('<p id="over">failed'), `a script: ${asked.body}`);
    assert.deepEqual(site.requests.filter((path) => /named|led$|image|frame|fetched|address/.test(path)).filter((path) => !path.startsWith('/to')), [], 'nothing has reached the site by another name');
  });

  chromeTest('pages of other sites may not ask, nor a name that points here', async (assert) => {
    const service = await kit.start();
    const task = '/render?html=x&affinity=a';
    const { port } = new URL(service.url);
    for (const headers of [{ 'sec-fetch-site': 'cross-site' }, { 'sec-fetch-site': 'same-site' }]) {
      const { status, text } = await service.raw(task, { headers });
      assert.deepEqual([status, JSON.parse(text).error.code], [403, 'CROSS_SITE'], JSON.stringify(headers));
    }
    const named = await service.raw(task, { headers: { host: `rebound.example:${port}` } });
    assert.deepEqual([named.status, JSON.parse(named.text).error.code], [403, 'HOST_NOT_ALLOWED'], 'a name of a stranger\'s');
    for (const headers of [{ host: `localhost:${port}` }, { 'sec-fetch-site': 'same-origin' }, { 'sec-fetch-site': 'none' }]) {
      assert.strictEqual((await service.raw(task, { headers })).status, 200, JSON.stringify(headers));
    }
    // A page that is rendered tries, in the real Chrome.
    const html = `<script>fetch("${service.url}/render?html=x&affinity=b").catch(() => "refused").then((it) => { document.body.innerHTML = "<p id=over>" + it })</script>`;
    const { body } = await service.ask('/render', { json: { html, affinity: 'a', waitFor: '#over' } });
    assert.true(body.includes('<p id="over">refused'), body);
  });
});

serveModule('pagepool serve: its life', (kit) => {
  chromeTest('a signal has it finish what runs and take nothing new, and leaves no Chrome', async (assert) => {
    const service = await kit.start();
    const under = service.ask('/render', { json: { url: `${kit.site.url}/gate`, affinity: 'a' } });
    await within(kit.site.asked('/gate'), 'a render is under way', 30_000);
    const { port } = new URL(service.url);
    // A connection that is there already, on which nothing was asked yet.
    const socket = net.connect(Number(port), '127.0.0.1');
    await new Promise((resolve) => socket.once('connect', resolve));
    let said = '';
    socket.setEncoding('latin1').on('data', (chunk) => {
      said += chunk;
    });
    // Its turn in the server's queue of connections comes before the signal is told of.
    await service.ask('/healthz');
    service.run.child.kill('SIGTERM');
    await service.run.says('stdout', /SIGTERM: finishing/);
    socket.write(`GET /readyz HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\n\r\n`);
    await until(() => said.includes('\r\n\r\n{'), 'an answer on the old connection');
    assert.true(/^HTTP\/1\.1 503 [^]*"STOPPING"/.test(said), said);
    await assert.rejects(service.raw('/healthz'), /ECONNREFUSED/, 'nobody new is let in');
    assert.strictEqual(service.run.code, undefined, 'it waits for the render');
    kit.site.open();
    assert.strictEqual((await under).status, 200, 'the render that was under way is answered');
    await service.run.ended();
    assert.deepEqual([service.run.code, service.run.stderr], [0, ''], 'status 0');
  });

  chromeTest('a client that reads slowly has all of its answer before the server ends', async (assert) => {
    const service = await kit.start();
    const size = 24 << 20;
    kit.site.pages['/large'] = () => `<!doctype html><body><script>document.body.append(document.createComment('x'.repeat(${size})))</script>`;
    const response = await new Promise((resolve, reject) => {
      http.get(`${service.url}/render?url=${kit.site.url}/large&affinity=a`, { agent: false }, resolve).on('error', reject);
    });
    // Nothing is read yet: most of it is still the server's.
    service.run.child.kill('SIGTERM');
    await service.run.says('stdout', /SIGTERM: finishing/);
    let read = 0;
    for await (const chunk of response) read += chunk.length;
    assert.strictEqual(read, Number(response.headers['content-length']), 'as many bytes as were announced');
    assert.true(read > size, `all of the page: ${read}`);
    await service.run.ended();
    assert.strictEqual(service.run.code, 0, service.run.stderr);
  });

  chromeTest('a render that does not end holds it up for --grace only', async (assert) => {
    const service = await kit.start(['--grace', '300']);
    const under = service.ask('/render', { json: { url: `${kit.site.url}/hang`, affinity: 'a' } });
    await within(kit.site.asked('/hang'), 'a render is under way', 30_000);
    service.run.child.kill('SIGINT');
    const { status, body } = await within(under, 'an answer', 20_000);
    assert.deepEqual([status, body.error?.code], [503, 'STOPPING'], JSON.stringify(body));
    await service.run.ended();
    assert.strictEqual(service.run.code, 0, service.run.stderr);
  });

  chromeTest('a second signal ends it at once, and still leaves no Chrome', async (assert) => {
    const service = await kit.start();
    const under = watch(service.ask('/render', { json: { url: `${kit.site.url}/hang`, affinity: 'a' } }));
    await within(kit.site.asked('/hang'), 'a render is under way', 30_000);
    service.run.child.kill('SIGTERM');
    await service.run.says('stdout', /SIGTERM: finishing/);
    service.run.child.kill('SIGTERM');
    await service.run.ended();
    assert.strictEqual(service.run.code, 143, 'as a signal ends a process');
    await under.settled;
    assert.strictEqual(under.state, 'rejected', 'nobody is told a lie');
  });

  chromeTest('a Chrome that was killed is another one at the next look', async (assert) => {
    const service = await kit.start();
    const before = (await service.ask('/healthz')).body;
    assert.deepEqual([before.status, /^\w+\/\d+\.\d+/.test(before.browser.version)], ['ok', true], JSON.stringify(before));
    process.kill(before.browser.pid, 'SIGKILL');
    const after = await eventually(async () => {
      const { status, body } = await service.ask('/healthz');
      return status === 200 && body.browser.pid !== before.browser.pid && body;
    }, 'another Chrome', 30_000);
    assert.true(after.browser.pid > 0, JSON.stringify(after));
    const { status } = await service.ask('/render', { json: { html: '<p>x', affinity: 'a' } });
    assert.strictEqual(status, 200, 'it renders');
  });

  chromeTest('it is ready when a page is: once the app answers that pages stand by on', async (assert) => {
    const service = await kit.start(['--standby-url', `${kit.site.url}/to?${encodeURIComponent('/gate')}`]);
    const { status, body } = await service.ask('/readyz');
    assert.deepEqual([status, body.error?.code], [503, 'NOT_READY'], JSON.stringify(body));
    kit.site.open();
    const ready = await eventually(async () => {
      const answer = await service.ask('/readyz');
      return answer.status === 200 && answer.body;
    }, 'a page stands by', 30_000);
    assert.strictEqual(ready.status, 'ready', JSON.stringify(ready));
  });

  chromeTest('a port that is taken is said to be, and no Chrome is left', async (assert) => {
    const run = kit.run(['--port', String(kit.site.port)]);
    await run.ended();
    assert.deepEqual([run.code, run.stdout], [1, ''], 'status 1');
    assert.strictEqual(run.stderr, `pagepool serve: something listens on port ${kit.site.port} of 127.0.0.1 already: --port names another, and 0 any that is free\n`, 'in a line');
  });

  QUnit.test('without a Chrome it says so, and where to look further', async (assert) => {
    const run = kit.run([], { PUPPETEER_EXECUTABLE_PATH: '/nowhere/chrome' });
    await run.ended();
    assert.deepEqual([run.code, run.stdout], [1, ''], 'status 1');
    assert.true(/^pagepool serve: .*\/nowhere\/chrome.*\n"npx pagepool doctor"/.test(run.stderr), run.stderr);
    assert.false(/ at .*\.m?js/.test(run.stderr), 'without a stack');
  });

  QUnit.test('an address that is not this machine\'s is said to be none', async (assert) => {
    const run = kit.run(['--host', '192.0.2.1']);
    await run.ended();
    assert.strictEqual(run.code, 1, 'status 1');
    assert.true(/^pagepool serve: --host 192\.0\.2\.1 is no address of this machine \(EADDRNOTAVAIL\)\n$/.test(run.stderr), run.stderr);
  });

  chromeTest('whoever lets everybody in is warned', async (assert) => {
    const service = await kit.start(['--host', '0.0.0.0']);
    await service.run.says('stderr', /whoever reaches 0\.0\.0\.0 can use this server: --token/);
    const { status } = await service.raw('/render?html=x&affinity=a', { headers: { host: 'pages.example' } });
    assert.strictEqual(status, 200, 'by any name');
  });

  for (const [args, env, pattern] of [
    [['--port', '70000'], {}, /--port takes a whole number from 0 to 65535, and not '70000'/],
    [[], { PAGEPOOL_MAX_PAGES: 'many' }, /PAGEPOOL_MAX_PAGES takes a whole number from 1 to 10000, and not 'many'/],
    [['--max-pages', '2', '--min-pages', '3'], {}, /--min-pages takes at most as many as --max-pages, 2, and not '3'/],
    [['--standby-url', 'app'], {}, /--standby-url takes an absolute address/],
    [['--allow-host', 'http://example.com'], {}, /--allow-host takes a host without a port, such as/],
    [['--allow-host', 'a.example , EXCLUDE *'], {}, /--allow-host takes a host/],
    [[], { PAGEPOOL_ALLOW_HOST: 'example.com,*' }, /PAGEPOOL_ALLOW_HOST takes a host without a port, such as [^']*'\*'/],
    [['--allow-host', 'example.com', '--standby-url', 'http://app.example/'], {}, /--standby-url takes an address on a host of --allow-host/],
    [['--allow-host', 'example.com'], { PUPPETEER_CHROME_ARGS: '--no-zygote --proxy-server=proxy:3128' }, /--allow-host cannot hold with --proxy-server/],
    [['--token', 'two words'], {}, /--token takes printable ASCII characters without spaces/],
    [['--ports', '3'], {}, /Unknown option '--ports'/],
  ]) {
    QUnit.test(`pagepool serve ${[...Object.entries(env).map((pair) => pair.join('=')), ...args].join(' ')} ends with 2`, async (assert) => {
      const run = kit.run(args, env);
      await run.ended();
      assert.strictEqual(run.code, 2, run.stdout + run.stderr);
      assert.true(pattern.test(run.stderr), run.stderr);
      assert.true(/--max-body BYTES/.test(run.stderr), 'with the help');
      assert.false(/two words/.test(run.stderr), 'a token that was meant is not repeated');
    });
  }
});
