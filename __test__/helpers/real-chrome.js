'use strict';

// What every test of our own browser on a real Chrome begins and ends with: a host app, a directory that all profiles
// are made in, managers and pools that are closed; and at its end nothing of any Chrome is left.

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const lib = require('../..');
const { chromeTest, needsNoSandbox } = require('./chrome.js');
const { startHost } = require('./host.js');
const { Logs, withEnv } = require('./kit.js');
const { until, within } = require('./wait.js');

/** A test on a real Chrome takes as long as a busy machine needs. */
const LIMIT_MS = 90_000;

/** What runs: zombies, which have ended and wait for their parent to notice, do not. */
function processes() {
  const found = [];
  for (const pid of fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const command = fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
      // After the name in parentheses: state, parent, group.
      const [state, , group] = fs.readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1).split(' ');
      if (!'ZX'.includes(state)) {
        found.push({ pid: Number(pid), group: Number(group), command });
      }
    } catch {
      // It ended while it was looked at.
    }
  }
  return found;
}

/** The processes whose command line names the directory: a browser, a script that started it, who watches over it. */
const processesNaming = (directory) => processes().filter(({ command }) => command.includes(directory));

/** The renderers of a browser: they are in its process group, which has the id of the process that we started. */
const renderersOf = (pid) => processes().filter(({ group, command }) => group === pid && command.includes('--type=renderer'));

const BALLAST_BYTES = 192 * 1024 * 1024;

/** What a process has in memory that is not a file's, bytes; nothing of one that has ended since it was listed. */
function residentBytes(pid) {
  try {
    const [, kibibytes] = /^RssAnon:\s+(\d+) kB$/m.exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [0, 0];
    return kibibytes * 1024;
  } catch (error) {
    if (error.code === 'ENOENT' || error.code === 'ESRCH') return 0;
    throw error;
  }
}

/**
 * The id of the process that renders the page. Pages of different contexts never share one; which is this page's shows
 * by its memory, however slow the machine is.
 */
async function rendererOf(page) {
  const { pid } = page.browser().process();
  const sizes = () => new Map(renderersOf(pid).map((renderer) => [renderer.pid, residentBytes(renderer.pid)]));
  const before = sizes();
  await page.evaluate((bytes) => {
    globalThis.ballast = new Uint8Array(bytes).fill(1);
  }, BALLAST_BYTES);
  const after = sizes();
  await page.evaluate(() => {
    delete globalThis.ballast;
  });
  const grown = [...after.keys()].filter((renderer) => after.get(renderer) - (before.get(renderer) ?? Infinity) > BALLAST_BYTES * 0.9);
  if (grown.length !== 1) {
    throw new Error(`${grown.length} renderers have grown with the page: ${JSON.stringify({ before: [...before], after: [...after] })}`);
  }
  return grown[0];
}

class ChromeKit {
  constructor() {
    this.directory = fs.mkdtempSync(path.join(os.tmpdir(), 'pagepool-test-'));
    this.before = { ...process.env };
    process.env.PRERENDER_MANAGER_URL = '';
    process.env.TMPDIR = this.directory;
    if (needsNoSandbox()) {
      process.env.PUPPETEER_DISABLE_SANDBOX = 'true';
    }
    this.managers = [];
    this.pools = [];
    this.leases = [];
    this.groups = new Set();
    this.unhandled = [];
    this.onUnhandled = (reason) => this.unhandled.push(reason);
    process.on('unhandledRejection', this.onUnhandled);
  }

  async start() {
    this.host = await startHost();
  }

  manager(options) {
    const manager = new lib.BrowserManager(options);
    this.managers.push(manager);
    return manager;
  }

  /** A pool over the manager, or over one of its own; with its `logs` beside it. */
  pool({ manager = this.manager(), env = {}, ...options } = {}) {
    const logs = new Logs();
    const { TMPDIR, PUPPETEER_DISABLE_SANDBOX } = process.env;
    const base = { PRERENDER_MANAGER_URL: '', TMPDIR, ...(PUPPETEER_DISABLE_SANDBOX && { PUPPETEER_DISABLE_SANDBOX }) };
    const pool = withEnv({ ...base, ...env }, () => new lib.PagePool({
      maxPages: 2, serverURL: 'http://server.test', boxelHostURL: this.host.url, browserManager: manager, logger: logs.factory,
      closeTimeoutMs: 2000, tabHealthProbeMs: 1000, ...options,
    }));
    this.pools.push(pool);
    return { pool, logs, manager };
  }

  /** A lease that is released at the end of the test at the latest. */
  async take(pool, key, queue, options) {
    const lease = await within(pool.getPage(key, queue, options), `getPage(${key})`, 30_000);
    this.leases.push(lease);
    return lease;
  }

  async visit(pool, key) {
    const lease = await this.take(pool, key);
    const answer = await within(lease.page.evaluate(() => document.querySelector('#standby-ready').textContent), 'an answer', 20_000);
    lease.release();
    return answer;
  }

  /** The process groups of the Chromes that run: as many as there are Chromes. */
  browsers() {
    const started = processesNaming(this.directory).filter(({ command }) => command.includes('--remote-debugging-pipe'));
    const groups = [...new Set(started.map(({ group }) => group))];
    groups.forEach((group) => this.groups.add(group));
    return groups;
  }

  /** What is left of the Chromes that this test has started, as far as it has seen them. */
  left() {
    return processes().filter(({ group, command }) => this.groups.has(group) || command.includes(this.directory));
  }

  async end(assert) {
    this.browsers();
    this.leases.forEach((lease) => lease.release());
    await within(Promise.all(this.pools.map((pool) => pool.closeAll())), 'closeAll', 40_000);
    await within(Promise.all(this.managers.map((manager) => manager.stop())), 'stop', 20_000);
    await this.host?.stop();
    for (const [name, value] of Object.entries({ TMPDIR: undefined, PUPPETEER_DISABLE_SANDBOX: undefined, PRERENDER_MANAGER_URL: undefined, ...this.before })) {
      if (value === undefined) {
        delete process.env[name];
      } else {
        process.env[name] = value;
      }
    }
    process.off('unhandledRejection', this.onUnhandled);
    assert.deepEqual(this.unhandled, [], 'no unhandled rejection');
    assert.deepEqual(fs.readdirSync(this.directory).filter((name) => name.startsWith('pagepool-profile-')), [], 'no profile is left');
    await until(() => this.left().length === 0, 'no process is left').catch((error) => assert.deepEqual(this.left(), [], error.message));
    fs.rmSync(this.directory, { recursive: true, force: true });
  }
}

/** A QUnit module whose tests run on a real Chrome. */
function chromeModule(name, define) {
  QUnit.module(name, (hooks) => {
    let kit;
    hooks.beforeEach(async (assert) => {
      assert.timeout(LIMIT_MS);
      kit = new ChromeKit();
      await kit.start();
    });
    hooks.afterEach((assert) => kit.end(assert));
    define(() => kit, chromeTest);
  });
}

module.exports = { chromeModule, processes, rendererOf, residentBytes };
