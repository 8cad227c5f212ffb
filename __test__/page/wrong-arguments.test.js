'use strict';
// What ours refuses before Chrome is asked, where puppeteer sends it or fails somewhere inside: a TypeError that
// names what is wrong, with the code of wrong arguments, and nothing is sent.

const QUnit = require('qunit');
const { openSide } = require('./sides.js');

const TOUCH = '<button style="touch-action:none">b</button>';

/** Each call with what its error says. */
const calls = [
  ['touchStart without a place', ({ page }) => page.touchscreen.touchStart(), 'x must be a number of pixels, but is undefined'],
  ['touchStart with text', ({ page }) => page.touchscreen.touchStart(1, '2'), 'y must be a number of pixels, but is 2'],
  ['touchMove to no number', ({ page }) => page.touchscreen.touchMove(NaN, 2), 'x must be a number of pixels, but is NaN'],
  ['mouse.move to infinity', ({ page }) => page.mouse.move(1, Infinity), 'y must be a number of pixels, but is Infinity'],
  ['mouse.click without a place', ({ page }) => page.mouse.click(), 'x must be a number of pixels, but is undefined'],
  ['element.touchMove of no touch', async ({ page }) => (await page.$('button')).touchMove({}), 'expected a touch of touchStart()'],
  ['mouse.drag without a target', ({ page }) => page.mouse.drag({ x: 1, y: 1 }), 'target must be a point with x and y'],
  ['mouse.dragEnter of nothing', ({ page }) => page.mouse.dragEnter({ x: 1, y: 1 }), 'what is dragged must be an object with items'],
  ['mouse.drop of no items', ({ page }) => page.mouse.drop({ x: 1, y: 1 }, { dragOperationsMask: 1 }), /^an argument was not understood: missing field `items`/],
  ['element.drag to no point', async ({ page }) => (await page.$('button')).drag({ x: 1 }), 'target.y must be a number of pixels, but is undefined'],
  ['element.dragAndDrop to no element', async ({ page }) => (await page.$('button')).dragAndDrop({ x: 1, y: 1 }), 'the target must be an element'],
  ['captureHeapSnapshot without a path', ({ page }) => page.captureHeapSnapshot(), 'options.path must be a string'],
  ['captureHeapSnapshot to no path', ({ page }) => page.captureHeapSnapshot({ path: 5 }), 'options.path must be a string, but is 5'],
  ['emulateLocale of a number', ({ page }) => page.emulateLocale(49), 'the locale must be a string, but is 49'],
  ['autofill with nothing', async ({ page }) => (await page.$('button')).autofill({}), 'data must have a creditCard or an address'],
  ['uploadFile of a number', async ({ page }) => (await page.$('button')).uploadFile(5), 'a path must be a string, but is 5'],
  ['FileChooser.accept of text', async ({ page }) => {
    const [chooser] = await Promise.all([page.waitForFileChooser(), page.evaluate(() => {
      const input = document.createElement('input');
      input.type = 'file';
      setTimeout(() => input.click());
    })]);
    return chooser.accept('/file');
  }, 'paths must be an array of strings'],
];

QUnit.module('page/wrong arguments', (hooks) => {
  let side;
  let page;
  hooks.before(async () => {
    side = await openSide('ours');
  });
  hooks.after(async () => {
    await side.close();
    await side.server.close();
  });
  hooks.beforeEach(async () => {
    page = await side.browser.newPage();
    await page.goto(side.server.html(TOUCH));
  });
  hooks.afterEach(() => page.close());

  for (const [name, call, message] of calls) {
    QUnit.test(name, async (assert) => {
      const error = await Promise.resolve(call({ page, browser: side.browser })).then(
        () => assert.ok(false, 'it is refused'),
        (refusal) => refusal,
      );
      if (message instanceof RegExp) assert.true(message.test(error?.message), error?.message);
      else assert.strictEqual(error?.message, message);
      assert.strictEqual(error?.name, 'TypeError', 'its class');
      assert.strictEqual(error?.code, 'ERR_INVALID_ARG_VALUE', 'its code');
      assert.strictEqual(await page.evaluate(() => document.body.textContent), 'b', 'the page goes on');
    });
  }

  QUnit.test('captureHeapSnapshot to where nothing can be written', async (assert) => {
    const error = await page.captureHeapSnapshot({ path: '/nowhere/heap' }).catch((refusal) => refusal);
    assert.strictEqual(error.code, 'ERR_INVALID_ARG_VALUE', error.message);
    assert.true(/No such file/.test(error.message), error.message);
  });

  QUnit.test('emulateLocale of what is no locale', async (assert) => {
    const error = await page.emulateLocale('no such locale').catch((refusal) => refusal);
    assert.strictEqual(error.message, 'Invalid locale: no such locale');
    assert.strictEqual(error.code, 'ERR_INVALID_ARG_VALUE');
  });
});
