'use strict';
// What puppeteer documents of its classes is there, by `scripts/page-api.mjs`.

/** How much of it must be there at least, in percent: what is left out on purpose counts as absent. */
const LEAST_PERCENT = 97;

QUnit.module('page/api', () => {
  QUnit.test('no documented member is missing', async (assert) => {
    const { compare } = await import('../../scripts/page-api.mjs');
    const rows = compare();
    const missing = rows.flatMap(({ className, missing: keys }) => keys.map((key) => `${className}.${key}`));
    assert.deepEqual(missing, [], 'none');
    assert.ok(rows.every(({ total }) => total > 0), 'each class has documented members');
  });

  QUnit.test('what is left out is documented and not there', async (assert) => {
    const { compare, LEFT_OUT } = await import('../../scripts/page-api.mjs');
    const leftOut = compare().flatMap(({ className, leftOut: keys }) => keys.map((key) => `${className}.${key}`));
    assert.deepEqual(leftOut.sort(), Object.keys(LEFT_OUT).sort(), 'the list names each once, and nothing else');
    assert.ok(Object.values(LEFT_OUT).every((reason) => reason.length > 10), 'with a reason');
  });

  QUnit.test('most of it is there', async (assert) => {
    const { compare, totals } = await import('../../scripts/page-api.mjs');
    const { documented, present, percent } = totals(compare());
    assert.ok(percent >= LEAST_PERCENT, `${present} of ${documented} members are there: ${percent.toFixed(1)} %`);
  });
});
