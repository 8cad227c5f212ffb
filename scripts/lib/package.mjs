// The packages that are made of this tree: one for each platform with its addon, and the main one, which depends on those.

import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

import { addonOf, thisPlatform } from './platform.mjs';
import { run, SetupError, tail } from './steps.mjs';

/** The platforms that addons are built for ahead of time; `prebuilt` of index.js knows the same. */
export const PLATFORMS = {
  'linux-x64-gnu': { os: 'linux', cpu: 'x64', libc: 'glibc', title: 'Linux on x64' },
  'linux-arm64-gnu': { os: 'linux', cpu: 'arm64', libc: 'glibc', title: 'Linux on ARM (64 bits)' },
};

export const packageOf = (platform) => `@pagepool/${platform}`;

/** The version of glibc that a program for Linux needs: the newest that it names in its table of strings. */
export function glibcOf(file) {
  const named = readFileSync(file, 'latin1').matchAll(/\0GLIBC_(\d+)\.(\d+)(?=\.\d+\0|\0)/g);
  const minors = [...named].filter(([, major]) => major === '2').map(([, , minor]) => Number(minor));
  return minors.length > 0 ? `2.${Math.max(...minors)}` : null;
}

const readManifest = (root) => JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const writeManifest = (directory, manifest) =>
  writeFileSync(join(directory, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);

/** Makes a tarball of what `fill` puts into a directory. */
async function pack(out, fill) {
  mkdirSync(out, { recursive: true });
  const staged = mkdtempSync(join(tmpdir(), 'pagepool-pack-'));
  try {
    await fill(staged);
    const args = ['pack', '--pack-destination', out, '--ignore-scripts', '--json'];
    const { code, output, stdout } = await run('npm', args, { cwd: staged });
    if (code !== 0) throw new SetupError('`npm pack` failed.', { details: tail(output) });
    // By name or in a list, as npm's version has it.
    const [{ filename, size, unpackedSize }] = Object.values(JSON.parse(stdout));
    // Older ones write a scope as it is into the name that they tell, and not into that of the file.
    const name = filename.replace(/^@/, '').replaceAll('/', '-');
    return { file: join(out, name), size, unpackedSize };
  } finally {
    rmSync(staged, { recursive: true, force: true });
  }
}

/**
 * The main package: all that plain `npm pack` puts into it but the addon. It has no install script, and names the
 * packages of the platforms as optional dependencies, in its own version.
 */
export async function packMain(root, out) {
  return pack(out, (staged) => {
    const manifest = readManifest(root);
    manifest.files = manifest.files.filter((pattern) => pattern !== '*.node');
    // What is taken out of these again is npm's business.
    const included = manifest.files.filter((pattern) => !pattern.startsWith('!'));
    for (const name of [...included, 'README.md', 'LICENSE']) {
      mkdirSync(dirname(join(staged, name)), { recursive: true });
      cpSync(join(root, name), join(staged, name), { recursive: true });
    }
    // For work on a checkout.
    for (const key of ['scripts', 'devDependencies']) delete manifest[key];
    const packages = Object.keys(PLATFORMS).map((platform) => [packageOf(platform), manifest.version]);
    manifest.optionalDependencies = { ...manifest.optionalDependencies, ...Object.fromEntries(packages) };
    writeManifest(staged, manifest);
  });
}

/** The package of a platform, with the addon that lies in the tree or is given. */
export async function packPlatform(root, out, { platform = thisPlatform(), addon } = {}) {
  const known = PLATFORMS[platform];
  if (!known) {
    throw new SetupError(`There is no package for ${platform}.`, {
      hint: `There is one for ${Object.keys(PLATFORMS).join(', ')}: \`PLATFORMS\` of scripts/lib/package.mjs.`,
    });
  }
  const built = addon ?? join(root, addonOf(platform));
  if (!existsSync(built))
    throw new SetupError(`${built} is not there.`, { hint: '`npm run build` makes it.' });
  const { os, cpu, libc, title } = known;
  const glibc = glibcOf(built);
  const packed = await pack(out, (staged) => {
    const { version, license, engines } = readManifest(root);
    cpSync(built, join(staged, addonOf(platform)));
    cpSync(join(root, 'LICENSE'), join(staged, 'LICENSE'));
    writeFileSync(
      join(staged, 'README.md'),
      `# ${packageOf(platform)}\n\nThe addon of \`pagepool\` for ${title}, with glibc ${glibc} or newer. Install \`pagepool\`, which depends on it.\n`,
    );
    writeManifest(staged, {
      name: packageOf(platform),
      version,
      description: `The addon of pagepool for ${title}`,
      license,
      main: addonOf(platform),
      engines,
      os: [os],
      cpu: [cpu],
      libc: [libc],
    });
  });
  return { ...packed, glibc };
}
