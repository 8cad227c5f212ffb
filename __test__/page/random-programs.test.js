'use strict';
// Random programs over a page, run on puppeteer-core and on ours, with the frames of other sites in processes of
// their own and without: each call must come to the same, none may hang, and the page must end up alike.
// `PAGEPOOL_TEST_SEED=<seed>` begins with that program, `PAGEPOOL_TEST_PROGRAMS=<n>` runs more of them.

const QUnit = require('qunit');
const { names, openSide } = require('./sides.js');
const { programOf, runProgram } = require('./programs.js');

// The same programs each time, so that a difference not looked into yet fails nobody else's change: other seeds are asked for.
const FIRST_SEED = Number(process.env.PAGEPOOL_TEST_SEED ?? 891_407_617);
const COUNT = Number(process.env.PAGEPOOL_TEST_PROGRAMS ?? 6);

const text = ({ seed, rounds }) =>
  [`program ${seed}`, ...rounds.map(({ exact, closes, steps }) => `  ${exact ? '' : '~'}${JSON.stringify(steps)}${closes ? ' and close' : ''}`)].join('\n');

for (const [flavour, args] of [
  ['one process', ['--disable-features=IsolateOrigins,site-per-process', '--disable-site-isolation-trials']],
  ['site per process', ['--site-per-process']],
]) {
  QUnit.module(`page/random programs, ${flavour}`, (hooks) => {
    let sides;
    hooks.before(async (assert) => {
      assert.timeout(60_000);
      sides = await Promise.all(names().map((name) => openSide(name, args)));
    });
    hooks.after(async (assert) => {
      assert.timeout(60_000);
      for (const side of sides) {
        await side.close();
        await side.server.close();
      }
    });
    for (let seed = FIRST_SEED; seed < FIRST_SEED + COUNT; seed++) {
      QUnit.test(`seed ${seed}`, async (assert) => {
        assert.timeout(240_000);
        const program = programOf(seed);
        const [theirs, ours] = await Promise.all(sides.map((side) => runProgram(program, side)));
        assert.deepEqual(ours, theirs, text(program));
        assert.deepEqual(ours.filter((line) => line.includes('hangs: true')), [], 'no call of ours hangs');
      });
    }
  });
}
