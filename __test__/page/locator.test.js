'use strict';

const { differential, scenario, throws } = require('./harness.js');

const BUTTON = '<button onclick="this.textContent = \'clicked\'">press</button>';
const textOf = (page, selector) => page.$eval(selector, (element) => element.textContent);
const valueOf = (page, selector) => page.$eval(selector, (element) => element.value);

const locatorClass = (side) => (side === 'ours' ? require('../../index.js') : require('puppeteer-core')).Locator;

/** The outcome of an action that must not come to anything. */
const failing = (selector, act, timeout = 250) => ({ page, attempt }) =>
  attempt(() => act(page.locator(selector).setTimeout(timeout)));
const timedOut = (ms = 250) => ({ threw: `TimeoutError: Timed out after waiting ${ms}ms` });

const FILLS = [
  ['a text field', '<input>', 'text', 'text'],
  ['a text field that has the beginning', '<input value="te">', 'text', 'text'],
  ['a text field that has something else', '<input value="else">', 'text', 'text'],
  ['a text field with the same', '<input value="text">', 'text', 'text'],
  ['a text field with nothing', '<input value="text">', '', ''],
  ['a text area', '<textarea></textarea>', 'two\nlines', 'two\nlines'],
  ['a number', '<input type=number>', '42', '42'],
  ['a date', '<input type=date>', '2020-02-02', '2020-02-02'],
  ['a colour', '<input type=color>', '#ff0000', '#ff0000'],
  ['a range', '<input type=range min=0 max=10>', '7', '7'],
  ['a select', '<select><option value=a>A<option value=b>B</select>', 'b', 'b'],
  ['long text', '<input>', 'x'.repeat(150), 'x'.repeat(150)],
];

const CHECKS = [
  ['a checkbox', '<input type=checkbox>', true, true],
  ['a checked checkbox', '<input type=checkbox checked>', true, true],
  ['a checkbox off', '<input type=checkbox checked>', false, false],
  ['a radio button', '<input type=radio>', true, true],
];

