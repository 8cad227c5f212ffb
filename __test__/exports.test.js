'use strict';

const { execFileSync } = require('node:child_process');
const { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } = require('node:fs');
const { tmpdir } = require('node:os');
const path = require('node:path');
const { lib, poolModule } = require('./helpers/kit.js');

const root = path.join(__dirname, '..');
const values = [
  'PagePool', 'BrowserManager', 'AsyncSemaphore', 'TabQueue', 'PrerenderCancelledError', 'isPrerenderCancellation',
  'throwIfAborted', 'abortable', 'StandbyTargetNotReadyError', 'getPendingNetworkRequests', 'Locator',
];

QUnit.module('what the package exports', () => {
  for (const name of values) {
    QUnit.test(`require gives ${name}`, (assert) => {
      assert.strictEqual(typeof lib[name], 'function', `${name} is a function`);
      assert.strictEqual(lib[name].name, name, `${name} carries its own name`);
    });
  }

  QUnit.test('without an addon it says what to do: in a checkout, installed, in a bundle', (assert) => {
    const folder = mkdtempSync(path.join(tmpdir(), 'pagepool-exports-'));
    const script = 'try { require("./index.js") } catch (error) { console.log(error.code, error.message) }';
    const required = () => execFileSync(process.execPath, ['-e', script], { cwd: folder, encoding: 'utf8' });
    for (const name of ['index.js', 'locator.js']) {
      copyFileSync(path.join(root, name), path.join(folder, name));
    }
    assert.true(/^MODULE_NOT_FOUND pagepool: .* mark 'pagepool' as external/.test(required()), 'in a bundle');
    writeFileSync(path.join(folder, 'Cargo.toml'), '');
    writeFileSync(path.join(folder, 'package.json'), '{ "scripts": { "install": "node scripts/install.mjs" } }');
    assert.true(/^MODULE_NOT_FOUND pagepool: no addon for \S+ \S+ .*"npm rebuild pagepool" builds it/.test(required()), 'installed');
    mkdirSync(path.join(folder, '__test__'));
    assert.true(/"npm run build" makes it/.test(required()), 'in a checkout');
    rmSync(folder, { recursive: true });
  });

  QUnit.test('names of errors are written out, as a minifier changes those of classes', (assert) => {
    for (const name of ['PrerenderCancelledError', 'StandbyTargetNotReadyError', 'TimeoutError', 'ProtocolError', 'TargetCloseError', 'TouchError']) {
      assert.true(Object.hasOwn(lib[name].prototype, 'name') && lib[name].prototype.name === name, name);
    }
    const source = readFileSync(path.join(root, 'index.js'), 'utf8');
    assert.false(/errorClass\.name|constructor\.name/.test(source), 'none is taken from its class');
  });

  QUnit.test('import gives the same by name', (assert) => {
    const script = `import { ${values.join(', ')} } from 'pagepool';
      import all from 'pagepool';
      console.log(JSON.stringify([${values.join(', ')}].map((v) => typeof v)), all.PagePool === PagePool);`;
    const out = execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8', cwd: root });
    assert.strictEqual(out.trim(), `${JSON.stringify(values.map(() => 'function'))} true`, 'each named import is a function, and the default holds the same');
  });

  QUnit.test('pagepool/boxel is the drop-in for a realm-server: the same, by both roads', (assert) => {
    const run = (...options) => execFileSync(process.execPath, options, { encoding: 'utf8', cwd: root }).trim();
    const required = 'console.log(require("pagepool/boxel") === require("pagepool"), require("pagepool/boxel").PagePool.name)';
    assert.strictEqual(run('-e', required), 'true PagePool', 'require');
    const imported = `import { PagePool } from 'pagepool/boxel'; import * as all from 'pagepool';
      console.log(PagePool === all.PagePool, (await import('pagepool/boxel')).default === all.default);`;
    assert.strictEqual(run('--input-type=module', '-e', imported), 'true true', 'import');
    const { exports: entries } = require('../package.json');
    for (const file of Object.values(entries['./boxel']).flatMap(Object.values)) {
      assert.true(existsSync(path.join(root, file)), `${file} is there`);
    }
  });

  QUnit.test('import gives everything by name', async (assert) => {
    const imported = await import('pagepool');
    const named = Object.keys(imported).filter((name) => name !== 'default' && name !== 'module.exports');
    assert.deepEqual(named.sort(), Object.keys(lib).sort(), 'what require gives');
  });

  QUnit.test('the classes of pages are there for instanceof', async (assert) => {
    for (const name of ['Page', 'Frame', 'ElementHandle', 'JSHandle', 'Browser', 'BrowserContext', 'HTTPRequest', 'WebWorker']) {
      assert.strictEqual(lib[name].name, name, `${name} carries its own name`);
      assert.throws(() => new lib[name](), /Illegal constructor/, `only a browser makes a ${name}`);
    }
    assert.true(lib.ElementHandle.prototype instanceof lib.JSHandle, 'an element is a handle');
  });

  QUnit.test('the same module is one whether required or imported', async (assert) => {
    const imported = await import('pagepool');
    for (const name of values) {
      assert.strictEqual(imported[name], lib[name], `${name} is one object`);
    }
  });
});

