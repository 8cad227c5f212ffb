// A second client on a leased page: puppeteer takes hold of the very page that the pool has handed out, over the port
// that Chrome opens beside the pool's pipe. What one side does, the other sees.
//
//   node examples/second-client.mjs

import { createRequire } from 'node:module';

import puppeteer from 'puppeteer-core';

import { startHostApp } from './host-app/server.mjs';

const { BrowserManager, PagePool } = createRequire(import.meta.url)('../index.js');

process.env.PRERENDER_MANAGER_URL ??= '';

const say = (text) => process.stdout.write(`${text}\n`);

const app = await startHostApp();
// Without the option Chrome listens to the pool's pipe only, and `wsEndpoint()` is empty.
const browserManager = new BrowserManager({ debuggingPort: true });
const pool = new PagePool({
  maxPages: 1,
  serverURL: 'http://localhost:4221',
  boxelHostURL: app.origin,
  browserManager,
});

let client;
try {
  const lease = await pool.getPage('realm:https://acme.example/');
  const browser = await browserManager.getBrowser();
  say(`Chrome listens at ${browser.wsEndpoint()}`);

  client = await puppeteer.connect({ browserWSEndpoint: browser.wsEndpoint(), defaultViewport: null });
  const targetId = lease.page.target()._targetId;
  const target = await client.waitForTarget((candidate) => candidate._targetId === targetId);
  const page = await target.page();
  say(`puppeteer has the page of lease ${lease.pageId}: ${page.url()}`);

  await lease.page.evaluate(() => {
    globalThis.note = 'left by the pool';
  });
  say(`puppeteer reads: ${await page.evaluate(() => globalThis.note)}`);
  await page.evaluate(() => {
    document.title = 'renamed by puppeteer';
  });
  say(`the lease reads: ${await lease.page.title()}`);

  // Leaves the page open: it is the pool's.
  await client.disconnect();
  client = undefined;
  say(`without puppeteer the lease goes on: 6 × 7 = ${await lease.page.evaluate(() => 6 * 7)}`);
  lease.release();
} finally {
  await client?.disconnect();
  await pool.closeAll();
  await browserManager.stop();
  await app.close();
}
