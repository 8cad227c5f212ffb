'use strict';

const { differential, scenario } = require('./harness.js');

/** What a caller reads of a response. */
const facts = (response) =>
  response && {
    status: response.status(),
    ok: response.ok(),
    url: response.url(),
    text: response.statusText(),
    type: response.headers()['content-type'],
    cached: response.fromCache(),
  };

const milestones = { domcontentloaded: true, load: true, framenavigated: (frame) => frame.url() };

const WAITS = ['load', 'domcontentloaded', 'networkidle0', 'networkidle2'];

differential('navigation', [
  scenario('redirectChain is the same for each request of the chain', async ({ page, server }) => {
    const response = await page.goto(server.url('/redirect', { n: 3, to: '/text' }));
    const chain = response.request().redirectChain();
    return chain.map((request, index) => [request.redirectChain().indexOf(request) === index, request.redirectChain().length]);
  }),
  scenario('a body can be read again, after the page is elsewhere', async ({ page, server }) => {
    const response = await page.goto(server.url('/text', { value: 'kept' }));
    const first = await response.text();
    await page.goto(server.url('/'));
    return [first, await response.text(), (await response.buffer()).length];
  }),
  scenario('the text of a body that is no UTF-8', async ({ page, attempt }) => {
    await page.setRequestInterception(true);
    page.on('request', (request) => request.respond({ contentType: 'text/html', body: Buffer.from([0x41, 0xff, 0xfe]) }));
    const response = await page.goto('http://host.test/bytes.html');
    return [await attempt(response.text()), [...(await response.buffer())]];
  }),
  scenario('the text of a body with a byte order mark', async ({ page, server }) => {
    const response = await page.goto(server.url('/text', { value: '\ufeffmarked' }));
    return (await response.text()).length;
  }),
  scenario('a new page is about:blank', async ({ page }) => [page.url(), await page.title(), await page.content()]),
  scenario('goto answers with the response', async ({ page, server }) => facts(await page.goto(server.url('/')))),
  scenario('goto sets url, title and content', async ({ page, server }) => {
    await page.goto(server.html('<p>body</p>', { title: 'Title' }));
    return [page.url(), await page.title(), await page.content()];
  }),
  ...WAITS.map((waitUntil) =>
    scenario(`goto waits until ${waitUntil}`, async ({ page, server }) =>
      facts(await page.goto(server.html('<img src="/pixel.png">'), { waitUntil })),
    ),
  ),
  scenario('goto waits until each of a list', async ({ page, server }) =>
    facts(await page.goto(server.url('/'), { waitUntil: ['domcontentloaded', 'load', 'networkidle0'] })),
  ),
  scenario('goto refuses an unknown waitUntil', ({ page, server }) => page.goto(server.url('/'), { waitUntil: 'never' })),
  scenario('goto refuses the old name networkidle', ({ page, server }) => page.goto(server.url('/'), { waitUntil: 'networkidle' })),
  scenario('domcontentloaded does not wait for an image', async ({ page, server, note }) => {
    page.once('load', () => note('load'));
    const response = await page.goto(server.html('<img src="/pixel.png?gate=image">'), { waitUntil: 'domcontentloaded' });
    note('resolved');
    const loaded = new Promise((resolve) => page.once('load', resolve));
    server.open('image');
    await loaded;
    return facts(response);
  }),
  scenario('load waits for an image', async ({ page, server, note }) => {
    const loaded = page.goto(server.html('<img src="/pixel.png?gate=image">')).then(() => note('resolved'));
    await page.waitForRequest((request) => request.url().includes('?gate'));
    note('image asked for');
    server.open('image');
    await loaded;
  }),
  scenario('networkidle0 waits for a fetch', async ({ page, server, note }) => {
    const body = '<script>fetch("/text?gate=fetch").then((r) => r.text()).then(() => (document.title = "fetched"))</script>';
    const idle = page.goto(server.html(body), { waitUntil: 'networkidle0' }).then(() => note('resolved'));
    await page.waitForRequest((request) => request.url().includes('?gate'));
    note('fetch sent');
    server.open('fetch');
    await idle;
    return page.title();
  }),
  scenario('networkidle2 lets two requests hang', async ({ page, server }) => {
    const body = '<script>fetch("/text?gate=a").catch(() => 0); fetch("/text?gate=b").catch(() => 0);</script>';
    return facts(await page.goto(server.html(body), { waitUntil: 'networkidle2' }));
  }),
  ...[404, 500, 503].map((code) =>
    scenario(`goto resolves on ${code}`, async ({ page, server }) => facts(await page.goto(server.url('/status', { code })))),
  ),
  scenario('goto of 204 rejects', ({ page, server }) => page.goto(server.url('/status', { code: 204 }))),
  scenario('goto follows a redirect', async ({ page, server }) => facts(await page.goto(server.url('/redirect', { n: 2 })))),
  scenario('the redirect chain is on the request', async ({ page, server }) => {
    const response = await page.goto(server.url('/redirect', { n: 3 }));
    return response
      .request()
      .redirectChain()
      .map((request) => [request.url(), request.response().status(), request.response().headers().location]);
  }),
  ...[301, 303, 307, 308].map((code) =>
    scenario(`goto follows a ${code}`, async ({ page, server }) => {
      const response = await page.goto(server.url('/redirect', { code }));
      return [facts(response), response.request().redirectChain().length];
    }),
  ),
  scenario('goto of an endless redirect rejects', ({ page, server }) => {
    const self = server.url('/redirect', { to: '/redirect?to=/redirect' });
    return page.goto(server.url('/redirect', { n: 50, to: self }));
  }),
  scenario('goto of a destroyed connection rejects', ({ page, server }) => page.goto(server.url('/destroy'))),
  scenario('goto of an unsafe port rejects', ({ page }) => page.goto('http://127.0.0.1:1/')),
  scenario('goto of a closed port rejects', ({ page }) => page.goto('http://127.0.0.1:49151/')),
  scenario('goto of a name that does not resolve rejects', async ({ page, attempt }) => {
    const { threw } = await attempt(page.goto('http://nothing.invalid/'));
    return threw.replace(/net::\S+/, 'net::…');
  }),
  scenario('goto of an invalid address rejects', ({ page }) => page.goto('not an address')),
  scenario('goto of an address without scheme rejects', ({ page }) => page.goto('example.com')),
  scenario('goto of an empty address rejects', ({ page }) => page.goto('')),
  scenario('goto of https where http is served rejects', async ({ page, server }) =>
    page.goto(server.url('/').replace('http:', 'https:')),
  ),
  scenario('goto about:blank answers null', async ({ page }) => facts(await page.goto('about:blank'))),
  scenario('goto a data address', async ({ page }) => facts(await page.goto('data:text/html,<title>data</title>'))),
  scenario('goto the same document answers null', async ({ page, server }) => {
    await page.goto(server.url('/'));
    return [facts(await page.goto(`${server.url('/')}#there`)), page.url()];
  }),
  scenario('goto the same document again answers null again', async ({ page, server }) => {
    await page.goto(`${server.url('/')}#there`);
    return [facts(await page.goto(`${server.url('/')}#there`)), page.url()];
  }),
  scenario('goto times out', ({ page, server }) => page.goto(server.url('/', { gate: 'never' }), { timeout: 50 })),
  scenario('goto times out while an image hangs', ({ page, server }) =>
    page.goto(server.html('<img src="/pixel.png?gate=never">'), { timeout: 300 }),
  ),
  scenario('goto times out by setDefaultNavigationTimeout', ({ page, server }) => {
    page.setDefaultNavigationTimeout(40);
    return page.goto(server.url('/', { gate: 'never' }));
  }),
  scenario('goto times out by setDefaultTimeout', ({ page, server }) => {
    page.setDefaultTimeout(41);
    return page.goto(server.url('/', { gate: 'never' }));
  }),
  scenario('setDefaultNavigationTimeout goes before setDefaultTimeout', ({ page, server }) => {
    page.setDefaultTimeout(5000);
    page.setDefaultNavigationTimeout(42);
    return page.goto(server.url('/', { gate: 'never' }));
  }),
  scenario('getDefaultTimeout and getDefaultNavigationTimeout', ({ page }) => {
    const before = [page.getDefaultTimeout(), page.getDefaultNavigationTimeout()];
    page.setDefaultTimeout(5);
    page.setDefaultNavigationTimeout(6);
    return [before, page.getDefaultTimeout(), page.getDefaultNavigationTimeout()];
  }),
  scenario('a timed out goto leaves the page usable', async ({ page, server, attempt }) => {
    const first = await attempt(page.goto(server.url('/', { gate: 'never' }), { timeout: 50 }));
    return [first, facts(await page.goto(server.url('/')))];
  }),
  scenario('a second goto cuts the first off', async ({ page, server, attempt }) => {
    const first = attempt(page.goto(server.url('/', { gate: 'never' })));
    await page.waitForRequest((request) => request.url().includes('?gate'));
    const second = await page.goto(server.url('/text'));
    return [await first, facts(second)];
  }),
  scenario('goto sends the referer', async ({ page, server }) => {
    const response = await page.goto(server.url('/echo'), { referer: 'http://elsewhere.test/' });
    return (await response.json()).headers.referer;
  }),
  scenario('goto reports its milestones in order', async ({ page, server, record, note }) => {
    record(page, { ...milestones, request: (r) => r.url(), response: (r) => r.status() });
    await page.goto(server.url('/'));
    note('resolved');
  }),
  scenario('goto of another site works', async ({ page, server }) => {
    await page.goto(server.url('/'));
    return facts(await page.goto(server.url('/text', {}, server.crossOrigin)));
  }),
  scenario('a page that redirects itself by script', async ({ page, server }) => {
    await page.goto(server.html('<script>location.replace("/text?value=after")</script>'), { waitUntil: 'networkidle0' });
    return [page.url(), await page.evaluate(() => document.body.innerText)];
  }),
  scenario('a meta refresh', async ({ page, server }) => {
    const arrived = page.waitForResponse((response) => response.url().includes('/text'));
    await page.goto(server.html('<meta http-equiv="refresh" content="0; url=/text">'), { waitUntil: 'domcontentloaded' });
    return facts(await arrived);
  }),

  scenario('text, json and buffer of a response', async ({ page, server }) => {
    const response = await page.goto(server.url('/json'));
    const buffer = await response.buffer();
    return [await response.text(), await response.json(), buffer.length, buffer instanceof Uint8Array];
  }),
  scenario('text of a response twice', async ({ page, server }) => {
    const response = await page.goto(server.url('/text'));
    return [await response.text(), await response.text()];
  }),
  scenario('json of what is none rejects', async ({ page, server }) => {
    const response = await page.goto(server.url('/text'));
    return response.json();
  }),
  scenario('text of a redirect rejects', async ({ page, server }) => {
    const response = await page.goto(server.url('/redirect'));
    return response.request().redirectChain()[0].response().text();
  }),
  scenario('content of a binary response', async ({ page, server }) => {
    const response = await page.goto(server.url('/pixel.png'));
    const content = await response.content();
    return [content.constructor.name, [...content.slice(0, 4)]];
  }),
  scenario('headers of a response are in lower case', async ({ page, server }) => {
    const headers = (await page.goto(server.url('/text'))).headers();
    return [headers['x-kind'], headers['cache-control'], Object.keys(headers).every((key) => key === key.toLowerCase())];
  }),
  scenario('repeated headers of a response', async ({ page, server }) =>
    (await page.goto(server.url('/cookies/set', { a: 1, b: 2 }))).headers()['set-cookie'],
    { ownContext: true },
  ),
  scenario('request of a response', async ({ page, server }) => {
    const response = await page.goto(server.url('/'));
    const request = response.request();
    return [request.method(), request.url(), request.resourceType(), request.isNavigationRequest(), request.response() === response];
  }),
  scenario('frame of a response', async ({ page, server }) => (await page.goto(server.url('/'))).frame() === page.mainFrame()),
  scenario('remoteAddress of a response', async ({ page, server }) => (await page.goto(server.url('/'))).remoteAddress()),
  scenario('securityDetails of a plain response', async ({ page, server }) => (await page.goto(server.url('/'))).securityDetails()),
  scenario('fromServiceWorker of a response', async ({ page, server }) => (await page.goto(server.url('/'))).fromServiceWorker()),
  scenario('timing of a response', async ({ page, server }) => {
    const timing = (await page.goto(server.url('/'))).timing();
    return [typeof timing.requestTime, typeof timing.receiveHeadersEnd];
  }),

  scenario('reload answers with the response', async ({ page, server }) => {
    await page.goto(server.url('/'));
    await page.evaluate(() => void (globalThis.old = 1));
    return [facts(await page.reload()), await page.evaluate('typeof old')];
  }),
  scenario('reload takes waitUntil', async ({ page, server }) => {
    await page.goto(server.url('/'));
    return facts(await page.reload({ waitUntil: 'networkidle0' }));
  }),
  scenario('reload times out', async ({ page, server }) => {
    await page.goto(server.html('<script>if (performance.navigation.type === 1) document.write(\'<img src="/pixel.png?gate=never">\')</script>'));
    return page.reload({ timeout: 300 });
  }),
  scenario('goBack and goForward', async ({ page, server }) => {
    await page.goto(server.url('/'));
    await page.goto(server.url('/text'));
    const back = await page.goBack();
    const there = page.url();
    const forward = await page.goForward();
    return [back?.url(), there, forward?.url(), page.url()];
  }),
  scenario('goBack to a document with frames', async ({ page, server, side }) => {
    const frames = '<iframe name="a" srcdoc="first"></iframe><iframe srcdoc="second<iframe srcdoc=third></iframe>"></iframe>';
    await page.goto(server.url(`/cached?body=${encodeURIComponent(frames)}`));
    // Another site: full Chrome keeps the document in its back-forward cache.
    await page.goto(`${server.crossOrigin}/text`);
    await page.goBack();
    // Puppeteer does not find frames that come out of the cache.
    if (side !== 'ours') return ['first', 'second', 'third'];
    const texts = await Promise.all(page.frames().slice(1).map((frame) => frame.evaluate(() => document.body.firstChild.data)));
    return texts.sort();
  }, { ownContext: true, right: ['first', 'second', 'third'] }),
  scenario('goBack with nowhere to go', async ({ page, attempt }) => attempt(page.goBack())),
  scenario('goForward with nowhere to go', async ({ page, server, attempt }) => {
    await page.goto(server.url('/'));
    return attempt(page.goForward());
  }),
  scenario('goBack over pushState', async ({ page, server }) => {
    await page.goto(server.url('/'));
    await page.evaluate(() => {
      history.pushState({}, '', '/one');
      history.pushState({}, '', '/two');
    });
    const before = page.url();
    const back = await page.goBack();
    return [before, back, page.url()];
  }),

  scenario('waitForNavigation answers with the response', async ({ page, server }) => {
    await page.goto(server.html('<a href="/text">go</a>'));
    const [response] = await Promise.all([page.waitForNavigation(), page.evaluate(() => document.querySelector('a').click())]);
    return facts(response);
  }),
  scenario('waitForNavigation on pushState answers null', async ({ page, server }) => {
    await page.goto(server.url('/'));
    const [response] = await Promise.all([page.waitForNavigation(), page.evaluate(() => history.pushState({}, '', '/pushed'))]);
    return [response, page.url()];
  }),
  scenario('waitForNavigation on replaceState answers null', async ({ page, server }) => {
    await page.goto(server.url('/'));
    const [response] = await Promise.all([page.waitForNavigation(), page.evaluate(() => history.replaceState({}, '', '/replaced'))]);
    return [response, page.url()];
  }),
  scenario('waitForNavigation on a hash answers null', async ({ page, server }) => {
    await page.goto(server.url('/'));
    const [response] = await Promise.all([page.waitForNavigation(), page.evaluate(() => void (location.hash = 'h'))]);
    return [response, page.url()];
  }),
  scenario('waitForNavigation until domcontentloaded', async ({ page, server }) => {
    await page.goto(server.url('/'));
    const target = server.html('<img src="/pixel.png?gate=image">');
    const [response] = await Promise.all([
      page.waitForNavigation({ waitUntil: 'domcontentloaded' }),
      page.evaluate((url) => void (location.href = url), target),
    ]);
    return facts(response);
  }),
  scenario('waitForNavigation times out', ({ page }) => page.waitForNavigation({ timeout: 30 })),
  scenario('waitForNavigation rejects with the signal', async ({ page, attempt }) => {
    const controller = new AbortController();
    const pending = attempt(page.waitForNavigation({ signal: controller.signal }));
    controller.abort(new Error('enough'));
    return pending;
  }),
  scenario('waitForNavigation sees a failing navigation', async ({ page, server, attempt }) => {
    await page.goto(server.url('/'));
    const pending = attempt(page.waitForNavigation({ timeout: 2000 }));
    await page.evaluate(() => void (location.href = '/destroy'));
    const { value, threw } = await pending;
    return [threw, value && facts(value)];
  }),

  scenario('setContent', async ({ page }) => {
    await page.setContent('<title>set</title><p>hello</p>');
    return [page.url(), await page.title(), await page.content()];
  }),
  scenario('setContent with a doctype', async ({ page }) => {
    await page.setContent('<!DOCTYPE html><p>strict</p>');
    return [await page.content(), await page.evaluate('document.compatMode')];
  }),
  scenario('setContent answers nothing', ({ page }) => page.setContent('<p>x</p>')),
  scenario('setContent waits for an image', async ({ page, server, note }) => {
    const done = page.setContent(`<img src="${server.url('/pixel.png', { gate: 'image' })}">`).then(() => note('resolved'));
    await page.waitForRequest((request) => request.url().includes('?gate'));
    note('image asked for');
    server.open('image');
    await done;
  }),
  scenario('setContent until domcontentloaded', async ({ page, server }) => {
    await page.setContent(`<img src="${server.url('/pixel.png', { gate: 'image' })}">`, { waitUntil: 'domcontentloaded' });
    return page.evaluate('document.images[0].complete');
  }),
  // Full Chrome does not always tell of it, and puppeteer then waits for ever: of ours alone.
  scenario('setContent until networkidle0', async ({ page, server, side }) => {
    if (side === 'puppeteer') return true;
    await page.setContent(`<img src="${server.url('/pixel.png')}">`, { waitUntil: 'networkidle0' });
    return page.evaluate('document.images[0].complete');
  }, { right: true }),
  scenario('setContent times out', ({ page, server }) =>
    page.setContent(`<img src="${server.url('/pixel.png', { gate: 'never' })}">`, { timeout: 200 }),
  ),
  scenario('setContent with text outside of ASCII', async ({ page }) => {
    await page.setContent('<div>こんにちは \u{1F600}</div>');
    return page.$eval('div', (div) => div.textContent);
  }),
  scenario('setContent runs scripts', async ({ page }) => {
    await page.setContent('<script>globalThis.ran = 1</script>');
    return page.evaluate('ran');
  }),
  scenario('content keeps a comment before the root', async ({ page }) => {
    await page.setContent('<!DOCTYPE html><!-- c --><html><body>x</body></html>');
    return page.content();
  }),
  scenario('title of a page without title', async ({ page, server }) => {
    await page.goto(server.html('x'));
    return page.title();
  }),
  scenario('url follows history and hash', async ({ page, server }) => {
    await page.goto(server.url('/'));
    await page.evaluate(() => history.pushState({}, '', '/a?b#c'));
    await page.evaluate('1');
    return page.url();
  }),
  scenario('bringToFront answers nothing', ({ page }) => page.bringToFront()),
]);