differential('locator', [
  scenario('click', async ({ page }) => {
    await page.locator('button').click();
    return textOf(page, 'button');
  }, { body: BUTTON, right: 'clicked' }),
  scenario('click of an element that comes later', async ({ page }) => {
    const clicking = page.locator('button').click();
    await page.evaluate((html) => setTimeout(() => (document.body.innerHTML = html), 150), BUTTON);
    await clicking;
    return textOf(page, 'button');
  }, { body: '<p>', right: 'clicked' }),
  scenario('click waits until the button is enabled', async ({ page }) => {
    const clicking = page.locator('button').click();
    await page.$eval('button', (button) => setTimeout(() => (button.disabled = false), 150));
    await clicking;
    return textOf(page, 'button');
  }, { body: BUTTON.replace('<button', '<button disabled'), right: 'clicked' }),
  scenario('click scrolls', async ({ page }) => {
    await page.locator('button').click();
    return [await textOf(page, 'button'), await page.evaluate(() => scrollY > 0)];
  }, { body: `<div style="height: 3000px"></div>${BUTTON}`, right: ['clicked', true] }),
  scenario('click waits until the element is still', async ({ page }) => {
    await page.locator('button').click();
    return textOf(page, 'button');
  }, {
    body: `<style>@keyframes move { to { transform: translate(200px, 100px) } } button { animation: move 300ms linear forwards }</style>${BUTTON}`,
    right: 'clicked',
  }),
  scenario('click with options', async ({ page }) => {
    await page.evaluate(() => document.querySelector('button').addEventListener('mousedown', (event) => (document.title += `${event.button}${event.detail}`)));
    await page.locator('button').click({ button: 'right', clickCount: 2 });
    return page.title();
  }, { body: '<button>press</button>' }),
  scenario('action is emitted once before the click', async ({ page, note }) => {
    const locator = page.locator('button');
    locator.on('action', () => note('action'));
    await page.exposeFunction('told', () => note('clicked'));
    await page.$eval('button', (button) => button.addEventListener('click', () => globalThis.told()));
    await locator.click();
    await page.evaluate('1');
    return locator.listenerCount('action');
  }, { body: BUTTON, right: 1 }),
  scenario('an element that never comes', failing('nothing', (locator) => locator.click()), { right: timedOut() }),
  scenario('a button that stays disabled', failing('button', (locator) => locator.click()), {
    body: BUTTON.replace('<button', '<button disabled'), right: timedOut(),
  }),
  scenario('a disabled button, not waited for', async ({ page }) => {
    await page.locator('button').setWaitForEnabled(false).click();
    return textOf(page, 'button');
  }, { body: BUTTON.replace('<button', '<button disabled'), right: 'press' }),
  scenario('waiting without the other checks', async ({ page }) => {
    await page.locator('button').setEnsureElementIsInTheViewport(false).setWaitForStableBoundingBox(false).click();
    return textOf(page, 'button');
  }, { body: BUTTON, right: 'clicked' }),
  scenario('the default timeout is the page\'s', async ({ page, attempt }) => {
    page.setDefaultTimeout(200);
    return [page.locator('p').timeout, page.mainFrame().locator('p').timeout, await attempt(() => page.locator('nothing').click())];
  }, { body: '<p>', right: [200, 200, timedOut(200)] }),
  scenario('setTimeout leaves the locator as it is', ({ page }) => {
    const locator = page.locator('p');
    const other = locator.setTimeout(5);
    return [locator.timeout, other.timeout, other.clone().timeout, other.setVisibility('visible').timeout, other.map((p) => p).timeout, other.filter(() => true).timeout];
  }, { right: [30000, 5, 5, 5, 5, 5] }),
  scenario('a signal that aborts', async ({ page, attempt }) => {
    const controller = new AbortController();
    const clicking = attempt(page.locator('nothing').click({ signal: controller.signal }));
    await page.evaluate('1');
    controller.abort(new Error('enough'));
    return clicking;
  }, { right: { threw: 'Error: enough' } }),
  scenario('a signal that aborts without a reason', async ({ page, attempt }) => {
    const controller = new AbortController();
    const hovering = attempt(page.locator('nothing').hover({ signal: controller.signal }));
    await page.evaluate('1');
    controller.abort();
    return hovering;
  }, { right: { threw: 'AbortError: This operation was aborted' } }),
  scenario('hover', async ({ page }) => {
    await page.$eval('button', (button) => button.addEventListener('mouseenter', () => (button.textContent = 'hovered')));
    await page.locator('button').hover();
    return textOf(page, 'button');
  }, { body: '<button>press</button>', right: 'hovered' }),
  scenario('scroll', async ({ page }) => {
    const locator = page.locator('div');
    await locator.scroll({ scrollTop: 100, scrollLeft: 50 });
    const both = await page.$eval('div', (div) => [div.scrollTop, div.scrollLeft]);
    await locator.scroll({ scrollTop: 20 });
    return [both, await page.$eval('div', (div) => [div.scrollTop, div.scrollLeft])];
  }, {
    body: '<div style="overflow: auto; width: 100px; height: 100px"><p style="width: 900px; height: 900px"></div>',
    right: [[100, 50], [20, 50]],
  }),
  ...FILLS.map(([name, body, value, right]) =>
    scenario(`fill ${name}`, async ({ page }) => {
      await page.locator('input, textarea, select').fill(value);
      return valueOf(page, 'input, textarea, select');
    }, { body, right })),
  ...CHECKS.map(([name, body, value, right]) =>
    scenario(`fill ${name}`, async ({ page }) => {
      await page.locator('input').fill(value);
      return page.$eval('input', (input) => input.checked);
    }, { body, right })),
  scenario('fill a switch', async ({ page }) => {
    const fill = async (value) => {
      await page.locator('div').fill(value);
      return page.$eval('div', (div) => div.ariaChecked);
    };
    return [await fill(true), await fill(true), await fill(false)];
  }, {
    body: '<div role=switch aria-checked=false onclick="this.ariaChecked = this.ariaChecked === \'false\'">on',
    right: ['true', 'true', 'false'],
  }),
  scenario('fill what can be edited', async ({ page }) => {
    await page.locator('div').fill('new text');
    return page.$eval('div', (div) => div.innerText);
  }, { body: '<div contenteditable>old</div>', right: 'new text' }),
  scenario('fill with a threshold', async ({ page }) => {
    await page.$eval('input', (input) => input.addEventListener('keydown', () => (document.title += '.')));
    await page.locator('input').fill('abc', { typingThreshold: 2 });
    const set = await page.title();
    await page.locator('input').fill('abcd', { typingThreshold: 9 });
    return [set, await page.title(), await valueOf(page, 'input')];
  }, { body: '<input>', right: ['', '.', 'abcd'] }),
  scenario('fill tells the page', async ({ page }) => {
    await page.$eval('input', (input) => {
      for (const type of ['focus', 'input', 'change']) input.addEventListener(type, () => (document.title += type));
    });
    await page.locator('input').fill('#00ff00');
    return page.title();
  }, { body: '<input type=color>', right: 'focusinputchange' }),
  scenario('fill what cannot be', failing('p', (locator) => locator.fill('x')), { body: '<p>text</p>', right: timedOut() }),
  scenario('wait', ({ page }) => page.locator(() => ({ a: [1, 'two'] })).wait(), { right: { a: [1, 'two'] } }),
  scenario('wait for a function that is not ready yet', async ({ page }) => {
    await page.evaluate(() => setTimeout(() => (globalThis.answer = 42), 150));
    return page.locator(() => globalThis.answer).wait();
  }, { right: 42 }),
  scenario('waitHandle', async ({ page }) => {
    const handle = await page.locator('p').waitHandle();
    return [String(handle), await handle.evaluate((p) => p.textContent)];
  }, { body: '<p>text</p>', right: ['JSHandle@node', 'text'] }),
  scenario('map', ({ page }) => page.locator('p').map((p) => p.textContent.length).wait(), { body: '<p>four</p>', right: 4 }),
  scenario('map to an element', async ({ page }) => {
    await page.locator('p').map((p) => p.querySelector('button')).click();
    return textOf(page, 'button');
  }, { body: `<p>${BUTTON}</p>`, right: 'clicked' }),
  scenario('map that throws at first', async ({ page }) => {
    await page.evaluate(() => setTimeout(() => (globalThis.ready = true), 150));
    return page.locator('p').map((p) => {
      if (!globalThis.ready) throw new Error('not yet');
      return p.textContent;
    }).wait();
  }, { body: '<p>text</p>', right: 'text' }),
  scenario('filter', async ({ page }) => {
    await page.locator('button').filter((button) => button.textContent === 'press').click();
    return textOf(page, 'button');
  }, { body: BUTTON, right: 'clicked' }),
  scenario('filter that matches later', async ({ page }) => {
    await page.$eval('button', (button) => setTimeout(() => button.setAttribute('ready', ''), 150));
    await page.locator('button').filter((button) => button.hasAttribute('ready')).click();
    return textOf(page, 'button');
  }, { body: BUTTON, right: 'clicked' }),
  scenario('filter that is async', ({ page }) =>
    page.locator('p').filter(async (p) => p.textContent === 'text').map((p) => p.textContent).wait(), { body: '<p>text</p>', right: 'text' }),
  scenario('filter that never matches', failing('p', (locator) => locator.filter(() => false).click()), { body: '<p>text</p>', right: timedOut() }),
  scenario('filter and map in a row', ({ page }) =>
    page.locator('p').filter((p) => p.id === 'a').map((p) => p.firstChild.data).map((text) => `${text}!`).wait(), { body: '<p id=a>text</p>', right: 'text!' }),
  scenario('visibility: visible', async ({ page }) => {
    await page.$eval('button', (button) => setTimeout(() => (button.style.visibility = 'visible'), 150));
    await page.locator('button').setVisibility('visible').click();
    return textOf(page, 'button');
  }, { body: BUTTON.replace('<button', '<button style="visibility: hidden"'), right: 'clicked' }),
  scenario('visibility: visible, after a map', failing('button', (locator) =>
    locator.map((button) => button.textContent).setVisibility('visible').wait()), {
    body: BUTTON.replace('<button', '<button style="visibility: hidden"'), right: timedOut(),
  }),
  scenario('visibility: hidden', async ({ page }) => {
    await page.$eval('p', (p) => setTimeout(() => (p.style.display = 'none'), 150));
    return page.locator('p').setVisibility('hidden').map((p) => p.style.display).wait();
  }, { body: '<p>text</p>', right: 'none' }),
  scenario('race takes the one that is there', async ({ page, side }) => {
    await locatorClass(side).race([page.locator('nothing'), page.locator('button')]).click();
    return textOf(page, 'button');
  }, { body: BUTTON, right: 'clicked' }),
  scenario('race acts once', async ({ page, side }) => {
    await page.evaluate(() => (globalThis.count = 0));
    const candidates = Array.from({ length: 5 }, () => page.locator('button'));
    await locatorClass(side).race(candidates).click();
    return page.evaluate(() => globalThis.count);
  }, { body: '<button onclick="count++">press</button>', right: 1 }),
  scenario('race of what never comes', async ({ page, attempt, side }) => {
    return attempt(() => locatorClass(side).race([page.locator('a'), page.locator('b')]).setTimeout(250).click());
  }, { right: timedOut() }),
  scenario('race refuses what is no locator', async ({ side }) => {
    locatorClass(side).race(['p']);
  }, { right: throws('Error: Unknown locator for race candidate') }),
  scenario('a locator of a frame', async ({ page, server }) => {
    await page.goto(server.html('<iframe srcdoc="<p>inner</p>"></iframe>'));
    return page.frames()[1].locator('p').map((p) => p.textContent).wait();
  }, { right: 'inner' }),
  scenario('asLocator', async ({ page }) => {
    const button = await page.$('button');
    await button.asLocator().click();
    return [await button.evaluate((element) => element.textContent), button.disposed];
  }, { body: BUTTON, right: ['clicked', false] }),
  scenario('asLocator of what is gone', async ({ page, attempt }) => {
    const button = await page.$('button');
    await button.evaluate((element) => element.remove());
    return attempt(() => button.asLocator().setTimeout(250).click());
  }, { body: BUTTON, right: timedOut() }),
  scenario('a locator across a navigation', async ({ page, server }) => {
    const waiting = page.locator('h2').map((heading) => heading.textContent).wait();
    await page.goto(server.html('<h2>there</h2>'));
    return waiting;
  }, { body: '<p>', right: 'there' }),
  scenario('a page that is closed ends it', async ({ newPage, attempt, side }) => {
    const other = await newPage();
    // Puppeteer goes on until its time is up.
    const clicking = attempt(other.locator('nothing').setTimeout(side === 'ours' ? 0 : 500).click());
    await other.evaluate('1');
    await other.close();
    return typeof (await clicking).threw;
  }, { right: 'string' }),
]);
