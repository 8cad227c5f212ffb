'use strict';

const { spawn } = require('node:child_process');
const path = require('node:path');

const dir = path.join(__dirname, 'helpers', 'processes');

/** Runs a script in a process of its own; resolves with what it printed as its last line. */
function run(script, args = [], { nodeArgs = [], limitMs = 60_000, env = {} } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...nodeArgs, path.join(dir, script), ...args], {
      env: { ...process.env, PRERENDER_MANAGER_URL: '', ...env }, stdio: ['ignore', 'pipe', 'pipe'],
    });
    let out = '';
    let err = '';
    child.stdout.on('data', (d) => {
      out += d;
    });
    child.stderr.on('data', (d) => {
      err += d;
    });
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      reject(new Error(`${script} did not end by itself\n${out}\n${err}`));
    }, limitMs);
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      const last = out.trim().split('\n').at(-1);
      if (code !== 0) {
        reject(new Error(`${script} ended with ${code ?? signal}\n${out}\n${err}`));
        return;
      }
      resolve(last ? JSON.parse(last) : undefined);
    });
  });
}

QUnit.module('the process ends by itself', (hooks) => {
  hooks.beforeEach((assert) => assert.timeout(70_000));

  for (const [name, what] of [
    ['after closeAll, without process.exit', 'closed'],
    ['with an idle pool that was never closed', 'idle'],
    ['with a dynamic pool and its timer', 'dynamic'],
    ['with a warm pool whose leases came back', 'warm'],
    ['with a pool only constructed', 'constructed'],
    ['after a cancelled wait', 'cancelled'],
    ['with semaphores and queues that are held', 'semaphores'],
  ]) {
    QUnit.test(name, async (assert) => {
      const result = await run('ends.js', [what], { limitMs: 20_000 });
      assert.strictEqual(result.done, what, 'did its work and ended');
    });
  }
});

QUnit.module('pools leave nothing behind', (hooks) => {
  hooks.beforeEach((assert) => assert.timeout(130_000));

  QUnit.test('1,000 pools made and closed in one process: no growth of heap, handles, threads', async (assert) => {
    const result = await run('thousand-pools.js', [], { nodeArgs: ['--expose-gc'], limitMs: 120_000 });
    assert.strictEqual(result.pools, 1000, 'a thousand pools');
    assert.ok(result.heapGrowth < 1.5, `heap: ${result.heapGrowth.toFixed(2)} MB more after the second half (${JSON.stringify(result)})`);
    assert.ok(result.rssGrowth < 30, `resident memory: ${result.rssGrowth.toFixed(1)} MB more`);
    assert.strictEqual(result.handleGrowth, 0, 'handles that keep the process');
    assert.strictEqual(result.threadGrowth, 0, 'threads');
    assert.strictEqual(result.fdGrowth, 0, 'file descriptors');
    assert.ok(result.collected >= 990, `${result.collected} of 1,000 pools were collected`);
  });

  QUnit.test('a pool that nobody refers to ends what it has begun, and is collected then', async (assert) => {
    const result = await run('forgotten.js', [], { nodeArgs: ['--expose-gc'], limitMs: 30_000 });
    assert.strictEqual(result.reused, false, 'the request got its lease');
    assert.deepEqual(result.told, ['a'], 'the disposal called back');
    assert.strictEqual(result.cleaned, 1, 'and went on to its end');
    assert.deepEqual(result.collected, ['closed'], 'what is closed is collected');
  });

  QUnit.test('the same in worker threads that then exit, and are terminated', async (assert) => {
    const result = await run('workers.js', [], { nodeArgs: ['--expose-gc'], limitMs: 120_000 });
    assert.deepEqual(result.exits, result.exits.map(() => 0), 'every worker ended by itself with 0');
    assert.strictEqual(result.terminated, 1, 'one was terminated in the middle of its work, and nothing broke');
    assert.strictEqual(result.threadGrowth, 0, 'threads');
    assert.strictEqual(result.fdGrowth, 0, 'file descriptors');
    assert.strictEqual(result.workerEnvironment, 7, 'a pool in a worker reads the worker’s own environment');
  });
});
