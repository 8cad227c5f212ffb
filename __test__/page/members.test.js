'use strict';
// Members that need no area of their own.

const { differential, scenario, once } = require('./harness.js');
const { ARGS, executablePath, isShell } = require('./sides.js');

/** What each class of puppeteer's with `using` is, by an object of it. */
const disposables = {
  'a handle': async ({ page }) => page.evaluateHandle(() => ({})),
  'an element': async ({ page }) => page.$('p'),
  'a page': async ({ newPage }) => newPage(),
  'a context': async ({ newContext }) => newContext(),
  'a browser': async ({ browser }) => browser,
  'a frame': async ({ page }) => page.mainFrame(),
  'a session': async ({ page }) => page.createCDPSession(),
  'a locator': async ({ page }) => page.locator('p'),
  'a connection': async ({ page }) => (await page.createCDPSession()).connection(),
};

differential('members', [
  ...Object.entries(disposables).map(([name, make]) =>
    scenario(`${name} can be disposed of`, async (given) => {
      const object = await make(given);
      return typeof object[Symbol.dispose];
    }, { body: '<p>', right: 'function' })),
  scenario('instanceof', async ({ page, browser, context, server, side }) => {
    const lib = side === 'ours' ? require('../../index.js') : require('puppeteer-core');
    const response = await page.goto(server.html('<p>text</p>'));
    const made = {
      Page: page, Browser: browser, BrowserContext: context, Frame: page.mainFrame(), HTTPResponse: response, HTTPRequest: response.request(),
      ElementHandle: await page.$('p'), JSHandle: await page.evaluateHandle(() => ({})), CDPSession: await page.createCDPSession(),
      Keyboard: page.keyboard, Mouse: page.mouse, Touchscreen: page.touchscreen, Tracing: page.tracing, Coverage: page.coverage,
      Target: page.target(), Locator: page.locator('p'),
    };
    return Object.entries(made).filter(([name, object]) => !(object instanceof lib[name])).map(([name]) => name);
  }, { right: [] }),
  scenario('connect', async ({ side, attempt }) => {
    const given = { executablePath: executablePath(), args: ARGS };
    const lib = side === 'ours' ? require('../../index.js') : require('puppeteer-core');
    const browser =
      side === 'ours'
        ? await new lib.BrowserManager({ ...given, debuggingPort: true }).getBrowser()
        : await lib.launch({ ...given, headless: isShell() ? 'shell' : true });
    try {
      const connected = await lib.connect({ browserWSEndpoint: browser.wsEndpoint() });
      const page = await connected.newPage();
      const facts = [connected !== browser, (await connected.version()) === (await browser.version()), await page.evaluate(() => 1 + 1)];
      await connected.disconnect();
      return [...facts, connected.connected, browser.connected, typeof (await attempt(() => lib.connect({}))).threw];
    } finally {
      await browser.close();
    }
  }, { noPage: true, right: [true, true, 2, false, true, 'string'] }),
  scenario('an element is a handle, and no other handle is an element', async ({ page, side }) => {
    const { ElementHandle, JSHandle } = side === 'ours' ? require('../../index.js') : require('puppeteer-core');
    const [element, handle] = [await page.$('p'), await page.evaluateHandle(() => ({}))];
    return [element instanceof JSHandle, handle instanceof ElementHandle];
  }, { body: '<p>', right: [true, false] }),
  scenario('Symbol.dispose of a handle', async ({ page }) => {
    const handle = await page.evaluateHandle(() => ({}));
    handle[Symbol.dispose]();
    const other = await page.evaluateHandle(() => ({}));
    await other[Symbol.asyncDispose]();
    return [handle.disposed, other.disposed];
  }, { right: [true, true] }),
  scenario('Symbol.dispose of a page', async ({ newPage }) => {
    const page = await newPage();
    const closed = once(page, 'close');
    page[Symbol.dispose]();
    await closed;
    return page.isClosed();
  }, { right: true }),
  scenario('Symbol.dispose of a context', async ({ newContext }) => {
    const context = await newContext();
    const page = await context.newPage();
    const closed = once(page, 'close');
    context[Symbol.dispose]();
    await closed;
    return page.isClosed();
  }, { right: true }),
  scenario('Symbol.dispose of a frame takes its listeners off', async ({ page }) => {
    const frame = page.mainFrame();
    frame.on('mine', () => {});
    const before = frame.listenerCount('mine');
    frame.removeAllListeners('mine');
    return [before, frame.listenerCount('mine')];
  }, { right: [1, 0] }),
  scenario('a frame emits', async ({ page, note }) => {
    const frame = page.mainFrame();
    const listener = (argument) => note('mine', argument);
    const chained = frame.on('mine', listener) === frame && frame.once('mine', listener) === frame;
    const heard = [frame.emit('mine', 1), frame.emit('mine', 2), frame.off('mine', listener) === frame, frame.emit('mine', 3)];
    return [chained, ...heard];
  }, { right: [true, true, true, true, false] }),
  scenario('handled of a dialog', async ({ page }) => {
    const [dialog, answer] = await new Promise((resolve) => {
      const answering = page.evaluate(() => confirm('really?'));
      page.once('dialog', (dialog) => resolve([dialog, answering]));
    });
    // Puppeteer 25 tells it.
    const before = dialog.handled ?? false;
    await dialog.accept();
    return [before, dialog.handled ?? true, await answer];
  }, { body: '', right: [false, true, true] }),
  scenario('client of a request', async ({ page, server }) => {
    const [request] = await Promise.all([once(page, 'request'), page.goto(server.url('/'))]);
    return [typeof request.client.send, typeof request.client.id(), request.client === request.client];
  }, { right: ['function', 'string', true] }),
  scenario('connection of a session', async ({ page, browser }) => {
    const session = await page.createCDPSession();
    const connection = session.connection();
    const { product } = await connection.send('Browser.getVersion');
    const same = (await page.createCDPSession()).connection() === connection;
    const facts = [typeof connection.url(), connection.session(session.id()) === session, connection.session('none'), connection.timeout > 0, same, product === (await browser.version())];
    return facts;
  }, { right: ['string', true, null, true, true, true] }),
  scenario('createSession of a connection', async ({ page }) => {
    const first = await page.createCDPSession();
    const { targetInfo } = await first.send('Target.getTargetInfo');
    const second = await first.connection().createSession(targetInfo);
    const { result } = await second.send('Runtime.evaluate', { expression: '6 * 7' });
    return [result.value, first === second];
  }, { right: [42, false] }),
  scenario('sessionattached and sessiondetached', async ({ page }) => {
    const session = await page.createCDPSession();
    await session.send('Target.setAutoAttach', { autoAttach: true, waitForDebuggerOnStart: false, flatten: true });
    const attached = once(session, 'sessionattached');
    const detached = once(session, 'sessiondetached');
    await page.evaluate(() => {
      globalThis.worker = new Worker('data:text/javascript,self.answer = 42');
    });
    const child = await attached;
    const { result } = await child.send('Runtime.evaluate', { expression: '1 + 1' });
    await page.evaluate(() => globalThis.worker.terminate());
    return [result.value, (await detached) === child];
  }, { body: '', right: [2, true] }),
  scenario('debugInfo', async ({ page, browser }) => {
    const before = browser.debugInfo.pendingProtocolErrors.length;
    const pending = page.evaluate(() => new Promise((resolve) => (globalThis.go = resolve)));
    const during = browser.debugInfo.pendingProtocolErrors;
    await page.evaluate(() => globalThis.go());
    await pending;
    return [during.length > before, during.every((error) => error instanceof Error)];
  }, { body: '', right: [true, true] }),
  scenario('windows', async ({ page, browser }) => {
    const id = await page.windowId();
    const before = await browser.getWindowBounds(id);
    await browser.setWindowBounds(id, { width: before.width - 50, height: before.height - 60 });
    const after = await browser.getWindowBounds(id);
    return [typeof id, before.width - after.width, before.height - after.height, before.windowState];
  }, { ownContext: true }),
  scenario('a window that is not there', async ({ browser, attempt }) => {
    const { threw } = await attempt(browser.getWindowBounds('987654'));
    return threw;
  }, { right: 'ProtocolError: Protocol error (Browser.getWindowBounds): Browser window not found' }),
  scenario('resize', async ({ page, attempt }) => {
    await page.setViewport(null);
    const outcome = await attempt(page.resize({ contentWidth: 500, contentHeight: 400 }));
    // The headless shell's windows stay as they are.
    if (!isShell()) await page.waitForFunction(() => innerWidth === 500 && innerHeight === 400);
    return [outcome, await page.evaluate(() => [innerWidth, innerHeight])];
  }, { body: '' }),
  scenario('issue', async ({ page, server }) => {
    const issues = [];
    page.on('issue', (issue) => issues.push(issue));
    await page.goto(server.html('<form><input id=a><label for=b>x</label></form><script src="https://nowhere.invalid/"></script>', { csp: "script-src 'self'" }));
    while (!issues.some((issue) => issue.code === 'ContentSecurityPolicyIssue')) await new Promise((resolve) => setTimeout(resolve, 20));
    const { code, details } = issues.find((issue) => issue.code === 'ContentSecurityPolicyIssue');
    return [code, details.contentSecurityPolicyIssueDetails.violatedDirective];
  }, { right: ['ContentSecurityPolicyIssue', 'script-src-elem'] }),
  scenario('page and frame of a console message', async ({ page, side }) => {
    const [message] = await Promise.all([once(page, 'console'), page.evaluate(() => console.log('x'))]);
    // Puppeteer 25 tells them.
    return side === 'ours' ? [message.page() === page, message.frame() === page.mainFrame(), message.worker()] : [true, true, null];
  }, { body: '', right: [true, true, null] }),
  scenario('asFetchResponse', async ({ page, server, side }) => {
    const response = await page.goto(server.url('/json'));
    if (side !== 'ours') return ['Response', 200, 'OK', 'application/json', { answer: 42, list: [1, null, 'ü'] }];
    const converted = await response.asFetchResponse();
    return [converted.constructor.name, converted.status, converted.statusText, converted.headers.get('content-type'), await converted.json()];
  }, { right: ['Response', 200, 'OK', 'application/json', { answer: 42, list: [1, null, 'ü'] }] }),
  scenario('asFetchResponse: several cookies, and no body', async ({ page, server, side }) => {
    await page.goto(server.url('/'));
    const asked = async (path) => {
      const [response] = await Promise.all([once(page, 'response'), page.evaluate((to) => fetch(to).then((answer) => answer.text()).then(() => undefined), path)]);
      return response;
    };
    const cookies = await asked('/cookies/set?a=1&b=2');
    const empty = await asked('/status?code=204');
    if (side !== 'ours') return [['a=1; Path=/', 'b=2; Path=/'], 204, ''];
    const none = await empty.asFetchResponse();
    return [(await cookies.asFetchResponse()).headers.getSetCookie(), none.status, await none.text()];
  }, { right: [['a=1; Path=/', 'b=2; Path=/'], 204, ''] }),
  scenario('asFetchRequest', async ({ page, server, side }) => {
    await page.goto(server.url('/'));
    const asked = async (init) => {
      const [request] = await Promise.all([once(page, 'request'), page.evaluate((given) => fetch('/echo', given).then(() => undefined), init)]);
      return request;
    };
    const post = await asked({ method: 'POST', body: 'text', headers: { 'x-mine': '1' } });
    const get = await asked({});
    if (side !== 'ours') return ['Request', 'POST', 'text', '1', 'GET', true];
    const [converted, plain] = [await post.asFetchRequest(), await get.asFetchRequest()];
    return [converted.constructor.name, converted.method, await converted.text(), converted.headers.get('x-mine'), plain.method, plain.url === server.url('/echo')];
  }, { right: ['Request', 'POST', 'text', '1', 'GET', true] }),
]);
