'use strict';
// The two browsers under comparison: puppeteer's and ours, each with its own server and its own Chrome.

const { readFileSync } = require('node:fs');
const puppeteer = require('puppeteer-core');
const { findChrome } = require('../helpers/chrome.js');
const { Server } = require('./server.js');

const ARGS = [
  '--no-sandbox',
  '--disable-setuid-sandbox',
  '--disable-background-networking',
  '--no-first-run',
  '--disable-component-update',
  '--disable-sync',
  '--disable-quic',
];

/** The one binary both sides run. */
function executablePath() {
  const found = findChrome();
  if (!found) throw new Error('no Chrome on PATH: set PUPPETEER_EXECUTABLE_PATH');
  return unwrapped(found);
}

/** Distributions start Chrome from a shell script that stays its parent: what it runs, so that a kill reaches Chrome. */
function unwrapped(file) {
  const head = readFileSync(file).subarray(0, 4096).toString('latin1');
  const target = head.startsWith('#!') ? /^(?:exec )?(\/\S*chrom\S*) "\$@"/m.exec(head)?.[1] : undefined;
  return target ?? file;
}

const isShell = () => /headless.shell/.test(executablePath());

async function openPuppeteer(more) {
  const browser = await puppeteer.launch({
    executablePath: executablePath(),
    headless: isShell() ? 'shell' : true,
    args: [...ARGS, ...more],
    protocolTimeout: 20_000,
  });
  return { browser, close: () => browser.close() };
}

async function openOurs(more) {
  const { BrowserManager } = require('../../index.js');
  const manager = new BrowserManager({ executablePath: executablePath(), args: [...ARGS, ...more] });
  const browser = await manager.getBrowser();
  return { browser, manager, close: () => manager.stop() };
}

const OPENERS = { puppeteer: openPuppeteer, ours: openOurs };

/** `puppeteer,ours`; `puppeteer,puppeteer` shows whether the scenarios themselves are deterministic. */
const names = () => (process.env.PAGE_SUITE_SIDES ?? 'puppeteer,ours').split(',');

/** A browser with these arguments of Chrome's beside the usual ones. */
const openBrowser = (name, more = []) => OPENERS[name](more);

async function openSide(name, more = []) {
  const server = await Server.start();
  try {
    return { name, server, ...(await openBrowser(name, more)) };
  } catch (error) {
    await server.close();
    throw error;
  }
}

module.exports = { ARGS, executablePath, isShell, names, openBrowser, openSide };
