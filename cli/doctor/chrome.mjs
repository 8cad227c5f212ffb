// The checks that need a Chrome: found, its libraries, a launch with a page, a standby.

import { spawnSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  readSync,
  statSync,
} from 'node:fs';
import { delimiter, dirname, join } from 'node:path';

import { bytes, failed, ok, skipped, warning } from './surroundings.mjs';

const INSTALL = `Install one: "apt-get install chromium-headless-shell" (Debian), "npm install @sparticuz/chromium" (Linux on x64), or
"npx @puppeteer/browsers install chrome-headless-shell@stable"; or name one that is there: PUPPETEER_EXECUTABLE_PATH=/path/to/chrome.`;

const quiet = () => ({ debug() {}, info() {}, warn() {}, error() {} });

function isELF(file) {
  try {
    const head = Buffer.alloc(4);
    const descriptor = openSync(file, 'r');
    readSync(descriptor, head, 0, 4, 0);
    closeSync(descriptor);
    return head.toString('latin1') === '\x7fELF';
  } catch {
    return false;
  }
}

/** The program that a script starts, where it names one. */
function startedBy(script) {
  const paths = readFileSync(script, 'utf8').match(/\/[\w./+-]+/g) ?? [];
  return paths.find(
    (path) => existsSync(path) && statSync(path).isFile() && isELF(path) && /chrom|headless/.test(path),
  );
}

/** The processes of a group, with what they take of memory; Linux only. */
function group(leader) {
  const found = [];
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      // After the name in parentheses: state, parent, group.
      const [, , its] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1).split(' ');
      if (Number(its) !== leader) continue;
      const [, kibibytes] =
        /^Pss:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')) ?? [];
      found.push({ exe: readlinkSync(`/proc/${pid}/exe`), bytes: Number(kibibytes ?? 0) * 1024 });
    } catch {
      // It ended while it was looked at.
    }
  }
  return found;
}

function origin(path) {
  if (process.env.PUPPETEER_EXECUTABLE_PATH) return 'from PUPPETEER_EXECUTABLE_PATH';
  if ((process.env.PATH ?? '').split(delimiter).includes(dirname(path))) return 'on PATH';
  return existsSync(join(dirname(path), 'fonts.conf'))
    ? 'unpacked from @sparticuz/chromium'
    : 'where it is installed';
}

export class ChromeChecks {
  #lib;
  #options;
  #manager;
  #browser;
  #pool;
  #path;
  #program;

  /** `lib`: what the package exports, where it could be loaded. */
  constructor(lib, options) {
    this.#lib = lib;
    this.#options = options;
  }

