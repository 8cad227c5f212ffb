'use strict';

// Which Chrome the tests of real browsers use, and a browser manager over puppeteer-core for comparison.

const fs = require('node:fs');
const path = require('node:path');

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

/** As root Chrome runs only without its sandbox. */
const needsNoSandbox = () => process.getuid?.() === 0 || process.env.CI === 'true' || process.env.PUPPETEER_DISABLE_SANDBOX === 'true';

class PuppeteerManager {
  #browser;

  getBrowser() {
    const puppeteer = require('puppeteer-core');
    this.#browser ??= puppeteer.launch({
      executablePath: findChrome(),
      headless: 'shell',
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

module.exports = { PuppeteerManager, findChrome, needsNoSandbox };
