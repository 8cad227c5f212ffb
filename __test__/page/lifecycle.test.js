'use strict';

const { differential, scenario, once } = require('./harness.js');

/** What each kind of pending call is rejected with when `end` happens to the page. */
const PENDING = {
  evaluate: ({ page }) => page.evaluate(() => new Promise(() => {})),
  evaluateHandle: ({ page }) => page.evaluateHandle(() => new Promise(() => {})),
  goto: ({ page, server }) => page.goto(server.url('/', { gate: 'never' }), { timeout: 700 }),
  waitForFunction: ({ page }) => page.waitForFunction(() => false),
  waitForSelector: ({ page }) => page.waitForSelector('.never'),
  waitForNavigation: ({ page }) => page.waitForNavigation(),
  waitForRequest: ({ page }) => page.waitForRequest('http://never/'),
  waitForResponse: ({ page }) => page.waitForResponse('http://never/'),
  waitForNetworkIdle: ({ page }) => page.waitForNetworkIdle({ idleTime: 60_000 }),
};

const closing = (name, end) =>
  Object.entries(PENDING).map(([what, start]) =>
    scenario(`${name}: a pending ${what} is rejected`, async (given) => {
      const underWay = what === 'goto' ? given.page.waitForRequest((request) => request.url().includes('?gate')) : undefined;
      const pending = given.attempt(() => start(given));
      await (underWay ?? given.page.evaluate('1'));
      await end(given);
      return pending;
    }, { ownContext: true }),
  );

const AFTER = {
  evaluate: ({ page }) => page.evaluate('1'),
  evaluateHandle: ({ page }) => page.evaluateHandle('1'),
  goto: ({ page, server }) => page.goto(server.url('/')),
  reload: ({ page }) => page.reload(),
  content: ({ page }) => page.content(),
  title: ({ page }) => page.title(),
  url: ({ page }) => page.url(),
  $: ({ page }) => page.$('p'),
  waitForFunction: ({ page }) => page.waitForFunction(() => 1),
  waitForSelector: ({ page }) => page.waitForSelector('p'),
  screenshot: ({ page }) => page.screenshot(),
  pdf: ({ page }) => page.pdf(),
  setContent: ({ page }) => page.setContent('x'),
  setViewport: ({ page }) => page.setViewport({ width: 10, height: 10 }),
  setCookie: ({ page }) => page.setCookie({ name: 'a', value: 'b', url: 'http://x.test' }),
  cookies: ({ page }) => page.cookies(),
  metrics: ({ page }) => page.metrics(),
  createCDPSession: ({ page }) => page.createCDPSession(),
  evaluateOnNewDocument: ({ page }) => page.evaluateOnNewDocument('1'),
  setRequestInterception: ({ page }) => page.setRequestInterception(true),
  click: ({ page }) => page.click('p'),
  keyboard: ({ page }) => page.keyboard.press('a'),
  bringToFront: ({ page }) => page.bringToFront(),
  close: ({ page }) => page.close(),
  isClosed: ({ page }) => page.isClosed(),
  browser: ({ page, browser }) => page.browser() === browser,
  target: ({ page }) => page.target().type(),
};

const after = (name, end) =>
  Object.entries(AFTER).map(([what, call]) =>
    scenario(`${name}: ${what} afterwards`, async (given) => {
      await given.page.goto(given.server.html('<p>x</p>'));
      await end(given);
      return given.attempt(() => call(given));
    }, { ownContext: true }),
  );

/** The text of an answer that does not come to its end, asked for before the page meets its own. */
const text = (name, end) =>
  scenario(`${name}: a pending text of a response`, async ({ page, server, attempt }) => {
    await page.goto(server.url('/'));
    page.on('error', () => {});
    const url = server.url('/stream', { first: 'some', until: 'never' });
    const [response] = await Promise.all([page.waitForResponse(url), page.evaluate((url) => void fetch(url), url)]);
    const pending = attempt(Promise.race([
      response.text(),
      new Promise((resolve) => setTimeout(() => resolve('still pending'), 1500)),
    ]));
    await end({ page, server });
    return pending;
  }, { ownContext: true });

