'use strict';

// Has a Chrome with leases and a stuck page, says so, and then ends in the manner it was asked to.

const http = require('node:http');
const { Worker, isMainThread, parentPort, workerData } = require('node:worker_threads');
const lib = require('../../..');

const quiet = () => ({ debug() {}, info() {}, warn() {}, error() {} });

async function host() {
  const server = http.createServer((_, response) => {
    response.setHeader('content-type', 'text/html');
    response.end('<div id="standby-ready"></div>');
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  server.unref();
  return `http://127.0.0.1:${server.address().port}`;
}

async function busy() {
  const browserManager = new lib.BrowserManager();
  const pool = new lib.PagePool({ maxPages: 2, serverURL: 'http://s', boxelHostURL: await host(), browserManager, logger: quiet });
  const held = await pool.getPage('a');
  const stuck = await pool.getPage('b');
  stuck.page.evaluate(() => {
    for (;;);
  }).catch(() => {});
  return { browserManager, pool, held, stuck };
}

const say = (words) => process.stdout.write(`${words}\n`);
const forever = () => setInterval(() => {}, 60_000);

const ends = {
  async 'a signal'() {
    await busy();
    forever();
    say('ready');
  },
  async 'process.exit'() {
    await busy();
    say('ready');
    process.exit(3);
  },
  async 'process.exit while closing'() {
    const { pool, browserManager } = await busy();
    pool.closeAll();
    browserManager.stop();
    say('ready');
    process.exit(3);
  },
  async 'process.exit while launching'() {
    new lib.BrowserManager().getBrowser();
    say('ready');
    setTimeout(() => process.exit(3), 20);
  },
  async 'an uncaught exception'() {
    await busy();
    say('ready');
    setTimeout(() => {
      throw new Error('nobody catches this');
    });
  },
  async 'running out of work'() {
    const { held, stuck, pool } = await busy();
    held.release();
    await pool.disposeAffinity('b', { awaitIdle: false });
    stuck.release();
    say('ready');
  },
  async 'the end of a worker'() {
    const worker = new Worker(__filename, { workerData: 'exits' });
    worker.on('exit', () => say('ready'));
  },
  async 'the termination of a worker'() {
    const worker = new Worker(__filename, { workerData: 'stays' });
    worker.on('message', async () => {
      await worker.terminate();
      say('ready');
      forever();
    });
  },
};

if (isMainThread) {
  ends[process.argv[2]]();
} else {
  busy().then(() => (workerData === 'exits' ? process.exit(0) : parentPort.postMessage('ready')));
}
