'use strict';

// The package as somebody gets it: packed, and installed into a project of theirs, without Rust, scripts or a network.

const { execFileSync, spawnSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const esbuild = require('esbuild');
const ts = require('typescript');
const { chromeTest, needsNoSandbox } = require('./helpers/chrome.js');

const root = path.join(__dirname, '..');
const { version } = require('../package.json');
const { glibcVersionRuntime } = process.report.getReport().header;
const triple = [process.platform, process.arch, ...(process.platform === 'linux' ? [glibcVersionRuntime ? 'gnu' : 'musl'] : [])].join('-');
const addon = path.join(root, `pagepool.${triple}.node`);

const work = fs.mkdtempSync(path.join(os.tmpdir(), 'pagepool-install-'));
const project = path.join(work, 'project');
const installed = path.join(project, 'node_modules', 'pagepool');
const prebuilt = path.join(project, 'node_modules', '@pagepool', triple);
const called = path.join(work, 'called');

/** First on PATH are a cargo and a rustc that do not work, and that tell of each call. */
const env = {
  ...process.env,
  PATH: [path.join(work, 'bin'), process.env.PATH].join(path.delimiter),
  // A cache of its own: what is in the user's would do for a network.
  npm_config_cache: path.join(work, 'cache'),
  ...(needsNoSandbox() ? { PUPPETEER_DISABLE_SANDBOX: 'true' } : {}),
};

function run(command, args, { cwd = project } = {}) {
  return execFileSync(command, args, { cwd, env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

/** What a program of the project's writes, or what it fails with. */
function outcome(file) {
  const { stdout, stderr } = spawnSync(process.execPath, [file], { cwd: project, env, encoding: 'utf8' });
  return stdout + stderr;
}

function write(name, text) {
  const file = path.join(project, name);
  fs.writeFileSync(file, text);
  return file;
}

const callsOfRust = () => (fs.existsSync(called) ? fs.readFileSync(called, 'utf8') : '');

QUnit.module('installed from its tarballs', (hooks) => {
  let lib;

  hooks.before(async () => {
    lib = await import('../scripts/lib/package.mjs');
    for (const directory of ['bin', 'project']) {
      fs.mkdirSync(path.join(work, directory));
    }
    for (const name of ['cargo', 'rustc']) {
      fs.writeFileSync(path.join(work, 'bin', name), `#!/bin/sh\necho "${name} $*" >> '${called}'\nexit 127\n`, { mode: 0o755 });
    }
    write('package.json', '{ "name": "project", "version": "1.0.0" }');
    // Symbols are two thirds of it, and to pack and unpack them is most of the work.
    const small = path.join(work, path.basename(addon));
    run('strip', ['--strip-all', '-o', small, addon]);
    run(process.execPath, [path.join(root, 'scripts', 'pack.mjs'), '--out', work, '--addon', small]);
    const tarballs = [`../pagepool-${version}.tgz`, `../pagepool-${triple}-${version}.tgz`];
    run('npm', ['install', '--offline', '--ignore-scripts', '--no-audit', '--no-fund', ...tarballs]);
  });

  hooks.after(() => fs.rmSync(work, { recursive: true, force: true }));

  QUnit.test('no Rust is called and no script is there to be run', (assert) => {
    assert.strictEqual(callsOfRust(), '', 'neither cargo nor rustc is called');
    const manifest = JSON.parse(fs.readFileSync(path.join(installed, 'package.json'), 'utf8'));
    assert.strictEqual(manifest.scripts, undefined, 'the package has no scripts');
    assert.deepEqual(manifest.optionalDependencies, Object.fromEntries(Object.keys(lib.PLATFORMS).map((name) => [`@pagepool/${name}`, version])),
      'it depends on the packages of the platforms, in its own version');
    assert.deepEqual(Object.keys(manifest.dependencies ?? {}), [], 'and on nothing else');
    assert.false(fs.readdirSync(installed).some((name) => name.endsWith('.node')), 'its addon is not in it');
    assert.deepEqual(fs.readdirSync(prebuilt).sort(), ['LICENSE', 'README.md', 'package.json', `pagepool.${triple}.node`], 'but in its platform\'s');
    const { os: systems, cpu, libc } = JSON.parse(fs.readFileSync(path.join(prebuilt, 'package.json'), 'utf8'));
    assert.deepEqual([systems, cpu, libc], [[process.platform], [process.arch], ['glibc']], 'which is for this platform alone');
    for (const name of ['README.md', 'LICENSE', 'examples/prerender-server.mjs', 'docs/install.md', 'Cargo.toml', 'src/lib.rs']) {
      assert.true(fs.existsSync(path.join(installed, name)), `${name} is in it`);
    }
  });

  chromeTest('it is required, imported, and renders a page', async (assert) => {
    const program = write('render.mjs', `
      import { createRequire } from 'node:module';
      import { createPool, PagePool } from 'pagepool';
      import * as boxel from 'pagepool/boxel';
      const require = createRequire(import.meta.url);
      const pool = await createPool({ maxPages: 1 });
      const [title, picture] = await pool.use('acme', async ({ page }) => {
        await page.setContent('<title>installed</title><h1>Hello</h1>');
        return [await page.title(), await page.screenshot()];
      });
      await pool.closeAll();
      const same = [require('pagepool').PagePool, require('pagepool/boxel').PagePool, boxel.PagePool].every((it) => it === PagePool);
      console.log(JSON.stringify({ same, title, picture: Buffer.from(picture).subarray(1, 4).toString() }));
    `);
    assert.deepEqual(JSON.parse(run(process.execPath, [program])), { same: true, title: 'installed', picture: 'PNG' });
  });

  QUnit.test('TypeScript has its types, by whatever resolution', (assert) => {
    const text = (file) => `
      ${file.endsWith('.cts') ? "import pagepool = require('pagepool')" : "import * as pagepool from 'pagepool'"}
      import { createPool, type Lease } from 'pagepool'
      import { PagePool, type PagePoolOptions } from 'pagepool/boxel'
      export const today = (options: PagePoolOptions): pagepool.PagePool => new PagePool(options)
      export async function title(): Promise<string> {
        const pool = await createPool({ maxPages: 2 })
        return pool.use('acme', async ({ page }: Lease) => page.title())
      }
      // @ts-expect-error: an option that there is not
      createPool({ maxPage: 2 })
    `;
    const files = new Map();
    for (const [module, moduleResolution, ...names] of [
      ['Node16', 'Node16', 'node16.cts', 'node16.mts'], ['ESNext', 'Bundler', 'bundler.ts'], ['CommonJS', 'Node10', 'node10.ts'],
    ]) {
      const options = {
        strict: true, noEmit: true, target: ts.ScriptTarget.ES2022, lib: ['lib.es2022.d.ts', 'lib.dom.d.ts', 'lib.esnext.disposable.d.ts'],
        module: ts.ModuleKind[module], moduleResolution: ts.ModuleResolutionKind[moduleResolution],
        types: ['node'], typeRoots: [path.join(root, 'node_modules', '@types')],
      };
      const host = ts.createCompilerHost(options);
      const read = host.getSourceFile;
      // The standard library's are the same each time.
      host.getSourceFile = (file, ...rest) => {
        if (!path.basename(file).startsWith('lib.')) return read(file, ...rest);
        if (!files.has(file)) files.set(file, read(file, ...rest));
        return files.get(file);
      };
      host.getCurrentDirectory = () => project;
      const program = ts.createProgram(names.map((name) => write(name, text(name))), options, host);
      const faults = ts.getPreEmitDiagnostics(program).map((each) => `${each.file?.fileName}: ${ts.flattenDiagnosticMessageText(each.messageText, '\n')}`);
      assert.deepEqual(faults, [], `${moduleResolution}: nothing is wrong`);
    }
  });

  QUnit.test('a bundle that has swallowed it says that it has to be external', async (assert) => {
    const source = write('bundled.mjs', "import { PagePool } from 'pagepool'; console.log(PagePool.name);");
    for (const format of ['cjs', 'esm']) {
      const bundle = async (external) => {
        const outfile = path.join(project, 'bundle', `${external.length}.${format === 'esm' ? 'mjs' : 'cjs'}`);
        await esbuild.build({ entryPoints: [source], bundle: true, platform: 'node', format, outfile, external, minify: true, logLevel: 'silent' });
        return outcome(outfile);
      };
      const swallowed = await bundle([]);
      assert.true(swallowed.includes("pagepool: this file is part of a bundle") && swallowed.includes("mark 'pagepool' as external"), `${format}: ${swallowed}`);
      assert.strictEqual(await bundle(['pagepool']), 'PagePool\n', `${format}: so it works`);
    }
  });

  QUnit.test('names of errors survive a minifier', (assert) => {
    const index = path.join(installed, 'index.js');
    const before = fs.readFileSync(index, 'utf8');
    try {
      const { code } = esbuild.transformSync(before, { minify: true, platform: 'node', format: 'cjs' });
      assert.false(code.includes('class TimeoutError'), 'for comparison: names of classes do not');
      fs.writeFileSync(index, code);
      const names = ['PrerenderCancelledError', 'StandbyTargetNotReadyError', 'TimeoutError', 'ProtocolError', 'TargetCloseError', 'TouchError'];
      const program = write('names.cjs', `const lib = require('pagepool'); for (const name of ${JSON.stringify(names)}) console.log(String(new lib[name]('why')))`);
      assert.deepEqual(outcome(program).trim().split('\n').map((line) => line.replace(/: (prerender cancelled: )?why$/, '')), names);
    } finally {
      fs.writeFileSync(index, before);
    }
  });

  QUnit.test('where no package fits it says what was looked for, and names a command that builds', (assert) => {
    const elsewhere = path.join(work, 'elsewhere');
    const program = write('require.cjs', "require('pagepool')");
    fs.renameSync(prebuilt, elsewhere);
    try {
      const said = outcome(program);
      assert.true(said.includes(`no addon for ${process.platform} ${process.arch}`) && said.includes(`@pagepool/${triple}`), said);
      const [, script] = /"node (.+?)" builds it from source, with Rust/.exec(said) ?? [];
      assert.strictEqual(script, path.join(fs.realpathSync(installed), 'scripts', 'install.mjs'), said);
      const { status, stderr } = spawnSync(process.execPath, [script], { cwd: project, env, encoding: 'utf8' });
      assert.notStrictEqual(status, 0, 'without Rust it fails');
      assert.true(/Rust is needed/.test(stderr), stderr);
      assert.true(callsOfRust().startsWith('cargo --version'), 'it has asked for cargo');
    } finally {
      fs.renameSync(elsewhere, prebuilt);
    }
  });

  QUnit.test('an addon that does not load says why', (assert) => {
    const broken = path.join(installed, `pagepool.${triple}.node`);
    fs.writeFileSync(broken, 'no addon');
    try {
      const said = outcome(write('require.cjs', "try { require('pagepool') } catch (error) { console.log(error.code, error.message) }"));
      assert.true(said.startsWith(`ERR_DLOPEN_FAILED pagepool: ${fs.realpathSync(broken)} does not load: `) && said.includes('builds it from source'), said);
    } finally {
      fs.rmSync(broken);
    }
  });
});

QUnit.module('the addon of this tree', () => {
  QUnit.test('it needs no newer glibc than the documentation says', async (assert) => {
    const { glibcOf } = await import('../scripts/lib/package.mjs');
    const symbols = execFileSync('objdump', ['-T', addon], { encoding: 'utf8', maxBuffer: 1 << 28 });
    const needed = Math.max(...[...symbols.matchAll(/\(?GLIBC_2\.(\d+)/g)].map(([, minor]) => Number(minor)));
    const [, said] = /glibc 2\.(\d+) or newer/.exec(fs.readFileSync(path.join(root, 'docs', 'install.md'), 'utf8')) ?? [];
    assert.true(needed <= Number(said), `it needs 2.${needed}, and docs/install.md says 2.${said}`);
    assert.strictEqual(glibcOf(addon), `2.${needed}`, 'and its package says the same');
  });

  QUnit.test('npm pack keeps it where there is no Rust', (assert) => {
    const bin = fs.mkdtempSync(path.join(os.tmpdir(), 'pagepool-norust-'));
    const built = fs.statSync(addon).mtimeMs;
    try {
      fs.writeFileSync(path.join(bin, 'cargo'), '#!/bin/sh\nexit 127\n', { mode: 0o755 });
      const PATH = [bin, process.env.PATH].join(path.delimiter);
      const said = execFileSync('npm', ['run', '--silent', 'prepack'], { cwd: root, env: { ...process.env, PATH }, encoding: 'utf8' });
      assert.true(/the one that is there/.test(said), said);
      assert.strictEqual(fs.statSync(addon).mtimeMs, built, 'it is as it was');
    } finally {
      fs.rmSync(bin, { recursive: true });
    }
  });
});
