'use strict';

const { differential, scenario } = require('./harness.js');

/** A page that keeps each touch event with its fingers in `events`. */
const PAGE = `<style>body { margin: 0; touch-action: none }</style>
<button id="b" style="position:absolute;left:10px;top:20px;width:100px;height:40px">press</button>
<div id="d" style="position:absolute;left:200px;top:100px;width:50px;height:50px"></div>
<script>
  globalThis.events = [];
  const fingers = (list) => [...list].map((t) => [Math.round(t.clientX), Math.round(t.clientY)].join(',')).join(' ');
  for (const name of ['touchstart', 'touchmove', 'touchend', 'touchcancel', 'click']) {
    document.addEventListener(name, (event) => {
      events.push([name, event.target.id || event.target.nodeName, event.isTrusted, event.shiftKey,
        ...(event.changedTouches ? [fingers(event.changedTouches), '|', fingers(event.touches)] : [])].join(' '));
    }, { passive: false });
  }
</script>`;

const touch = (name, run, right) =>
  scenario(
    name,
    async (given) => {
      await given.page.setViewport({ width: 400, height: 300, hasTouch: true });
      await given.page.goto(given.server.html(PAGE));
      const answer = await run(given);
      return [answer, await given.page.evaluate('events')];
    },
    right === undefined ? {} : { right },
  );

differential('touch', [
  touch('one finger', async ({ page }) => {
    const finger = await page.touchscreen.touchStart(20, 30);
    await finger.move(60, 50.4);
    await finger.end();
  }, [undefined, ['touchstart b true false 20,30 | 20,30', 'touchmove b true false 60,50 | 60,50', 'touchend b true false 60,50 | ']]),
  touch('by the screen', async ({ page }) => {
    await page.touchscreen.touchStart(20, 30);
    await page.touchscreen.touchMove(60, 50);
    await page.touchscreen.touchEnd();
  }),
  touch('by the element', async ({ page }) => {
    const button = await page.$('#b');
    await button.touchStart();
    await (await page.$('#d')).touchMove();
    await button.touchEnd();
  }, [undefined, ['touchstart b true false 60,40 | 60,40', 'touchmove b true false 225,125 | 225,125', 'touchend b true false 225,125 | ']]),
  touch('two fingers', async ({ page }) => {
    const first = await page.touchscreen.touchStart(20, 30);
    const second = await page.touchscreen.touchStart(90, 30);
    await second.move(100, 40);
    await first.end();
    await second.end();
  }),
  touch('the element moves the finger that is given', async ({ page }) => {
    await page.touchscreen.touchStart(20, 30);
    const second = await page.touchscreen.touchStart(90, 30);
    await (await page.$('#d')).touchMove(second);
    await page.touchscreen.touchEnd();
    await page.touchscreen.touchEnd();
  }),
  touch('with a modifier', async ({ page }) => {
    await page.keyboard.down('Shift');
    await (await page.touchscreen.touchStart(20, 30)).end();
    await page.keyboard.up('Shift');
  }),
  touch('tap after tap', async ({ page }) => {
    await page.touchscreen.tap(20, 30);
    await page.tap('#d');
  }),
  touch('nothing to move', ({ page, attempt }) => attempt(() => page.touchscreen.touchMove(1, 1)),
    [{ threw: 'TouchError: Must start a new Touch first' }, []]),
  touch('nothing to end', ({ page, attempt }) => attempt(() => page.touchscreen.touchEnd()),
    [{ threw: 'TouchError: Must start a new Touch first' }, []]),
  touch('nothing to end after the last', async ({ page, attempt }) => {
    await (await page.touchscreen.touchStart(20, 30)).end();
    return attempt(async () => (await page.$('#b')).touchEnd());
  }),
  touch('a finger that was lifted', async ({ page, attempt }) => {
    const finger = await page.touchscreen.touchStart(20, 30);
    await finger.end();
    return [await attempt(() => finger.move(1, 1)), await attempt(() => finger.end())];
  }),
  touch('calls that do not wait for one another', async ({ page, attempt }) => {
    const calls = [page.touchscreen.touchStart(20, 30), page.touchscreen.touchMove(30, 30), page.touchscreen.touchEnd()];
    return (await Promise.all(calls.map(attempt))).map((outcome) => outcome.threw ?? 'done');
  }),
]);
