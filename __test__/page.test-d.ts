// Checked by the compiler only: what a renderer written for puppeteer calls must be declared, and as what it is.

import type {
  Browser,
  BrowserContext,
  CDPSession,
  ConsoleMessage,
  Cookie,
  Dialog,
  ElementHandle,
  Frame,
  HTTPRequest,
  HTTPResponse,
  JSHandle,
  Page,
  Target,
} from '..';

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
declare function same<A, B>(proof: Equal<A, B>): void;

async function evaluating(page: Page): Promise<void> {
  const handle = await page.evaluateHandle(() => ({ a: 1, b: { c: 'd' } }));
  same<typeof handle, JSHandle<{ a: number; b: { c: string } }>>(true);
  const property: JSHandle<number> = await handle.getProperty('a');
  const copy: { c: string } = await (await handle.getProperty('b')).jsonValue();
  const body: ElementHandle<HTMLElement> = await page.evaluateHandle(() => document.body);
  const width: number = await body.evaluate((element, add) => element.offsetWidth + add, 1);
  const input = await page.$<HTMLInputElement>('input');
  const value: string | undefined = await input?.evaluate((element) => element.value);
  const texts: (string | null)[] = await page.$$eval('li', (items) => items.map((item) => item.textContent));
  const link = await (await page.$('a'))?.toElement('a');
  const href: string | undefined = await link?.evaluate((a) => a.href);
  const all: JSHandle<object[]> = await page.queryObjects(await page.evaluateHandle(() => Object.prototype as object));
  await page.exposeFunction('add', (a: number, b: number) => a + b);
  const { identifier } = await page.evaluateOnNewDocument((n: number) => void n, 5);
  await page.removeScriptToEvaluateOnNewDocument(identifier);
  // @ts-expect-error the function takes a string
  await page.evaluateOnNewDocument((text: string) => text, 5);
  void [property, copy, width, value, texts, href, all];
}

async function navigating(page: Page, signal: AbortSignal): Promise<void> {
  const response: HTTPResponse | null = await page.goto('http://host/', { waitUntil: ['load', 'networkidle0'], signal });
  const json: unknown = await response?.json();
  const chain: HTTPRequest[] | undefined = response?.request().redirectChain();
  await page.reload({ ignoreCache: true });
  await page.goBack({ timeout: 0 });
  await page.setContent('<p>', { waitUntil: 'domcontentloaded' });
  // @ts-expect-error no such milestone
  await page.goto('http://host/', { waitUntil: 'networkidle' });
  const found: number = await (await page.waitForFunction((n) => n + 1, { polling: 'mutation', signal }, 1)).jsonValue();
  const element: ElementHandle | null = await page.waitForSelector('::-p-text(ready)', { visible: true });
  const request: HTTPRequest = await page.waitForRequest((candidate) => candidate.method() === 'POST');
  const answer: HTTPResponse = await page.waitForResponse('http://host/', { timeout: 5 });
  await page.waitForNetworkIdle({ idleTime: 10, concurrency: 2 });
  const frame: Frame = await page.waitForFrame(async (candidate) => candidate.name() === 'inner');
  await frame.click('button', { button: 'right', count: 2, delay: 5, offset: { x: 1, y: 2 } });
  void [json, chain, found, element, request, answer];
}

function listening(page: Page): void {
  page
    .on('console', (message: ConsoleMessage) => void message.args()[0]?.jsonValue())
    .once('dialog', (dialog: Dialog) => dialog.accept('yes'))
    .on('pageerror', (error) => void error.stack)
    .on('metrics', ({ title, metrics }) => void [title, metrics['Nodes']])
    .on('popup', (popup) => void popup.url())
    .on('framedetached', (frame) => void frame.parentFrame())
    .removeAllListeners('console');
  page.on('request', async (request) => {
    if (request.isInterceptResolutionHandled()) return;
    if (request.resourceType() === 'image') await request.abort('blockedbyclient', 1);
    else if (request.url().endsWith('.json')) await request.respond({ status: 200, contentType: 'application/json', body: '{}' });
    else await request.continue({ headers: { ...request.headers(), 'x-more': '1' } }, 0);
  });
  const count: number = page.listenerCount('request');
  // @ts-expect-error the listener of a request gets no response
  page.on('request', (response: HTTPResponse) => void response.status());
  void count;
}

async function acting(page: Page, element: ElementHandle): Promise<void> {
  await page.type('input', 'text', { delay: 1 });
  const selected: string[] = await page.select('select', 'a', 'b');
  await page.keyboard.press('Enter', { commands: ['SelectAll'] });
  await page.mouse.wheel({ deltaY: 10 });
  await element.click();
  await element.type('text');
  await element.uploadFile('a', 'b');
  const box = await element.boundingBox();
  const corner: number | undefined = (await element.boxModel())?.margin[0]?.x;
  const picture: Uint8Array = await element.screenshot({ scrollIntoView: false, type: 'webp', quality: 5 });
  const text: string = await element.screenshot({ encoding: 'base64' });
  const paper: Uint8Array = await page.pdf({ format: 'A4', margin: { top: '1cm' }, timeout: 0 });
  const piece: Uint8Array | undefined = (await (await page.createPDFStream()).getReader().read()).value;
  await page.tracing.start({ categories: ['devtools.timeline'] });
  const trace: Uint8Array = await page.tracing.stop();
  void [selected, box?.width, corner, picture, text, paper, piece, trace];
}

async function emulating(page: Page): Promise<void> {
  await page.setViewport({ width: 1, height: 2, deviceScaleFactor: 3 });
  await page.emulateMediaType('print');
  await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: 'dark' }]);
  await page.setUserAgent('Agent/1.0');
  await page.setExtraHTTPHeaders({ 'x-one': '1' });
  await page.setCookie({ name: 'a', value: 'b', sameSite: 'Lax' });
  const cookies: Cookie[] = await page.cookies('http://host/');
  const nodes: number | undefined = (await page.metrics())['Nodes'];
  await page.authenticate(null);
  void [cookies, nodes];
}

async function browsing(page: Page): Promise<void> {
  const browser: Browser = page.browser();
  const context: BrowserContext = await browser.createBrowserContext({ proxyServer: 'http://proxy' });
  const target: Target = await context.waitForTarget((candidate) => candidate.opener() === page.target());
  context.on('targetdestroyed', (gone) => void gone.url());
  await context.overridePermissions('http://host', ['geolocation']);
  await context.deleteCookie(...(await context.cookies()));
  browser.once('disconnected', () => {}).off('disconnected');
  const killed: boolean | undefined = browser.process()?.kill('SIGTERM');
  const session: CDPSession = await target.createCDPSession();
  const { data } = await session.send('IO.read', { handle: '1' }, { timeout: 5 });
  session.once('Network.loadingFinished', ({ requestId }) => void requestId);
  await session.detach();
  void [killed, data];
}

void [evaluating, navigating, listening, acting, emulating, browsing];
