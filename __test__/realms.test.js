'use strict';

// In a context of `vm`, as test runners make one for each file, the package is what it is elsewhere: in Jest, in vitest's
// pool of contexts, and beside the package as Node's own realm has loaded it.

const { execFile } = require('node:child_process');
const { createRequire } = require('node:module');
const fs = require('node:fs');
const path = require('node:path');
const vm = require('node:vm');
const lib = require('..');
const { checks } = require('./realms/suite.cjs');

const ROOT = path.join(__dirname, '..');
const HERE = path.join(__dirname, 'realms');

/** Runs a program of node_modules; its output where it fails. */
function run(assert, file, args) {
  return new Promise((resolve) => {
    const env = { ...process.env, CI: 'true', NO_COLOR: '1' };
    execFile(process.execPath, [path.join(ROOT, 'node_modules', file), ...args], { cwd: HERE, env }, (error, stdout, stderr) => {
      assert.strictEqual(error, null, error ? `${stdout}\n${stderr}` : 'it passed');
      resolve(`${stdout}\n${stderr}`);
    });
  });
}

/** Loads a file and what it requires into a context, by its own `require` for files of ours. */
function loadInto(context, file, loaded = new Map()) {
  if (loaded.has(file)) {
    return loaded.get(file).exports;
  }
  const module = { exports: {} };
  loaded.set(file, module);
  const native = createRequire(file);
  const own = (name) => {
    const found = native.resolve(name);
    return path.isAbsolute(found) && !found.endsWith('.node') ? loadInto(context, found, loaded) : native(name);
  };
  const code = `(function (exports, require, module, __filename, __dirname) {${fs.readFileSync(file, 'utf8')}\n})`;
  vm.runInContext(code, context, { filename: file })(module.exports, own, module, file, path.dirname(file));
  return module.exports;
}

/** A context with what Node's own globals offer to test runners' ones, and a `process` of its own. */
function makeContext() {
  const context = vm.createContext({
    AbortController, AbortSignal, URL, setTimeout, clearTimeout, Buffer, console: { ...console }, fetch: () => Promise.reject(new Error('not mocked')),
    process: Object.create(process, { env: { value: {} } }),
  });
  vm.runInContext('globalThis.globalThis = globalThis', context);
  return context;
}

QUnit.module('realms', (hooks) => {
  hooks.beforeEach((assert) => assert.timeout(240_000));

  for (const [name, check] of Object.entries(checks)) {
    QUnit.test(`Node's own: ${name}`, async (assert) => {
      await check();
      assert.ok(true, name);
    });

    QUnit.test(`two contexts of vm beside it: ${name}`, async (assert) => {
      const suites = [makeContext(), makeContext()].map((context) => loadInto(context, path.join(HERE, 'suite.cjs')));
      for (const suite of suites) {
        await suite.checks[name]();
      }
      await check();
      assert.ok(true, name);
    });
  }

  QUnit.test('each has its own classes', (assert) => {
    const other = loadInto(makeContext(), path.join(ROOT, 'index.js'));
    assert.notStrictEqual(other.PagePool, lib.PagePool);
    assert.deepEqual(Object.keys(other).sort(), Object.keys(lib).sort(), 'the same exports');
    let error;
    try {
      new lib.PagePool({});
    } catch (caught) {
      error = caught;
    }
    assert.true(error instanceof TypeError, 'and Node\'s own keeps its errors');
  });

  QUnit.test('in Jest, one file after another in one process', async (assert) => {
    await run(assert, 'jest/bin/jest.js', ['--rootDir', HERE, '--runInBand', '--testMatch', '**/*.spec.cjs']);
  });

  QUnit.test('in vitest\'s pool of contexts', async (assert) => {
    await run(assert, 'vitest/vitest.mjs', ['run', '--root', ROOT, '--pool', 'vmThreads', '__test__/realms/vitest.spec.mjs']);
  });
});
