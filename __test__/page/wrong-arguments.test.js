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
      assert.strictEqual(error?.message, message);
      assert.strictEqual(error?.name, 'TypeError', 'its class');
      assert.strictEqual(error?.code, 'ERR_INVALID_ARG_VALUE', 'its code');
      assert.strictEqual(await page.evaluate(() => document.body.textContent), 'b', 'the page goes on');
    });
  }
});
