'use strict';

// Which Chrome the tests of real browsers use, and a browser manager over puppeteer-core for comparison.
//
// A file that needs a real Chrome requires this one, itself or by another helper: the runner runs such a file once on
// each kind of Chrome that there is, and gives no Chrome to any other.

const fs = require('node:fs');
const path = require('node:path');
const QUnit = require('qunit');

const NAMES = [
  'chromium-headless-shell', 'chrome-headless-shell', 'headless_shell', 'chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome', 'chrome',
];

function findChrome() {
  if (process.env.PUPPETEER_EXECUTABLE_PATH) {
    return process.env.PUPPETEER_EXECUTABLE_PATH;
  }
  for (const name of NAMES) {
    for (const dir of (process.env.PATH ?? '').split(path.delimiter)) {
      const file = path.join(dir, name);
      if (dir && fs.existsSync(file)) {
        return file;
      }
    }
  }
  return undefined;
}

/** `QUnit.test` of something on a real Chrome: without one it fails, so that no run is green by leaving it out. */
const chromeTest = (name, run) =>
  QUnit.test(name, findChrome() ? run : (assert) => assert.true(false, 'there is a Chrome: set PUPPETEER_EXECUTABLE_PATH'));

/** As root Chrome runs only without its sandbox. */
const needsNoSandbox = () => process.getuid?.() === 0 || process.env.CI === 'true' || process.env.PUPPETEER_DISABLE_SANDBOX === 'true';

class PuppeteerManager {
  #browser;

  getBrowser() {
    const puppeteer = require('puppeteer-core');
    this.#browser ??= puppeteer.launch({
      executablePath: findChrome(),
      headless: /headless.shell/.test(findChrome()) ? 'shell' : true,
      args: [...(needsNoSandbox() ? ['--no-sandbox', '--disable-setuid-sandbox'] : []), '--disable-background-networking', '--no-first-run'],
    });
    return this.#browser;
  }

  async cleanupUserDataDirs() {}

  async stop() {
    const browser = await this.#browser;
    await browser?.close();
  }
}

module.exports = { PuppeteerManager, chromeTest, findChrome, needsNoSandbox };
