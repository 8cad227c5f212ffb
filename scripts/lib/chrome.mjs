// A Chrome to render with: the one that is named, the one on PATH, Debian's headless shell, or the embedded one.

import { accessSync, constants, existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';

import { atInterrupt, run, say, SetupError, step, tail, warn } from './steps.mjs';

/** Names Chrome goes by on PATH, in the order in which the addon looks for them: the light headless builds first. */
const NAMES = [
  'chromium-headless-shell',
  'chrome-headless-shell',
  'headless-shell',
  'headless_shell',
  'google-chrome-stable',
  'google-chrome',
  'chrome',
  'chromium',
  'chromium-browser',
  'chrome-browser',
];
/** Where installers put a Chrome without a name on PATH. */
const PLACES = [
  '/opt/google/chrome/chrome',
  '/opt/chromium.org/chromium/chromium',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
];
const DEBIAN_PACKAGE = 'chromium-headless-shell';
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

/** Installs Debian's headless shell; tells why it could not, where it could not. */
async function installDebianPackage() {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  return step(`Chrome: apt-get install ${DEBIAN_PACKAGE}`, async (now) => {
    const update = await run('apt-get', ['update'], { env, now });
    const install = await run('apt-get', ['install', '-y', '--no-install-recommends', DEBIAN_PACKAGE], {
      env,
      now,
    });
    return install.code === 0 ? null : tail(update.output + install.output, 6);
  });
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
    const failure = await installDebianPackage();
    if (failure) warn(`apt-get could not install it, so the embedded Chrome is next:\n${failure}`);
    broken = (await tryThose(onPath([DEBIAN_PACKAGE]))) ?? null;
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

/** Starts a browser as the addon finds it, and prints which one it is. */
const START = `
const { BrowserManager } = require(process.argv[1]);
const manager = new BrowserManager();
manager
  .getBrowser()
  .then((browser) => browser.version())
  .then((version) => process.stdout.write(version))
  .then(() => manager.stop())
  .catch((error) => {
    process.stderr.write(error.message);
    process.exitCode = 1;
  });`;

/** Has the addon unpack the embedded Chrome now, where somebody can see that it takes a while. */
async function tryEmbedded(root) {
  const version = await step('Chrome: none installed, unpacking the embedded headless build', async () => {
    const interrupted = new AbortController();
    const forget = atInterrupt(() => interrupted.abort());
    const args = ['-e', START, join(root, 'index.js')];
    const { code, stdout, output } = await run(process.execPath, args, {
      timeoutMs: UNPACK_TIMEOUT_MS,
      signal: interrupted.signal,
    });
    forget();
    if (code === 0) return stdout;
    throw new SetupError('The embedded Chrome does not start.', {
      details: tail(output, 15),
      hint: brokenHint(output),
    });
  });
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
