'use strict';

const { differential, scenario, once } = require('./harness.js');
const { ARGS, executablePath, openSide } = require('./sides.js');

/** Runs with a browser of its own, for what ends or changes the whole browser. */
const ownBrowser = (name, run) =>
  scenario(name, async (given) => {
    const side = await openSide(given.side);
    try {
      return await run({ ...given, attempt: given.attempt, note: given.note, browser: side.browser, side, server: side.server });
    } finally {
      await side.close().catch(() => {});
      await side.server.close();
    }
  }, { noPage: true });

differential('browser', [
  scenario('version', ({ browser }) => browser.version()),
  scenario('userAgent', ({ browser }) => browser.userAgent()),
  scenario('connected', ({ browser }) => [browser.connected, browser.isConnected()]),
  scenario('process', ({ browser }) => {
    const { pid, killed, exitCode, signalCode, spawnfile, spawnargs } = browser.process();
    return [
      typeof pid, killed, exitCode, signalCode, spawnfile === executablePath(), spawnargs[0] === spawnfile,
      ARGS.every((arg) => spawnargs.includes(arg)), spawnargs.some((arg) => arg.startsWith('--user-data-dir=')),
    ];
  }, { right: ['number', false, null, null, true, true, true, true] }),
  scenario('createBrowserContext', async ({ browser, newContext }) => {
    const context = await newContext();
    return [typeof context.id, context.closed, context.browser() === browser, browser.browserContexts().includes(context)];
  }),
  scenario('defaultBrowserContext', async ({ browser, attempt }) => {
    const context = browser.defaultBrowserContext();
    return [context.id, browser.browserContexts()[0] === context, (await attempt(() => context.close())).threw];
  }),
  scenario('a page knows its context and browser', async ({ page, context, browser }) => [
    page.browserContext() === context, page.browser() === browser, context.browser() === browser, page.target().page instanceof Function,
  ]),
  scenario('pages of a context', async ({ newContext }) => {
    const context = await newContext();
    const none = (await context.pages()).length;
    const a = await context.newPage();
    const b = await context.newPage();
    const pages = await context.pages();
    return [none, pages.length, pages.includes(a), pages.includes(b)];
  }),
  scenario('pages of the browser', async ({ browser, page }) => (await browser.pages()).includes(page)),
  scenario('newPage of the browser', async ({ browser }) => {
    const page = await browser.newPage();
    const facts = [page.url(), page.browserContext() === browser.defaultBrowserContext()];
    await page.close();
    return facts;
  }),
  scenario('closing a context', async ({ newContext, browser }) => {
    const context = await newContext();
    const page = await context.newPage();
    const closed = once(page, 'close');
    const answer = await context.close();
    await closed;
    return [answer, page.isClosed(), browser.browserContexts().includes(context), context.closed];
  }),
  scenario('the context of a closed page stays the same object', async ({ newContext }) => {
    const context = await newContext();
    const page = await context.newPage();
    const closed = once(page, 'close');
    await context.close();
    await closed;
    await newContext();
    return page.browserContext() === context;
  }),
  scenario('closing a context twice', async ({ newContext, attempt }) => {
    const context = await newContext();
    await context.close();
    const { threw } = await attempt(() => context.close());
    return threw?.replace(/"?[0-9A-F]{32}"?/, 'ID');
  }),
  scenario('newPage in a closed context', async ({ newContext, attempt }) => {
    const context = await newContext();
    await context.close();
    const { threw } = await attempt(() => context.newPage());
    return threw?.replace(/"?[0-9A-F]{32}"?/, 'ID');
  }),
  scenario('contexts are apart', async ({ newContext, server }) => {
    const [a, b] = await Promise.all([(await newContext()).newPage(), (await newContext()).newPage()]);
    await a.goto(server.url('/'));
    await b.goto(server.url('/'));
    await a.evaluate(() => localStorage.setItem('mine', '1'));
    return [await a.evaluate(() => localStorage.getItem('mine')), await b.evaluate(() => localStorage.getItem('mine'))];
  }),
  scenario('pages of one context share storage', async ({ newContext, server }) => {
    const context = await newContext();
    const [a, b] = [await context.newPage(), await context.newPage()];
    await a.goto(server.url('/'));
    await a.evaluate(() => localStorage.setItem('ours', '1'));
    await b.goto(server.url('/'));
    return b.evaluate(() => localStorage.getItem('ours'));
  }),
  scenario('newPage at the same time', async ({ newContext }) => {
    const context = await newContext();
    const pages = await Promise.all(Array.from({ length: 5 }, () => context.newPage()));
    return Promise.all(pages.map((page, n) => page.evaluate((k) => k, n)));
  }),
  scenario('createBrowserContext at the same time', async ({ newContext }) => {
    const contexts = await Promise.all(Array.from({ length: 5 }, () => newContext()));
    return new Set(contexts.map((context) => context.id)).size;
  }),
  scenario('the target of a page', async ({ page, server, browser }) => {
    await page.goto(server.url('/'));
    const target = page.target();
    return [target.type(), target.url(), typeof target._targetId, (await target.page()) === page, target.browser() === browser, target.browserContext() === page.browserContext(), target.opener()];
  }),
  scenario('targets of the browser', async ({ page, browser }) => browser.targets().includes(page.target())),
  scenario('waitForTarget', async ({ page, context, server }) => {
    await page.goto(server.url('/'));
    const [target] = await Promise.all([
      context.waitForTarget((candidate) => candidate.url() === server.url('/text')),
      page.evaluate(() => void open('/text')),
    ]);
    const popup = await target.page();
    await popup.close();
    return [target.type(), target.opener() === page.target()];
  }),
  scenario('waitForTarget times out', ({ context }) => context.waitForTarget(() => false, { timeout: 30 })),
  scenario('the target id is what the protocol says', async ({ page }) => {
    const session = await page.createCDPSession();
    const { targetInfo } = await session.send('Target.getTargetInfo');
    return targetInfo.targetId === page.target()._targetId;
  }),
  scenario('overridePermissions', async ({ page, context, server }) => {
    await page.goto(server.url('/'));
    const ask = () => page.evaluate(async () => (await navigator.permissions.query({ name: 'geolocation' })).state);
    const before = await ask();
    await context.overridePermissions(server.origin, ['geolocation']);
    const granted = await ask();
    await context.clearPermissionOverrides();
    return [before, granted, await ask()];
  }, { ownContext: true }),
  scenario('overridePermissions refuses an unknown one', ({ context, server }) => context.overridePermissions(server.origin, ['flying'])),
  scenario('browser on, once, off', ({ browser }) => {
    const listener = () => {};
    const answer = [browser.on('disconnected', listener) === browser, browser.listenerCount('disconnected') > 0, browser.off('disconnected', listener) === browser];
    return answer;
  }),
  scenario('targetcreated and targetdestroyed of a context', async ({ newContext, note }) => {
    const context = await newContext();
    // Full Chrome's own user interface is a target of puppeteer's, and none of ours: docs/page-api.md.
    const isOfThePage = (target) => !target.url().startsWith('chrome://');
    context.on('targetcreated', (target) => isOfThePage(target) && note('created', target.type()));
    context.on('targetdestroyed', (target) => isOfThePage(target) && note('destroyed', target.type()));
    const page = await context.newPage();
    const destroyed = once(context, 'targetdestroyed');
    await page.close();
    await destroyed;
  }),
  scenario('targetchanged of a navigation', async ({ page, context, server, note }) => {
    context.on('targetchanged', (target) => note('changed', target.url()));
    const changed = once(context, 'targetchanged');
    await page.goto(server.url('/'));
    await changed;
    context.removeAllListeners('targetchanged');
  }, { ownContext: true }),
  scenario('waitForTarget of one that is there', async ({ browser, page }) =>
    (await browser.waitForTarget((target) => target === page.target())) === page.target()),
  scenario('waitForTarget with an async predicate', async ({ context, page }) =>
    (await context.waitForTarget(async (target) => (await target.page()) === page)) === page.target()),
  scenario('setPermission', async ({ page, context, server }) => {
    await page.goto(server.url('/'));
    await context.setPermission(server.origin, { permission: { name: 'geolocation' }, state: 'denied' });
    return page.evaluate(async () => (await navigator.permissions.query({ name: 'geolocation' })).state);
  }, { ownContext: true }),
  scenario('a context with a proxy', async ({ newContext, server, attempt }) => {
    const context = await newContext({ proxyServer: 'http://127.0.0.1:1', proxyBypassList: ['<-loopback>'] });
    const page = await context.newPage();
    return attempt(page.goto(server.url('/')));
  }),
  ownBrowser('the process tells of its end', async ({ browser }) => {
    const process = browser.process();
    const exited = new Promise((resolve) => process.once('exit', (code, signal) => resolve([code, signal])));
    const sent = process.kill('SIGKILL');
    return [sent, process.killed, await exited, process.exitCode, process.signalCode];
  }),
  ownBrowser('close ends the browser', async ({ browser, note }) => {
    browser.on('disconnected', () => note('disconnected'));
    const process = browser.process();
    const exited = process.exitCode !== null ? undefined : once(process, 'exit');
    await browser.close();
    await exited;
    return [browser.connected, browser.isConnected(), process.exitCode !== null || process.signalCode !== null];
  }),
  ownBrowser('close ends its pages', async ({ browser, attempt }) => {
    const page = await browser.newPage();
    const pending = attempt(page.evaluate(() => new Promise(() => {})));
    await page.evaluate('1');
    await browser.close();
    return [await pending, page.isClosed()];
  }),
  ownBrowser('a killed browser is disconnected', async ({ browser, attempt }) => {
    const page = await browser.newPage();
    const pending = attempt(page.evaluate(() => new Promise(() => {})));
    await page.evaluate('1');
    const disconnected = once(browser, 'disconnected');
    browser.process().kill('SIGKILL');
    await disconnected;
    return [browser.connected, await pending];
  }),
  ownBrowser('calls after the browser is gone', async ({ browser, attempt }) => {
    const context = await browser.createBrowserContext();
    const page = await context.newPage();
    await browser.close();
    const calls = [() => browser.newPage(), () => browser.createBrowserContext(), () => context.newPage(), () => browser.version()];
    const answers = [];
    for (const call of calls) answers.push((await attempt(call)).threw);
    return [answers, page.isClosed()];
  }),
]);
