'use strict';

const { differential, scenario } = require('./harness.js');

const media = (query) => `matchMedia('${query}').matches`;
const headers = async (response) => (await response.json()).headers;

differential('emulation', [
  scenario('viewport of a new page', async ({ page }) => [page.viewport(), await page.evaluate('[innerWidth, innerHeight, devicePixelRatio]')]),
  scenario('setViewport', async ({ page }) => {
    const answer = await page.setViewport({ width: 321, height: 123 });
    return [answer, page.viewport(), await page.evaluate('[innerWidth, innerHeight, screen.width]')];
  }),
  scenario('setViewport with a device scale factor', async ({ page }) => {
    await page.setViewport({ width: 100, height: 100, deviceScaleFactor: 3 });
    return [page.viewport(), await page.evaluate('devicePixelRatio')];
  }),
  scenario('setViewport of a mobile with touch', async ({ page, server }) => {
    await page.setViewport({ width: 375, height: 667, isMobile: true, hasTouch: true });
    await page.goto(server.html('<meta name="viewport" content="width=device-width">'));
    return page.evaluate(() => [innerWidth, 'ontouchstart' in window, navigator.maxTouchPoints]);
  }),
  scenario('setViewport in landscape', async ({ page }) => {
    await page.setViewport({ width: 400, height: 300, isLandscape: true });
    return page.evaluate('[screen.orientation.type, screen.orientation.angle]');
  }),
  scenario('setViewport survives a navigation', async ({ page, server }) => {
    await page.setViewport({ width: 222, height: 111 });
    await page.goto(server.url('/'));
    await page.goto(server.url('/', {}, server.crossOrigin));
    return page.evaluate('[innerWidth, innerHeight]');
  }),
  scenario('setViewport null', async ({ page }) => {
    await page.setViewport(null);
    return page.viewport();
  }),
  scenario('setViewport that is no number', ({ page }) => page.setViewport({ width: 'wide', height: 1 })),
  scenario('setViewport fires resize', async ({ page }) => {
    await page.evaluate(() => {
      globalThis.resized = new Promise((resolve) => addEventListener('resize', () => resolve([innerWidth, innerHeight]), { once: true }));
    });
    await page.setViewport({ width: 500, height: 400 });
    return page.evaluate('resized');
  }),
  scenario('emulateMediaType print', async ({ page }) => {
    await page.emulateMediaType('print');
    const print = await page.evaluate(media('print'));
    await page.emulateMediaType('screen');
    const screen = await page.evaluate(media('screen'));
    await page.emulateMediaType(null);
    return [print, screen, await page.evaluate(media('screen'))];
  }),
  scenario('emulateMediaType undefined', ({ page }) => page.emulateMediaType()),
  scenario('emulateMediaType refuses another', ({ page }) => page.emulateMediaType('paper')),
  scenario('emulateMediaFeatures', async ({ page }) => {
    await page.emulateMediaFeatures([
      { name: 'prefers-color-scheme', value: 'dark' },
      { name: 'prefers-reduced-motion', value: 'reduce' },
    ]);
    const set = [await page.evaluate(media('(prefers-color-scheme: dark)')), await page.evaluate(media('(prefers-reduced-motion: reduce)'))];
    await page.emulateMediaFeatures(null);
    return [set, await page.evaluate(media('(prefers-color-scheme: dark)'))];
  }),
  scenario('emulateMediaFeatures refuses an unknown feature', ({ page }) => page.emulateMediaFeatures([{ name: 'taste', value: 'good' }])),
  scenario('emulateTimezone', async ({ page }) => {
    await page.emulateTimezone('America/Jamaica');
    return page.evaluate(() => new Date(1479579154987).toString());
  }),
  scenario('emulateLocale', async ({ page, side }) => {
    // puppeteer has it from 25 on: before, the command is sent by hand.
    const session = await page.createCDPSession();
    const set = (locale) => (side === 'ours' ? page.emulateLocale(locale) : session.send('Emulation.setLocaleOverride', locale ? { locale } : {}));
    const number = () => page.evaluate('(1234.5).toLocaleString()');
    await set('de-DE');
    const german = await number();
    await set();
    return [german, await number()];
  }, { right: ['1.234,5', '1,234.5'] }),
  scenario('autofill of what is no field of a form', async ({ page, attempt }) => {
    const field = await page.$('p');
    const { threw } = await attempt(() => field.autofill({ creditCard: { number: '4444444444444444', name: 'A B', expiryMonth: '01', expiryYear: '2040', cvc: '123' } }));
    return threw;
  }, { body: '<p>no field</p>' }),
  scenario('autofill of a disposed field', async ({ page, attempt }) => {
    const field = await page.$('p');
    await field.dispose();
    return 'threw' in (await attempt(() => field.autofill({ address: { fields: [] } })));
  }, { body: '<p>no field</p>', right: true }),
  scenario('emulateTimezone refuses an unknown zone', ({ page }) => page.emulateTimezone('Foo/Bar')),
  scenario('emulateCPUThrottling', async ({ page }) => [await page.emulateCPUThrottling(2), await page.emulateCPUThrottling(null)]),
  scenario('emulateCPUThrottling refuses less than 1', ({ page }) => page.emulateCPUThrottling(0.5)),
  scenario('emulateVisionDeficiency', ({ page }) => page.emulateVisionDeficiency('achromatopsia')),
  scenario('emulateVisionDeficiency refuses an unknown one', ({ page }) => page.emulateVisionDeficiency('blurry')),
  scenario('emulateIdleState', ({ page }) => page.emulateIdleState({ isUserActive: true, isScreenUnlocked: false })),
  scenario('setGeolocation', async ({ page, server, context }) => {
    await context.overridePermissions(server.origin, ['geolocation']);
    await page.goto(server.url('/'));
    await page.setGeolocation({ longitude: 10, latitude: 20 });
    return page.evaluate(
      () => new Promise((resolve) => navigator.geolocation.getCurrentPosition(({ coords }) => resolve([coords.latitude, coords.longitude]))),
    );
  }, { ownContext: true }),
  scenario('setGeolocation refuses a wrong longitude', ({ page }) => page.setGeolocation({ longitude: 200, latitude: 10 })),
  scenario('emulateFocusedPage', async ({ page, newPage }) => {
    await page.emulateFocusedPage(true);
    await (await newPage()).bringToFront();
    return page.evaluate('document.hasFocus()');
  }),
  scenario('setBypassServiceWorker', async ({ page }) => {
    const before = page.isServiceWorkerBypassed();
    await page.setBypassServiceWorker(true);
    return [before, page.isServiceWorkerBypassed()];
  }),
  scenario('emulate a device', async ({ page, server }) => {
    await page.emulate({ viewport: { width: 360, height: 640, isMobile: true, hasTouch: true, deviceScaleFactor: 2 }, userAgent: 'Phone' });
    await page.goto(server.html('<meta name="viewport" content="width=device-width">'));
    return page.evaluate('[innerWidth, devicePixelRatio, navigator.userAgent]');
  }),

  scenario('setUserAgent', async ({ page, server }) => {
    const answer = await page.setUserAgent('Agent/1.0');
    const response = await page.goto(server.url('/echo'));
    return [answer, (await headers(response))['user-agent'], await page.evaluate('navigator.userAgent')];
  }),
  scenario('setUserAgent with options', async ({ page, server }) => {
    await page.setUserAgent({ userAgent: 'Agent/2.0', platform: 'Plan9' });
    const response = await page.goto(server.url('/echo'));
    return [(await headers(response))['user-agent'], await page.evaluate('navigator.platform')];
  }),
  scenario('setUserAgent for fetches too', async ({ page, server }) => {
    await page.setUserAgent('Agent/3.0');
    await page.goto(server.url('/'));
    return page.evaluate(async () => (await (await fetch('/echo')).json()).headers['user-agent']);
  }),
  scenario('setExtraHTTPHeaders', async ({ page, server }) => {
    const answer = await page.setExtraHTTPHeaders({ 'X-One': '1', 'x-two': 'two' });
    const sent = await headers(await page.goto(server.url('/echo')));
    return [answer, sent['x-one'], sent['x-two']];
  }),
  scenario('setExtraHTTPHeaders shows in the request', async ({ page, server }) => {
    await page.setExtraHTTPHeaders({ 'X-One': '1' });
    return (await page.goto(server.url('/'))).request().headers()['x-one'];
  }),
  scenario('setExtraHTTPHeaders refuses what is no string', ({ page }) => page.setExtraHTTPHeaders({ foo: 1 })),
  scenario('setExtraHTTPHeaders survives a redirect', async ({ page, server }) => {
    await page.setExtraHTTPHeaders({ 'X-One': '1' });
    return (await headers(await page.goto(server.url('/redirect', { to: '/echo' }))))['x-one'];
  }),
  scenario('setJavaScriptEnabled', async ({ page, server }) => {
    await page.setJavaScriptEnabled(false);
    const off = page.isJavaScriptEnabled();
    await page.goto(server.html('<script>document.title = "ran"</script>', { title: 'still' }));
    const without = await page.title();
    await page.setJavaScriptEnabled(true);
    await page.reload();
    return [off, without, await page.title(), page.isJavaScriptEnabled()];
  }),
  scenario('setBypassCSP', async ({ page, server }) => {
    const strict = server.html('', { csp: "script-src 'self'" });
    await page.goto(strict);
    const blocked = await page.evaluate(() => {
      const script = document.createElement('script');
      script.textContent = 'globalThis.injected = 1';
      document.head.append(script);
      return globalThis.injected;
    });
    await page.setBypassCSP(true);
    await page.goto(strict);
    await page.addScriptTag({ content: 'globalThis.injected = 2' });
    return [blocked, await page.evaluate('injected')];
  }),
  scenario('setCacheEnabled', async ({ page, server }) => {
    const fetched = () => server.requests.filter((request) => request === 'GET /cached').length;
    await page.goto(server.url('/'));
    const get = () => page.evaluate(async () => (await fetch('/cached')).text());
    await get();
    await get();
    const cached = fetched();
    await page.setCacheEnabled(false);
    await get();
    const off = fetched();
    await page.setCacheEnabled(true);
    await get();
    return [cached, off, fetched()];
  }, { ownContext: true }),
  scenario('a response from the cache says so', async ({ page, server }) => {
    await page.goto(server.url('/'));
    const fetched = () => Promise.all([
      page.waitForResponse((candidate) => candidate.url().includes('cached')),
      page.evaluate(async () => (await fetch('/cached')).text()),
    ]);
    // The page may have read the first before Chrome has told all of its response.
    await fetched();
    const [response] = await fetched();
    return [response.fromCache(), response.status()];
  }, { ownContext: true }),
  scenario('setOfflineMode', async ({ page, server, attempt }) => {
    await page.setOfflineMode(true);
    const off = await attempt(page.goto(server.url('/')));
    await page.setOfflineMode(false);
    return [off, (await page.goto(server.url('/'))).status()];
  }),
  scenario('emulateNetworkConditions', async ({ page, server }) => {
    await page.emulateNetworkConditions({ download: 1e6, upload: 1e6, latency: 1 });
    const status = (await page.goto(server.url('/'))).status();
    await page.emulateNetworkConditions(null);
    return status;
  }),

  scenario('cookies of a page without any', async ({ page, server }) => {
    await page.goto(server.url('/'));
    return page.cookies();
  }, { ownContext: true }),
  scenario('cookies set by the server', async ({ page, server }) => {
    await page.goto(server.url('/cookies/set', { a: '1' }));
    return page.cookies();
  }, { ownContext: true }),
  scenario('setCookie and cookies', async ({ page, server }) => {
    await page.goto(server.url('/'));
    const answer = await page.setCookie({ name: 'one', value: '1' }, { name: 'two', value: 'zwei', httpOnly: true });
    const found = (await page.cookies()).sort((a, b) => (a.name < b.name ? -1 : 1));
    return [answer, found, await page.evaluate('document.cookie')];
  }, { ownContext: true }),
  scenario('setCookie is sent', async ({ page, server }) => {
    await page.goto(server.url('/'));
    await page.setCookie({ name: 'sent', value: 'yes' });
    return (await page.goto(server.url('/cookies'))).json();
  }, { ownContext: true }),
  scenario('setCookie for another address', async ({ page, server }) => {
    await page.goto(server.url('/'));
    await page.setCookie({ name: 'far', value: '1', url: server.crossOrigin });
    return [await page.cookies(), (await page.cookies(server.crossOrigin)).map(({ name, domain }) => [name, domain])];
  }, { ownContext: true }),
  scenario('setCookie with an expiry, a path and sameSite', async ({ page, server }) => {
    await page.goto(server.url('/'));
    await page.setCookie({ name: 'c', value: 'v', expires: 4000000000, path: '/deep', sameSite: 'Lax' });
    const [here] = await page.cookies(server.url('/deep/er'));
    return [here.path, here.sameSite, here.session, here.expires > 1e9];
  }, { ownContext: true }),
  scenario('setCookie with a priority, a scheme and a party', async ({ page, server }) => {
    await page.goto(server.url('/'));
    await page.setCookie({ name: 'c', value: 'v', priority: 'High', sourceScheme: 'Unset', sameParty: false, sameSite: 'Default' });
    const [cookie] = await page.cookies();
    return [cookie.priority, cookie.sourceScheme, cookie.sameParty, 'sameSite' in cookie];
  }, { ownContext: true, right: ['High', 'Unset', false, false] }),
  scenario('setCookie of a context with a priority and a scheme', async ({ context }) => {
    await context.setCookie({ name: 'c', value: 'v', domain: 'host.test', path: '/', secure: true, sameSite: 'None', priority: 'Low', sourceScheme: 'Secure' });
    return context.cookies();
  }, { ownContext: true }),
  scenario('setCookie of a context with a partition', async ({ context }) => {
    await context.setCookie({
      name: 'c', value: 'v', domain: 'host.test', path: '/', secure: true, sameSite: 'None', expires: 4000000000,
      partitionKey: { sourceOrigin: 'https://top.test', hasCrossSiteAncestor: true },
    });
    const [cookie] = await context.cookies();
    await context.deleteCookie(cookie);
    return [cookie.partitionKey, (await context.cookies()).length];
  }, { ownContext: true, right: [{ sourceOrigin: 'https://top.test', hasCrossSiteAncestor: true }, 0] }),
  scenario('setCookie on about:blank', ({ page }) => page.setCookie({ name: 'c', value: 'v' })),
  scenario('setCookie on a data page', async ({ page }) => {
    await page.goto('data:text/html,x');
    return page.setCookie({ name: 'c', value: 'v' });
  }),
  scenario('setCookie without a name', async ({ page, server }) => {
    await page.goto(server.url('/'));
    return page.setCookie({ name: '', value: '' }, { name: 'x' });
  }),
  scenario('deleteCookies', async ({ page, server }) => {
    await page.goto(server.url('/'));
    await page.setCookie({ name: 'a', value: '1' }, { name: 'b', value: '2' });
    const answer = await page.deleteCookie({ name: 'a' });
    return [answer, (await page.cookies()).map(({ name }) => name)];
  }, { ownContext: true }),
  scenario('deleteCookies of another address', async ({ page, server }) => {
    await page.goto(server.url('/'));
    await page.setCookie({ name: 'a', value: '1' }, { name: 'a', value: '2', url: server.crossOrigin });
    await page.deleteCookie({ name: 'a', url: server.crossOrigin });
    return [(await page.cookies()).length, (await page.cookies(server.crossOrigin)).length];
  }, { ownContext: true }),
  scenario('cookies of a context', async ({ context, page, server }) => {
    await context.setCookie({ name: 'c', value: '1', domain: '127.0.0.1' });
    const sent = await (await page.goto(server.url('/cookies'))).json();
    const [cookie] = await context.cookies();
    await context.deleteCookie(cookie);
    return [sent, cookie.name, (await context.cookies()).length];
  }, { ownContext: true }),
  scenario('deleteMatchingCookies of a context', async ({ context }) => {
    await context.setCookie({ name: 'a', value: '1', domain: '127.0.0.1' }, { name: 'b', value: '2', domain: '127.0.0.1' });
    await context.deleteMatchingCookies({ name: 'a' });
    return (await context.cookies()).map(({ name }) => name);
  }, { ownContext: true }),
  scenario('contexts do not share cookies', async ({ page, server, newContext }) => {
    await page.goto(server.url('/cookies/set', { mine: '1' }));
    const other = await (await newContext()).newPage();
    return (await other.goto(server.url('/cookies'))).json();
  }, { ownContext: true }),
  scenario('metrics of many pages at once', async ({ newPage }) => {
    const pages = await Promise.all(Array.from({ length: 10 }, () => newPage()));
    const all = await Promise.all(pages.flatMap((page) => [page.metrics(), page.metrics()]));
    return all.map((metrics) => Object.keys(metrics).length);
  }),
  scenario('what is emulated holds in a frame of another site that comes later', async ({ page, server }) => {
    await page.setViewport({ width: 411, height: 333, deviceScaleFactor: 2, isMobile: true, hasTouch: true });
    await page.emulateMediaType('print');
    await page.emulateTimezone('Asia/Tokyo');
    await page.setUserAgent('Agent/1');
    await page.setExtraHTTPHeaders({ 'x-extra': 'sent' });
    await page.setJavaScriptEnabled(false);
    await page.goto(server.url('/'));
    const url = server.html('<script>document.title = "ran"</script>', {}, server.crossOrigin);
    const coming = page.waitForFrame((frame) => frame.url() === url);
    await page.evaluate((src) => void Object.assign(document.body.appendChild(document.createElement('iframe')), { src }), url);
    const frame = await coming;
    // In a process of its own the frame is evaluated in only once its document has come there.
    while ((await frame.evaluate('document.readyState').catch(() => '')) !== 'complete');
    const seen = await frame.evaluate(() => [
      devicePixelRatio, screen.width, navigator.maxTouchPoints, matchMedia('print').matches, navigator.userAgent, document.title,
      Intl.DateTimeFormat().resolvedOptions().timeZone,
    ]);
    const response = await frame.goto(server.url('/echo', {}, server.crossOrigin));
    return [seen, (await headers(response))['x-extra']];
  }),
  scenario('metrics', async ({ page }) => {
    const metrics = await page.metrics();
    return [Object.keys(metrics).sort(), Object.values(metrics).every((value) => typeof value === 'number')];
  }),
  scenario('a metrics event by console.timeStamp', async ({ page }) => {
    const [{ title, metrics }] = await Promise.all([
      new Promise((resolve) => page.once('metrics', resolve)),
      page.evaluate(() => console.timeStamp('mark')),
    ]);
    return [title, typeof metrics.Nodes];
  }),
  scenario('a metrics listener that comes late', async ({ page }) => {
    await page.evaluate(() => console.timeStamp('early'));
    const marks = [];
    page.on('metrics', ({ title }) => marks.push(title));
    await page.evaluate(() => console.timeStamp('late'));
    while (!marks.includes('late')) await new Promise((resolve) => setTimeout(resolve, 10));
    return marks;
  }, { right: ['late'] }),
  scenario('a metrics listener that comes after the call', async ({ page }) => {
    const marks = [];
    const marked = page.evaluate(() => console.timeStamp('early'));
    page.on('metrics', ({ title }) => marks.push(title));
    await marked;
    await page.evaluate(() => console.timeStamp('late'));
    while (!marks.includes('late')) await new Promise((resolve) => setTimeout(resolve, 10));
    return marks;
  }),
]);
