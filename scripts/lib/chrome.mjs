// A Chrome to render with: the one that is named, the one on PATH, Debian's headless shell, or the embedded one.

import { accessSync, constants, existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';

import { atInterrupt, run, say, SetupError, step, tail, warn } from './steps.mjs';

/** Names by which the headless shell goes on PATH, in the order in which the addon looks for them. */
const SHELL_NAMES = ['chromium-headless-shell', 'chrome-headless-shell', 'headless-shell', 'headless_shell'];
/** The same of full Chrome. */
const FULL_NAMES = [
  'google-chrome-stable',
  'google-chrome',
  'chrome',
  'chromium',
  'chromium-browser',
  'chrome-browser',
];
/** The light headless builds first. */
const NAMES = [...SHELL_NAMES, ...FULL_NAMES];
/** Where installers put a Chrome without a name on PATH. */
const PLACES = [
  '/opt/google/chrome/chrome',
  '/opt/chromium.org/chromium/chromium',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
];
const DEBIAN_SHELL = 'chromium-headless-shell';
const DEBIAN_FULL = 'chromium';
const CHECK_TIMEOUT_MS = 60_000;
const UNPACK_TIMEOUT_MS = 300_000;

function isProgram(file) {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}

function onPath(names, path = process.env.PATH ?? '') {
  const directories = path.split(delimiter).filter(Boolean);
  return names.flatMap((name) => directories.map((directory) => join(directory, name))).filter(isProgram);
}

const isRoot = () => process.getuid?.() === 0;

/** Chrome does not run sandboxed as root, so the sandbox is off there unless the environment has decided. */
export function allowRoot(env = process.env) {
  if (isRoot() && env.CI !== 'true' && !env.PUPPETEER_DISABLE_SANDBOX) env.PUPPETEER_DISABLE_SANDBOX = 'true';
}

function sandboxOff(env = process.env) {
  return env.CI === 'true' || env.PUPPETEER_DISABLE_SANDBOX === 'true';
}

/** What Chrome says when it does not start, or `null` when it does. */
async function whyBroken(file) {
  const profile = mkdtempSync(join(tmpdir(), 'pagepool-setup-'));
  const interrupted = new AbortController();
  const remove = () => rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  const forget = atInterrupt(() => {
    interrupted.abort();
    remove();
  });
  try {
    const args = ['--headless', '--disable-gpu', '--no-first-run', '--disable-background-networking'];
    args.push('--disable-component-update', '--disable-sync', '--disable-quic', `--user-data-dir=${profile}`);
    if (sandboxOff()) args.push('--no-sandbox', '--disable-setuid-sandbox');
    args.push('--dump-dom', 'data:text/html,<title>pagepool</title>');
    const { code, signal, output, stdout } = await run(file, args, {
      timeoutMs: CHECK_TIMEOUT_MS,
      signal: interrupted.signal,
    });
    if (code === 0 && stdout.includes('pagepool')) return null;
    return `${file} ended with ${signal ?? `code ${code}`}:\n${tail(output, 15)}`;
  } catch (error) {
    return `${file}: ${error.message}`;
  } finally {
    forget();
    remove();
  }
}

function brokenHint(reason) {
  if (/sandbox/i.test(reason)) {
    return 'Chrome found no usable sandbox here. In a container, PUPPETEER_DISABLE_SANDBOX=true runs it without.';
  }
  const library = /loading shared libraries: (\S+?):/.exec(reason)?.[1];
  if (library)
    return `Its library ${library} is missing. On Debian or Ubuntu, installing a chromium package brings it.`;
  return 'Name another Chrome with PUPPETEER_EXECUTABLE_PATH.';
}

async function versionOf(file) {
  const { stdout } = await run(file, ['--version', '--no-sandbox'], { timeoutMs: CHECK_TIMEOUT_MS });
  return stdout.trim().split('\n').at(-1) ?? '';
}

function mayInstall() {
  return (
    isRoot() &&
    existsSync('/etc/debian_version') &&
    onPath(['apt-get']).length > 0 &&
    !process.env.PAGEPOOL_NO_APT
  );
}

/** Installs a package of Debian's; tells why it could not, where it could not. */
async function installDebianPackage(name) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  return step(`Chrome: apt-get install ${name}`, async (now) => {
    const update = await run('apt-get', ['update'], { env, now });
    const install = await run('apt-get', ['install', '-y', '--no-install-recommends', name], { env, now });
    return install.code === 0 ? null : tail(update.output + install.output, 6);
  });
}

/**
 * The Chromes to test on, one of each kind that there is: the headless shell and full Chrome behave differently. One
 * that `PUPPETEER_EXECUTABLE_PATH` names stands for itself.
 *
 * @returns {{ kind: string, path: string | undefined }[]} without a path: none of that kind was found
 */
export function testedChromes(named = process.env.PUPPETEER_EXECUTABLE_PATH) {
  if (named) return [{ kind: 'the Chrome of PUPPETEER_EXECUTABLE_PATH', path: named }];
  return [
    { kind: 'headless shell', path: onPath(SHELL_NAMES)[0] },
    { kind: 'full Chrome', path: [...onPath(FULL_NAMES), ...PLACES.filter(isProgram)][0] },
  ];
}

