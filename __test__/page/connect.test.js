'use strict';
// Connecting to a Chrome that somebody else has started.

const { differential, scenario, once } = require('./harness.js');
const { ARGS, executablePath, isShell } = require('./sides.js');

const library = (side) => (side === 'ours' ? require('../../index.js') : require('puppeteer-core'));

/** Runs with a Chrome of its own that has a port open, and the library to connect to it with. */
const withPort = (name, run, right, args = []) =>
  scenario(name, async (given) => {
    const lib = library(given.side);
    const options = { executablePath: executablePath(), args: [...ARGS, ...args] };
    const manager = given.side === 'ours' ? new lib.BrowserManager({ ...options, debuggingPort: true }) : undefined;
    const browser = manager ? await manager.getBrowser() : await lib.launch({ ...options, headless: isShell() ? 'shell' : true });
    try {
      return await run({ ...given, lib, browser, endpoint: { browserWSEndpoint: browser.wsEndpoint() } });
    } finally {
      await (manager ? manager.stop() : browser.close());
    }
  }, { noPage: true, right });

/** Whether whoever started it can still use it. */
const isConnected = async (browser) => {
  if (!browser.connected) return false;
  return browser.createBrowserContext().then(() => true, () => false);
};

differential('connect', [
  withPort('by the address of the port', async ({ lib, browser }) => {
    const { origin } = new URL(browser.wsEndpoint().replace('ws:', 'http:'));
    const facts = [];
    for (const browserURL of [origin, `${origin}/`]) {
      const connected = await lib.connect({ browserURL });
      const page = await connected.newPage();
      facts.push(await page.evaluate(() => 6 * 7));
      await page.close();
      await connected.disconnect();
    }
    return facts;
  }, [42, 42]),
  scenario('to nowhere', async ({ side, server }) => {
    const { connect } = library(side);
    const outcome = async (options) => (await connect(options).then(() => undefined, (error) => error)) instanceof Error;
    return [
      await outcome({ browserURL: server.origin }),
      await outcome({ browserURL: 'http://127.0.0.1:1' }),
      await outcome({ browserURL: 'nowhere' }),
      await outcome({ browserURL: server.origin, browserWSEndpoint: 'ws://127.0.0.1:1' }),
      await outcome({}),
    ];
  }, { noPage: true, right: [true, true, true, true, true] }),
  withPort('finds pages, their frames, contexts and workers', async ({ lib, browser, endpoint, server }) => {
    const context = await browser.createBrowserContext();
    const page = await context.newPage();
    const inner = server.html('<iframe srcdoc="inner"></iframe>').replace('127.0.0.1', 'localhost');
    await page.goto(server.html(`<iframe src="${inner}"></iframe>`));
    await page.waitForFrame((frame) => frame.parentFrame()?.parentFrame());
    const worker = context.waitForTarget((target) => target.type() === 'service_worker');
    await page.evaluate((script) => navigator.serviceWorker.register(script).then(() => {}), '/script.js?code=1');
    await worker;
    const connected = await lib.connect(endpoint);
    const pages = await connected.pages();
    const found = pages.find((other) => other.url() === page.url());
    const answer = [
      connected.browserContexts().length - browser.browserContexts().length,
      found.frames().length,
      found.browserContext() === connected.defaultBrowserContext(),
      (await found.browserContext().pages()).length,
      connected.targets().filter((target) => target.type() === 'service_worker').length,
      await found.frames()[2].evaluate(() => document.body.textContent),
    ];
    await connected.disconnect();
    return answer;
  }, [0, 3, false, 1, 1, 'inner'], ['--site-per-process']),
  withPort('while a page computes', async ({ lib, browser, endpoint }) => {
    const page = await browser.newPage();
    const other = await (await browser.createBrowserContext()).newPage();
    await other.setContent('other');
    // Its answer comes first: the loop is running then.
    await page.evaluate(() => void setTimeout(() => { for (;;); }));
    const connected = await lib.connect(endpoint);
    const contexts = connected.browserContexts();
    const [found] = await contexts[contexts.length - 1].pages();
    const text = await found.evaluate(() => document.body.textContent);
    await connected.disconnect();
    return text;
  }, 'other'),
  ...Object.entries({
    goto: (page, server) => page.goto(server.url('/text', { gate: 'never' })),
    'goto of a document that has come': (page, server) => page.goto(server.html(`<img src="${server.url('/pixel.png', { gate: 'never' })}">`)),
    waitForNavigation: (page) => page.waitForNavigation(),
  }).map(([what, begin]) =>
    withPort(`disconnect during ${what}`, async ({ lib, endpoint, server, attempt, side }) => {
      const connected = await lib.connect(endpoint);
      const page = await connected.newPage();
      await page.goto(server.url('/'));
      const asked = what === 'waitForNavigation' ? page.evaluate('1') : page.waitForRequest((request) => request.url().includes('gate=never'));
      const pending = begin(page, server);
      const code = pending.catch((error) => (side === 'ours' ? error.code : 'BROWSER_DISCONNECTED'));
      await asked;
      await connected.disconnect();
      return [await attempt(pending), await code];
    }, [{ threw: 'Error: Navigating frame was detached' }, 'BROWSER_DISCONNECTED'])),
  withPort('disconnect leaves it running', async ({ lib, browser, endpoint }) => {
    const connected = await lib.connect(endpoint);
    const told = once(connected, 'disconnected');
    await connected.disconnect();
    await told;
    return [connected.connected, await isConnected(browser)];
  }, [false, true]),
  withPort('close ends it', async ({ lib, browser, endpoint }) => {
    const connected = await lib.connect(endpoint);
    const told = Promise.all([once(connected, 'disconnected'), once(browser, 'disconnected')]);
    await connected.close();
    await told;
    return [connected.connected, browser.connected];
  }, [false, false]),
]);
