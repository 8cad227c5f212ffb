'use strict';

// Runs pools in worker threads that end by themselves, and in one that is terminated; tells what grew.

const fs = require('node:fs');
const { Worker, isMainThread, parentPort, workerData } = require('node:worker_threads');
const lib = require('../../..');
const { FakeBrowserManager } = require('../fake-browser.js');

const quiet = () => ({ debug() {}, info() {}, warn() {}, error() {} });

async function one(i) {
  const pool = new lib.PagePool({
    maxPages: 1 + (i % 2), serverURL: 'http://s', boxelHostURL: 'http://h', browserManager: new FakeBrowserManager(), logger: quiet,
  });
  (await pool.getPage('a')).release();
  (await pool.getPage('b')).release();
  (await pool.getPage('a')).release();
  await pool.closeAll();
}

async function worker() {
  if (workerData.endless) {
    parentPort.postMessage('working');
    for (let i = 0; ; i++) {
      await one(i);
    }
  }
  process.env.PRERENDER_PAGE_POOL_MIN = '7';
  process.env.PRERENDER_PAGE_POOL_MAX = '9';
  const own = new lib.PagePool({
    maxPages: 1, serverURL: 'http://s', boxelHostURL: 'http://h', browserManager: new FakeBrowserManager(), logger: quiet,
  });
  parentPort.postMessage(own.currentMaxPages);
  delete process.env.PRERENDER_PAGE_POOL_MIN;
  delete process.env.PRERENDER_PAGE_POOL_MAX;
  for (let i = 0; i < workerData.pools; i++) {
    await one(i);
  }
  if (workerData.leaveOpen) {
    const pool = new lib.PagePool({
      maxPages: 1, serverURL: 'http://s', boxelHostURL: 'http://h', browserManager: new FakeBrowserManager(), logger: quiet,
    });
    await pool.getPage('left open');
  }
}

const readCount = (path) => {
  try {
    return fs.readdirSync(path).length;
  } catch {
    return 0;
  }
};

function start(data) {
  const thread = new Worker(__filename, { workerData: data });
  let message;
  const first = new Promise((resolve) => thread.once('message', (m) => {
    message = m;
    resolve(m);
  }));
  const exit = new Promise((resolve, reject) => {
    thread.on('error', reject);
    thread.on('exit', resolve);
  });
  return { thread, first, exit, message: () => message };
}

async function measure() {
  for (let i = 0; i < 4; i++) {
    global.gc();
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return { threads: readCount('/proc/self/task'), fds: readCount('/proc/self/fd') };
}

async function main() {
  const warm = start({ pools: 5 });
  await warm.exit;
  const before = await measure();
  const exits = [];
  let workerEnvironment;
  for (let i = 0; i < 10; i++) {
    const w = start({ pools: 100, leaveOpen: i % 3 === 0 });
    exits.push(await w.exit);
    workerEnvironment = w.message();
  }
  const endless = start({ endless: true });
  await endless.first;
  await new Promise((resolve) => setTimeout(resolve, 50));
  const terminated = await endless.thread.terminate();
  const after = await measure();
  console.log(JSON.stringify({
    exits, terminated, workerEnvironment, threadGrowth: after.threads - before.threads, fdGrowth: after.fds - before.fds,
  }));
}

if (isMainThread) {
  main();
} else {
  worker();
}