/** Installs what is missing of the two kinds, where that is allowed; the tests say which they have run on. */
export async function bringTestedChromes(root) {
  allowRoot();
  if (!process.env.PUPPETEER_EXECUTABLE_PATH && mayInstall()) {
    const missing = testedChromes().filter(({ path }) => !path);
    for (const { kind } of missing) {
      const failure = await installDebianPackage(kind === 'headless shell' ? DEBIAN_SHELL : DEBIAN_FULL);
      if (failure) warn(`apt-get could not install the ${kind}, so nothing is tested on it:\n${failure}`);
    }
  }
  const chromes = testedChromes().filter(({ path }) => path);
  if (chromes.length === 0) return bringChrome(root);
  for (const { path } of chromes) {
    const reason = isProgram(path) ? await whyBroken(path) : `${path}: no such program`;
    if (reason)
      throw new SetupError(`A Chrome to test on does not start: ${path}`, {
        details: reason,
        hint: brokenHint(reason),
      });
    say('Chrome', `${await versionOf(path)} (${path})`);
  }
}

/**
 * Finds a Chrome that starts, or brings one, and names it in the environment for what runs next.
 *
 * @param {string} root the package's directory
 */
export async function bringChrome(root) {
  allowRoot();
  const named = process.env.PUPPETEER_EXECUTABLE_PATH;
  if (named) {
    const reason = isProgram(named) ? await whyBroken(named) : `${named}: no such program`;
    if (reason) {
      throw new SetupError('The Chrome named by PUPPETEER_EXECUTABLE_PATH does not start.', {
        details: reason,
        hint: isProgram(named)
          ? brokenHint(reason)
          : 'Correct the path, or unset the variable to have one found.',
      });
    }
    say('Chrome', `${await versionOf(named)} (PUPPETEER_EXECUTABLE_PATH)`);
    return;
  }

  let broken = await tryThose([...onPath(NAMES), ...PLACES.filter(isProgram)]);
  if (broken === null) return;

  if (mayInstall()) {
    const failure = await installDebianPackage(DEBIAN_SHELL);
    if (failure) warn(`apt-get could not install it, so the embedded Chrome is next:\n${failure}`);
    broken = (await tryThose(onPath([DEBIAN_SHELL]))) ?? null;
    if (broken === null) return;
  }

  const embedded = join(root, 'node_modules', '@sparticuz', 'chromium', 'bin', 'chromium.br');
  if (process.platform === 'linux' && process.arch === 'x64' && existsSync(embedded)) {
    await tryEmbedded(root);
    return;
  }
  throw new SetupError('There is no Chrome that could be used.', {
    details: broken || `Looked on PATH for ${NAMES.join(', ')}.`,
    hint: broken
      ? brokenHint(broken)
      : 'Install Chromium or Chrome (Debian: apt-get install chromium-headless-shell),\nor name one with PUPPETEER_EXECUTABLE_PATH.',
  });
}

/** Starts a browser as the addon finds it, and prints what it is called and where it is. */
const START = `
const { readlinkSync } = require('node:fs');
const { BrowserManager } = require(process.argv[1]);
const manager = new BrowserManager();
manager
  .getBrowser()
  .then(async (browser) => process.stdout.write(JSON.stringify([await browser.version(), readlinkSync('/proc/' + browser.process().pid + '/exe')])))
  .then(() => manager.stop())
  .catch((error) => {
    process.stderr.write(error.message);
    process.exitCode = 1;
  });`;

/** Has the addon unpack the embedded Chrome now, where somebody can see that it takes a while. */
async function tryEmbedded(root) {
  const [version, path] = await step(
    'Chrome: none installed, unpacking the embedded headless build',
    async () => {
      const interrupted = new AbortController();
      const forget = atInterrupt(() => interrupted.abort());
      const args = ['-e', START, join(root, 'index.js')];
      const { code, stdout, output } = await run(process.execPath, args, {
        timeoutMs: UNPACK_TIMEOUT_MS,
        signal: interrupted.signal,
      });
      forget();
      if (code === 0) return JSON.parse(stdout);
      throw new SetupError('The embedded Chrome does not start.', {
        details: tail(output, 15),
        hint: brokenHint(output),
      });
    },
  );
  process.env.PUPPETEER_EXECUTABLE_PATH = path;
  say('Chrome', `${version} (embedded)`);
}

/** Settles on the first of these that starts: `null`; else what the last one said, or `''`. */
async function tryThose(files) {
  let broken = '';
  for (const file of files) {
    const reason = await whyBroken(file);
    if (!reason) {
      process.env.PUPPETEER_EXECUTABLE_PATH = file;
      say('Chrome', `${await versionOf(file)} (${file})`);
      return null;
    }
    warn(`A Chrome that does not start: ${reason}`);
    broken = reason;
  }
  return broken;
}