  async find() {
    if (!this.#lib) return skipped('there is no addon to look for it');
    this.#manager = new this.#lib.BrowserManager({ launchTimeoutMs: this.#options.timeout });
    try {
      this.#path = await this.#manager.executablePath();
    } catch (error) {
      const isNamed = Boolean(process.env.PUPPETEER_EXECUTABLE_PATH);
      return failed(
        error.message,
        isNamed ? 'Correct PUPPETEER_EXECUTABLE_PATH, or unset it to have one found.' : INSTALL,
      );
    }
    this.#program = isELF(this.#path) ? this.#path : startedBy(this.#path);
    return ok(`${this.#path} (${origin(this.#path)})`);
  }

  async launch() {
    if (!this.#path) return skipped('there is no Chrome to start');
    try {
      const started = performance.now();
      this.#browser = await this.#manager.getBrowser();
      const launched = performance.now();
      const page = await this.#browser.newPage();
      const answer = await page.evaluate('6 * 7');
      const opened = performance.now();
      if (answer !== 42) return failed(`a page answered ${answer} to 6 × 7`);
      const processes = process.platform === 'linux' ? group(this.#browser.process().pid) : [];
      this.#program = processes.map(({ exe }) => exe).find(isChrome) ?? this.#program;
      const memory = processes.reduce((sum, { bytes: its }) => sum + its, 0);
      await page.close();
      const took = `in ${Math.round(launched - started)} ms, a page in ${Math.round(opened - launched)} ms`;
      return ok(`${await this.#browser.version()} ${took}${memory ? `, ${bytes(memory)}` : ''}`);
    } catch (error) {
      this.#browser = undefined;
      return failed(error.message, this.#whyNoLaunch(error));
    }
  }

  #whyNoLaunch({ message }) {
    if (/error while loading shared libraries|Error loading shared library/.test(message)) {
      return 'Libraries are missing: see below.';
    }
    if (/sandbox/i.test(message)) return 'Chrome found no usable sandbox: see "sandbox" above.';
    if (/did not answer within/.test(message)) return 'Is the machine that busy? --timeout gives it longer.';
    return 'Name another Chrome with PUPPETEER_EXECUTABLE_PATH.';
  }

  /** Comes after the launch: where a script starts Chrome, that has shown which program it is. */
  libraries() {
    if (process.platform !== 'linux') return skipped('looked at on Linux only');
    if (!this.#path) return skipped('there is no Chrome to look at');
    if (!this.#program) return skipped(`${this.#path} is a script, and has not started a Chrome`);
    const own = join(dirname(this.#program), 'lib');
    const env = existsSync(own) ? { ...process.env, LD_LIBRARY_PATH: own } : process.env;
    const { error, stdout, stderr } = spawnSync('ldd', [this.#program], {
      encoding: 'utf8',
      env,
      timeout: 30_000,
    });
    if (error) return skipped(`ldd: ${error.code ?? error.message}`);
    const said = `${stdout}\n${stderr}`;
    const missing = [...said.matchAll(/^\s*(\S+) => not found|Error loading shared library ([^:\s]+)/gm)].map(
      ([, glibc, musl]) => glibc ?? musl,
    );
    const count = stdout.split('\n').filter((line) => line.includes('=>')).length;
    if (missing.length === 0) return ok(`all ${count} of ${this.#program} are there`);
    const advice =
      'Install them; the package of a distribution brings all of them ("apt-get install chromium-headless-shell").';
    const detail = `missing for ${this.#program}: ${[...new Set(missing)].join(', ')}`;
    return this.#browser ? warning(detail, advice) : failed(detail, advice);
  }

  async standby() {
    if (!this.#browser) return skipped('there is no browser to load it in');
    const { url, timeout, 'ready-selector': readySelector } = this.#options;
    this.#pool = new this.#lib.PagePool({
      maxPages: 1,
      standbyURL: url,
      ...(readySelector === undefined ? {} : { readySelector }),
      standbyTimeoutMs: timeout,
      browserManager: this.#manager,
      logger: quiet,
    });
    const started = performance.now();
    const { ready, lastError } = await this.#pool.warmStandbys();
    if (ready > 0) return ok(`${url} was ready in ${Math.round(performance.now() - started)} ms`);
    return failed(describe(lastError, url), adviceFor(lastError));
  }

  /** Ends whatever was started. */
  async end() {
    const [pool, manager] = [this.#pool, this.#manager];
    this.#pool = undefined;
    await pool?.closeAll();
    await manager?.stop();
  }
}

const isChrome = (path) => isELF(path) && !/\/(ba|da|z|)sh$|busybox/.test(path);

/** All that is known of a standby that failed, a line each. */
function describe(error, url) {
  if (!error) return `${url}: no tab stands by`;
  const lines = [`${url}: ${error.message} (${error.code})`];
  if (error.status !== undefined) lines.push(`status: ${error.status}`);
  if (error.finalUrl !== undefined && error.finalUrl !== error.url)
    lines.push(`it led to: ${error.finalUrl}`);
  if (error.phase !== undefined) lines.push(`phase: ${error.phase}`);
  if (error.lastException !== undefined) lines.push(`it threw: ${error.lastException.split('\n')[0]}`);
  for (const { text } of (error.console ?? []).slice(0, 5)) lines.push(`it said: ${text.split('\n')[0]}`);
  return lines.join('\n');
}

function adviceFor(error) {
  switch (error?.code) {
    case 'STANDBY_NOT_READY':
      return 'Start what serves it: nothing answers there, or it answers 502 or 503.';
    case 'STANDBY_TIMEOUT':
      return 'It answers, but is not ready in time: open it in a browser and look at its console; --timeout gives it longer.';
    case 'STANDBY_FAILED':
      return 'Time does not help: correct the address, or the page.';
    default:
      return 'Open it in a browser on this machine.';
  }
}
