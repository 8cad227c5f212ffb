'use strict';

const path = require('node:path');
const { differential, scenario } = require('./harness.js');

const INPUT = '<input type="file"><script>globalThis.heard = []; for (const n of ["input", "change", "cancel"]) document.querySelector("input").addEventListener(n, (e) => heard.push(n + e.bubbles))</script>';
const SEVERAL = INPUT.replace('type="file"', 'type="file" multiple');

const opened = async (page, selector = 'input') => (await Promise.all([page.waitForFileChooser(), page.click(selector)]))[0];
const names = (page) => page.$eval('input', (input) => [...input.files].map((file) => file.name));
const heard = (page) => page.evaluate('heard');

differential('file chooser', [
  scenario('by a click', async ({ page }) => {
    const chooser = await opened(page);
    return [chooser.constructor.name, chooser.isMultiple(), await names(page)];
  }, { body: INPUT, right: ['FileChooser', false, []] }),
  scenario('accept', async ({ page }) => {
    const chooser = await opened(page);
    await chooser.accept([__filename]);
    return [await names(page), await heard(page)];
  }, { body: INPUT, right: [[path.basename(__filename)], ['inputtrue', 'changetrue']] }),
  scenario('accept a relative path', async ({ page }) => {
    const chooser = await opened(page);
    await chooser.accept([path.relative(process.cwd(), __filename)]);
    return names(page);
  }, { body: INPUT }),
  scenario('accept several', async ({ page }) => {
    const chooser = await opened(page);
    await chooser.accept([__filename, path.join(__dirname, 'harness.js')]);
    return [chooser.isMultiple(), await names(page)];
  }, { body: SEVERAL, right: [true, ['file-chooser.test.js', 'harness.js']] }),
  scenario('accept several where one is possible', async ({ page, attempt }) => {
    const chooser = await opened(page);
    return [await attempt(() => chooser.accept([__filename, __filename])), await names(page)];
  }, { body: INPUT, right: [{ threw: 'Error: Multiple file uploads only work with <input type=file multiple>' }, []] }),
  scenario('accept nothing takes the files away', async ({ page }) => {
    await (await opened(page)).accept([__filename]);
    await (await opened(page)).accept([]);
    return [await names(page), await heard(page)];
  }, { body: INPUT, right: [[], ['inputtrue', 'changetrue', 'inputtrue', 'changetrue']] }),
  scenario('cancel', async ({ page }) => {
    const chooser = await opened(page);
    await chooser.cancel();
    return [await names(page), await heard(page)];
  }, { body: INPUT, right: [[], ['canceltrue']] }),
  scenario('handled twice', async ({ page, attempt }) => {
    const first = await opened(page);
    await first.accept([]);
    const second = await opened(page);
    await second.cancel();
    return Promise.all([() => first.accept([]), () => first.cancel(), () => second.accept([]), () => second.cancel()].map(attempt));
  }, { body: INPUT }),
  scenario('one after another', async ({ page }) => {
    await (await opened(page)).accept([__filename]);
    await (await opened(page)).accept([path.join(__dirname, 'harness.js')]);
    return names(page);
  }, { body: INPUT, right: ['harness.js'] }),
  scenario('opened by the page', async ({ page }) => {
    const [chooser] = await Promise.all([
      page.waitForFileChooser(),
      page.evaluate(() => {
        const input = document.createElement('input');
        input.type = 'file';
        setTimeout(() => input.click());
      }),
    ]);
    return chooser.isMultiple();
  }, { right: false }),
  scenario('all who wait get the same', async ({ page }) => {
    const [first, second] = await Promise.all([page.waitForFileChooser(), page.waitForFileChooser(), page.click('input')]);
    return first === second;
  }, { body: INPUT, right: true }),
  scenario('in a frame', async ({ page, server }) => {
    await page.goto(server.html(`<iframe src="${server.html(INPUT)}"></iframe>`));
    const frame = page.frames()[1];
    const [chooser] = await Promise.all([page.waitForFileChooser(), frame.click('input')]);
    await chooser.accept([__filename]);
    return frame.$eval('input', (input) => input.files[0].name);
  }, { right: 'file-chooser.test.js' }),
  scenario('with a timeout', ({ page }) => page.waitForFileChooser({ timeout: 1 })),
  scenario('with the timeout of the page', ({ page }) => {
    page.setDefaultTimeout(1);
    return page.waitForFileChooser();
  }),
  scenario('its own timeout comes first', ({ page }) => {
    page.setDefaultTimeout(0);
    return page.waitForFileChooser({ timeout: 1 });
  }),
  scenario('without a limit', async ({ page }) => {
    const [chooser] = await Promise.all([page.waitForFileChooser({ timeout: 0 }), page.evaluate(() => setTimeout(() => document.querySelector('input').click(), 50))]);
    return chooser.isMultiple();
  }, { body: INPUT }),
  scenario('aborted', async ({ page, attempt }) => {
    const controller = new AbortController();
    const waiting = attempt(page.waitForFileChooser({ signal: controller.signal }));
    controller.abort(new Error('enough'));
    return waiting;
  }, { right: { threw: 'Error: enough' } }),
  scenario('the next one after one that was given up', async ({ page, attempt }) => {
    const given = await attempt(page.waitForFileChooser({ timeout: 1 }));
    return [given, (await opened(page)).isMultiple()];
  }, { body: INPUT }),
  scenario('nobody waits', async ({ page }) => {
    await opened(page);
    await page.click('input');
    return (await opened(page)).isMultiple();
  }, { body: INPUT }),
  scenario('uploadFile of several where one is possible', async ({ page, attempt }) => {
    const input = await page.$('input');
    return attempt(() => input.uploadFile(__filename, __filename));
  }, { body: INPUT }),
  scenario('uploadFile of nothing', async ({ page }) => {
    const input = await page.$('input');
    await input.uploadFile(__filename);
    await input.uploadFile();
    return [await names(page), await heard(page)];
  }, { body: INPUT, right: [[], ['inputtrue', 'changetrue', 'inputtrue', 'changetrue']] }),
  scenario('close: a pending waitForFileChooser', async ({ attempt, newPage }) => {
    const other = await newPage();
    const waiting = attempt(other.waitForFileChooser());
    await other.evaluate('1');
    await other.close();
    return Promise.race([waiting, new Promise((resolve) => setTimeout(resolve, 3000, 'still pending'))]);
  }),
]);