QUnit.module('getPendingNetworkRequests', () => {
  QUnit.test('of something that is no page of a pool is null', async (assert) => {
    assert.strictEqual(lib.getPendingNetworkRequests({}), null, 'an unknown object is not followed');
  });
});

poolModule('classes are open', (kit) => {
  QUnit.test('PagePool can be subclassed, fields and methods work', async (assert) => {
    class Mine extends lib.PagePool {
      asked = [];

      async getPage(key, ...rest) {
        this.asked.push(key);
        return super.getPage(key, ...rest);
      }
    }
    const { pool } = await kit().warm({ Class: Mine });
    assert.ok(pool instanceof Mine && pool instanceof lib.PagePool, 'it is both');
    const lease = await kit().take(pool, 'a');
    assert.deepEqual(pool.asked, ['a'], 'the override ran');
    assert.strictEqual(typeof lease.page.evaluate, 'function', 'and super gave a page');
  });

  QUnit.test('prototype methods are writable, and a patch is used by all instances', async (assert) => {
    const { pool } = await kit().warm();
    const original = lib.PagePool.prototype.getPage;
    const seen = [];
    try {
      lib.PagePool.prototype.getPage = function (...args) {
        seen.push(args.length);
        return original.apply(this, args);
      };
      await kit().visit(pool, 'a');
      const lease = await pool.getPage('a');
      lease.release();
    } finally {
      lib.PagePool.prototype.getPage = original;
    }
    assert.strictEqual(seen.length, 2, 'the patch saw both calls');
    assert.strictEqual(lib.PagePool.prototype.getPage, original, 'and could be taken back');
  });

  QUnit.test('every method of the classes is writable and configurable', (assert) => {
    for (const Class of [lib.PagePool, lib.AsyncSemaphore, lib.TabQueue, lib.BrowserManager]) {
      for (const name of Object.getOwnPropertyNames(Class.prototype).filter((n) => n !== 'constructor')) {
        const d = Object.getOwnPropertyDescriptor(Class.prototype, name);
        if (typeof d.value === 'function') {
          assert.true(d.writable && d.configurable, `${Class.name}.prototype.${name} can be patched`);
        }
      }
    }
  });

  QUnit.test('instances are extensible', (assert) => {
    const { pool, fake } = kit().make();
    pool.extra = 1;
    assert.strictEqual(pool.extra, 1, 'a pool takes properties');
    assert.ok(Object.isExtensible(new lib.AsyncSemaphore(1)) && Object.isExtensible(new lib.TabQueue()), 'so do semaphore and queue');
    assert.ok(fake, 'made');
  });

  QUnit.test('getPage.call(pool, key) with one argument works', async (assert) => {
    const { pool } = await kit().warm();
    const lease = kit().keep(await lib.PagePool.prototype.getPage.call(pool, 'a'), 'a');
    assert.false(lease.reused, 'a fresh lease');
  });

  QUnit.test('one tab always hands out the same page object, which keeps what callers put on it', async (assert) => {
    const { pool, fake } = await kit().warm();
    const seen = new WeakMap();
    const first = await kit().visit(pool, 'a');
    seen.set(first.page, 1);
    first.page.evaluate = function mine() {
      return Promise.resolve('replaced');
    };
    const second = await kit().visit(pool, 'a');
    assert.strictEqual(second.page, first.page, 'the same object');
    assert.strictEqual(seen.get(second.page), 1, 'found in a WeakMap');
    assert.strictEqual(await second.page.evaluate(() => 1), 'replaced', 'a replaced method stays');
    assert.ok(fake.pages.includes(first.page), 'and it is the very object the browser made');
  });

  QUnit.test('calling the classes without new throws', (assert) => {
    const valid = { maxPages: 1, serverURL: 'http://s', boxelHostURL: 'http://h', browserManager: kit().fake() };
    for (const [name, args] of [['PagePool', [valid]], ['BrowserManager', []], ['AsyncSemaphore', [1]], ['TabQueue', []]]) {
      assert.throws(() => lib[name](...args), /Class constructor .* without 'new'/, name);
      assert.throws(() => Reflect.apply(lib[name], {}, args), TypeError, `${name} on an object of another class`);
    }
    assert.throws(() => lib.PrerenderCancelledError('x'), TypeError, 'PrerenderCancelledError');
  });

  QUnit.test('instanceof works across what the pool throws', async (assert) => {
    const { pool } = await kit().warm();
    const c = new AbortController();
    c.abort('gone');
    await assert.rejects(pool.getPage('a', 'file', { signal: c.signal }),
      (e) => e instanceof lib.PrerenderCancelledError && e instanceof Error && e.state === 'queued'
        && e.reason === 'gone' && e.code === 'PRERENDER_CANCELLED' && lib.isPrerenderCancellation(e), 'the exported class');
  });
});