differential('lifecycle', [
  text('close', ({ page }) => page.close()),
  text('crash', ({ page }) => void page.goto('chrome://crash').catch(() => 0)),
  text('leaving', ({ page, server }) => page.goto(server.url('/'))),
  scenario('the text of a response of a page that has closed', async ({ page, server, attempt }) => {
    const response = await page.goto(server.url('/text'));
    const closed = once(page, 'close');
    await page.close();
    await closed;
    return attempt(response.text());
  }),
  ...closing('close', ({ page }) => page.close()),
  ...closing('context close', ({ page, context }) => Promise.all([once(page, 'close'), context.close()])),
  ...after('close', async ({ page }) => {
    const closed = once(page, 'close');
    await page.close();
    await closed;
  }),
  scenario('close answers nothing', ({ page }) => page.close()),
  scenario('isClosed before and after', async ({ page }) => {
    const before = page.isClosed();
    const closed = once(page, 'close');
    await page.close();
    await closed;
    return [before, page.isClosed()];
  }),
  scenario('close twice at once', async ({ page, attempt }) => (await Promise.all([attempt(page.close()), attempt(page.close())])).length),
  scenario('a closed page leaves its context', async ({ page, context }) => {
    const before = (await context.pages()).includes(page);
    await page.close();
    return [before, (await context.pages()).includes(page)];
  }),
  scenario('close runs no beforeunload by default', async ({ page, server, note }) => {
    await page.goto(server.html('<p>x</p><script>onbeforeunload = () => "stay"</script>'));
    await page.click('p');
    page.on('dialog', () => note('dialog'));
    await page.close();
  }),
  scenario('close runs beforeunload when told to', async ({ page, server }) => {
    await page.goto(server.html('<p>x</p><script>onbeforeunload = () => "stay"</script>'));
    await page.click('p');
    const asked = once(page, 'dialog');
    const closing = page.close({ runBeforeUnload: true });
    const dialog = await asked;
    const type = dialog.type();
    const closed = once(page, 'close');
    await dialog.accept();
    await Promise.all([closing, closed]);
    return type;
  }),
  scenario('window.close closes the page', async ({ newPage, server }) => {
    const opener = await newPage();
    await opener.goto(server.url('/'));
    const [popup] = await Promise.all([once(opener, 'popup'), opener.evaluate(() => void (globalThis.other = open('about:blank')))]);
    const closed = once(popup, 'close');
    await opener.evaluate('other.close()');
    await closed;
    return popup.isClosed();
  }),
  scenario('crash: the error event', async ({ page }) => {
    const [error] = await Promise.all([once(page, 'error'), page.goto('chrome://crash').catch(() => 0)]);
    return [error instanceof Error, error.name, error.message];
  }, { ownContext: true }),
  scenario('crash: a pending goto', async ({ page, attempt }) => {
    page.on('error', () => {});
    return attempt(page.goto('chrome://crash', { timeout: 3000 }));
  }, { ownContext: true }),
  scenario('crash: a pending evaluate', async ({ page, attempt }) => {
    page.on('error', () => {});
    const pending = attempt(Promise.race([
      page.evaluate(() => new Promise(() => {})),
      new Promise((resolve) => setTimeout(() => resolve('still pending'), 1500)),
    ]));
    await page.evaluate('1');
    void page.goto('chrome://crash').catch(() => 0);
    return pending;
  }, { ownContext: true }),
  scenario('crash: a pending waitForRequest', async ({ page, attempt }) => {
    page.on('error', () => {});
    const pending = attempt(Promise.race([
      page.waitForRequest('http://never/'),
      new Promise((resolve) => setTimeout(() => resolve('still pending'), 1500)),
    ]));
    void page.goto('chrome://crash').catch(() => 0);
    return pending;
  }, { ownContext: true }),
  scenario('crash: other pages go on', async ({ page, newPage, newContext }) => {
    const other = await newPage(await newContext());
    page.on('error', () => {});
    await Promise.all([once(page, 'error'), page.goto('chrome://crash').catch(() => 0)]);
    return other.evaluate('1 + 1');
  }, { ownContext: true }),
  scenario('crash: the page can be closed', async ({ page }) => {
    page.on('error', () => {});
    await Promise.all([once(page, 'error'), page.goto('chrome://crash').catch(() => 0)]);
    const closed = once(page, 'close');
    await page.close();
    await closed;
    return page.isClosed();
  }, { ownContext: true }),
  scenario('crash: the context can be closed', async ({ page, context }) => {
    page.on('error', () => {});
    await Promise.all([once(page, 'error'), page.goto('chrome://crash').catch(() => 0)]);
    const closed = once(page, 'close');
    await context.close();
    await closed;
    return page.isClosed();
  }, { ownContext: true }),
]);
