'use strict';

// A minute of chaos on a real Chrome: what `npm run chaos` checks from outside, as a test.

const { spawn } = require('node:child_process');
const path = require('node:path');
const { chromeTest, findChrome } = require('./helpers/chrome.js');

const LIMIT_MS = 280_000;

QUnit.module('chaos', () => {
  chromeTest('a minute of faults loses no request, leaks nothing and shows no tenant another\'s bytes', async (assert) => {
    assert.timeout(LIMIT_MS);
    const seed = process.env.PAGEPOOL_TEST_SEED ?? String(Math.floor(Math.random() * 1e9));
    const script = path.join(__dirname, '..', 'scripts', 'chaos.mjs');
    const child = spawn(process.execPath, [script, '--minutes', process.env.PAGEPOOL_TEST_CHAOS_MINUTES ?? '1', '--seed', seed], {
      env: { ...process.env, PUPPETEER_EXECUTABLE_PATH: findChrome() },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    for (const source of [child.stdout, child.stderr]) {
      source.setEncoding('utf8').on('data', (chunk) => {
        output += chunk;
      });
    }
    const code = await new Promise((resolve) => child.on('close', resolve));
    const served = /(\d+) renders looked through/.exec(output)?.[1];
    assert.strictEqual(code, 0, `npm run chaos -- --seed ${seed}\n${output}`);
    assert.true(Number(served) > 0, `some renders were served: ${served}`);
  });
});
