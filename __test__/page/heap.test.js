'use strict';

const { mkdtempSync, readFileSync, rmSync } = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { differential, scenario } = require('./harness.js');

/** Runs with a directory that is removed afterwards. */
async function inDirectory(run) {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'pagepool-test-'));
  try {
    return await run(directory);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

differential('heap', [
  scenario('captureHeapSnapshot', ({ page }) =>
    inDirectory(async (directory) => {
      await page.evaluate(() => {
        class KeptByThePage {}
        globalThis.kept = new KeptByThePage();
      });
      const file = path.join(directory, 'heap.heapsnapshot');
      const answer = await page.captureHeapSnapshot({ path: file });
      const snapshot = JSON.parse(readFileSync(file, 'utf8'));
      return [answer, Array.isArray(snapshot.nodes), snapshot.strings.includes('KeptByThePage')];
    }),
  { right: [undefined, true, true] }),
  scenario('two, one after the other', ({ page }) =>
    inDirectory(async (directory) => {
      const file = path.join(directory, 'heap.heapsnapshot');
      for (let time = 0; time < 2; time++) await page.captureHeapSnapshot({ path: file });
      return Object.keys(JSON.parse(readFileSync(file, 'utf8'))).length > 2;
    }),
  { right: true }),
  scenario('the page goes on afterwards', ({ page }) =>
    inDirectory(async (directory) => {
      await page.captureHeapSnapshot({ path: path.join(directory, 'heap') });
      return page.evaluate('6 * 7');
    }),
  { right: 42 }),
]);
