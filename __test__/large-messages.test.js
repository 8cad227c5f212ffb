'use strict';

// A page may say more than anybody wants to hear. What is too large is dropped unread, its tenant is named, and nobody else
// pays for it; a large message that is taken only delays.

const { chromeModule } = require('./helpers/real-chrome.js');
const { until } = require('./helpers/wait.js');

const LIMIT = 1024 * 1024;

chromeModule('large messages on a real Chrome', (kit, test) => {
  const pool = (options) => kit().pool({ manager: kit().manager({ maxMessageBytes: LIMIT }), ...options });
  const warnings = (logs, pattern) => logs.find('warn', pattern);

  test('one that a page logs is dropped with a warning, and its page is replaced at its release', async (assert) => {
    const { pool: pages, logs } = pool();
    const other = await kit().take(pages, 'other');
    other.release();
    const loud = await kit().take(pages, 'loud');
    await loud.page.evaluate((length) => console.log('x'.repeat(length)), 2 * LIMIT);
    const [warning] = await until(() => {
      const found = warnings(logs, /maxMessageBytes/);
      return found.length > 0 && found;
    }, 'a warning');
    assert.ok(/\bloud\b/.test(warning.text), `names the tenant: ${warning.text}`);
    assert.strictEqual(await loud.page.evaluate(() => 1 + 1), 2, 'its lease goes on');
    loud.release();
    const next = await kit().take(pages, 'loud');
    assert.notStrictEqual(next.pageId, loud.pageId, 'its page is not used again');
    const healthy = await kit().take(pages, 'other');
    assert.deepEqual([healthy.pageId, healthy.reused], [other.pageId, true], 'another tenant keeps its warm page');
  });

  test('an answer that is too large rejects its call and says which option bounds it', async (assert) => {
    const page = await (await kit().manager({ maxMessageBytes: LIMIT }).getBrowser()).newPage();
    assert.strictEqual((await page.evaluate((length) => 'x'.repeat(length), LIMIT / 2)).length, LIMIT / 2, 'what fits is read');
    await assert.rejects(page.evaluate((length) => 'x'.repeat(length), 2 * LIMIT), (error) => {
      assert.strictEqual(error.name, 'ProtocolError');
      assert.strictEqual(error.code, 'PROTOCOL_ERROR');
      return /Runtime\.callFunctionOn.*maxMessageBytes \(1048576\)/.test(error.message);
    });
    assert.strictEqual(await page.evaluate(() => 1 + 1), 2, 'the page goes on');
  });

  test('what is taken is not lost, however large', async (assert) => {
    // Before the first byte Chrome is silent for as long as it takes to write the message down.
    const { pool: pages, logs, manager } = kit().pool({ tabHealthProbeMs: 250, closeTimeoutMs: 2500 });
    const other = await kit().take(pages, 'other');
    other.release();
    const loud = await kit().take(pages, 'loud');
    const before = (await manager.getBrowser()).process().pid;
    const length = 24 * LIMIT;
    const heard = new Promise((resolve) => loud.page.once('console', (message) => resolve(message.text().length)));
    const said = loud.page.evaluate((size) => console.log('y'.repeat(size)), length);
    const warm = await kit().take(pages, 'other');
    assert.deepEqual([warm.pageId, warm.reused], [other.pageId, true], 'a tenant whose answer waits behind it keeps its warm page');
    await said;
    assert.strictEqual(await heard, length, 'the message came');
    assert.strictEqual((await manager.getBrowser()).process().pid, before, 'and the browser was not taken for dead');
    assert.deepEqual(warnings(logs, /does not answer|maxMessageBytes/), [], 'nobody was warned about');
  });
});

QUnit.module('maxMessageBytes as an option', () => {
  const lib = require('..');

  QUnit.test('what is no size, or too small for Chrome itself, is refused', (assert) => {
    for (const maxMessageBytes of [0, -1, 1000, NaN, '5000000', null]) {
      const refused = (error) => error instanceof TypeError && error.code === 'ERR_INVALID_ARG_VALUE' && error.message.includes('options.maxMessageBytes');
      assert.throws(() => new lib.BrowserManager({ maxMessageBytes }), refused, String(maxMessageBytes));
    }
    for (const maxMessageBytes of [undefined, LIMIT, 64 * LIMIT, Infinity]) {
      assert.ok(new lib.BrowserManager({ maxMessageBytes }), String(maxMessageBytes));
    }
  });
});
