'use strict';

// `pagepool` as a person runs it: in a process of its own, whose output is read as it comes.

const { spawn } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { processes } = require('./real-chrome.js');
const { until, within } = require('./wait.js');

const root = path.join(__dirname, '..', '..');
const BIN = path.join(root, 'bin', 'pagepool.mjs');
const VARIABLES = /^(PRERENDER_|RENDER_TIMEOUT_MS$|PAGEPOOL_|BOXEL_|NO_COLOR$|FORCE_COLOR$)/;
const LIMIT_MS = 60_000;

/** This process's environment without what says how a pool goes about it. */
const plain = () => Object.fromEntries(Object.entries(process.env).filter(([name]) => !VARIABLES.test(name)));

/** A directory for what runs put into the one for temporary files, and the processes that name it. */
class Workplace {
  constructor() {
    this.directory = fs.mkdtempSync(path.join(os.tmpdir(), 'pagepool-cli-'));
    this.runs = [];
  }

  /** Starts `pagepool` with these arguments. */
  run(args, { env = {}, bin = BIN } = {}) {
    const child = spawn(process.execPath, [bin, ...args], {
      env: { ...plain(), TMPDIR: this.directory, PRERENDER_MANAGER_URL: '', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const run = { child, stdout: '', stderr: '', code: undefined, signal: undefined };
    for (const name of ['stdout', 'stderr']) {
      child[name].setEncoding('utf8').on('data', (chunk) => {
        run[name] += chunk;
      });
    }
    const closed = new Promise((resolve) => {
      child.on('close', (code, signal) => {
        Object.assign(run, { code, signal });
        resolve(run);
      });
    });
    run.ended = () => within(closed, `the end of pagepool ${args.join(' ')}`, LIMIT_MS);
    /** Resolves with the match once the output has it. */
    run.says = (stream, pattern) =>
      until(() => {
        const found = pattern.exec(run[stream]);
        if (!found && (run.code ?? run.signal) !== undefined) {
          throw new Error(`it ended with ${run.code ?? run.signal} and did not say ${pattern}:\n${run.stdout}\n${run.stderr}`);
        }
        return found;
      }, `${pattern} on ${stream}`, LIMIT_MS);
    this.runs.push(run);
    return run;
  }

  /** The processes that name the directory: a Chrome with its profile there, and who watches over it. */
  processes() {
    return processes()
      .filter(({ command }) => command.includes(this.directory))
      .map(({ pid, command }) => `${pid} ${command.slice(0, 150)}`);
  }

  /** Ends what still runs, and checks that nothing is left of any Chrome. */
  async end(assert) {
    for (const { child } of this.runs) {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill('SIGKILL');
      }
    }
    await until(() => this.processes().length === 0, 'no process is left', 20_000).catch(() => {});
    assert.deepEqual(this.processes(), [], 'no process is left');
    const profiles = () => fs.readdirSync(this.directory).filter((name) => name.startsWith('pagepool-'));
    await until(() => profiles().length === 0, 'no profile is left').catch(() => {});
    assert.deepEqual(profiles(), [], 'no profile is left');
    fs.rmSync(this.directory, { recursive: true, force: true });
  }
}

/** A copy of what the package needs to run, away from any other package; without the addon where so asked. */
function copied(directory, { addon = true } = {}) {
  const copy = path.join(directory, 'installed');
  fs.mkdirSync(copy);
  for (const name of ['index.js', 'locator.js', 'package.json', 'Cargo.toml', 'bin', 'cli', 'scripts']) {
    fs.cpSync(path.join(root, name), path.join(copy, name), { recursive: true });
  }
  for (const name of addon ? fs.readdirSync(root).filter((name) => name.endsWith('.node')) : []) {
    fs.symlinkSync(path.join(root, name), path.join(copy, name));
  }
  return path.join(copy, 'bin', 'pagepool.mjs');
}

module.exports = { BIN, Workplace, copied };
