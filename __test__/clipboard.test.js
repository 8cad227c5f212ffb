'use strict';

// Chrome has one clipboard for all contexts: what a tenant has copied is cleared when its lease ends.

const { chromeModule } = require('./helpers/real-chrome.js');
const { until } = require('./helpers/wait.js');

const SECRET = 'of one tenant alone';

/** Makes a field with this text, selects it, and gives it the focus. */
const field = (page, text = '') => page.evaluate((value) => {
  document.body.innerHTML = '<textarea id="field"></textarea>';
  const made = document.querySelector('#field');
  made.value = value;
  made.select();
  made.focus();
}, text);

const chord = async (page, key) => {
  await page.keyboard.down('Control');
  await page.keyboard.press(key);
  await page.keyboard.up('Control');
};

/** What the keys paste: no permission is needed for that. */
async function pasted(page) {
  await field(page);
  await chord(page, 'v');
  return page.evaluate(() => document.querySelector('#field').value);
}

const read = (page) => page.evaluate(() => navigator.clipboard.readText());
const allow = (page, origin, ...names) => page.browserContext().overridePermissions(origin, names);

async function copyInPopup(page, url, selector) {
  const opened = new Promise((resolve) => page.once('popup', resolve));
  await page.evaluate((to) => void globalThis.open(to), url);
  const popup = await opened;
  await popup.waitForSelector(selector);
  await popup.emulateFocusedPage(true);
  await field(popup, SECRET);
  await popup.evaluate(() => document.execCommand('copy'));
}

/** The ways to copy, each of which leaves the text in the clipboard. */
const WAYS = {
  'document.execCommand': async (page) => {
    await field(page, SECRET);
    return page.evaluate(() => document.execCommand('copy'));
  },
  'document.execCommand in a frame, behind a listener that stops the event': async (page) => {
    await page.evaluate(() => new Promise((resolve) => {
      const frame = document.createElement('iframe');
      frame.src = '/_standby';
      frame.onload = resolve;
      document.body.append(frame);
    }));
    return page.evaluate((text) => {
      const { contentWindow, contentDocument } = document.querySelector('iframe');
      contentWindow.addEventListener('copy', (event) => event.stopImmediatePropagation(), true);
      const made = contentDocument.createElement('textarea');
      contentDocument.body.append(made);
      made.value = text;
      made.select();
      return contentDocument.execCommand('copy');
    }, SECRET);
  },
  'the keys that cut': async (page) => {
    await field(page, SECRET);
    await chord(page, 'x');
  },
  'navigator.clipboard, granted': async (page, origin) => {
    await allow(page, origin, 'clipboard-read', 'clipboard-sanitized-write');
    await page.evaluate((text) => navigator.clipboard.writeText(text), SECRET);
  },
  'navigator.clipboard, granted as a permission of its own': async (page, origin) => {
    await page.browserContext().setPermission(origin, { permission: { name: 'clipboard-write' }, state: 'granted' });
    await page.evaluate((text) => navigator.clipboard.writeText(text), SECRET);
  },
  'a page that it has opened': (page) => copyInPopup(page, '/_standby', '#standby-ready'),
  'an empty page that it has opened': (page) => copyInPopup(page, '', 'body'),
};

chromeModule('the clipboard', (kit, test) => {
  for (const [name, copy] of Object.entries(WAYS)) {
    test(`what a tenant has copied by ${name} is gone with its lease`, async (assert) => {
      const { url } = kit().host;
      const { pool } = kit().pool();
      const lease = await kit().take(pool, 'a');
      await copy(lease.page, url);
      const own = await kit().take(pool, 'a', 'module');
      assert.strictEqual(await pasted(own.page), SECRET, 'while it lasts the clipboard has it');
      own.release();
      lease.release();
      const other = await kit().take(pool, 'b');
      assert.strictEqual(await pasted(other.page), '', 'another tenant’s keys paste nothing');
      await allow(other.page, url, 'clipboard-read');
      assert.strictEqual(await read(other.page), '', 'and its page reads nothing');
    });
  }

  test('a tenant that could read before reads nothing of the lease that has just ended', async (assert) => {
    const { pool } = kit().pool();
    const reader = await kit().take(pool, 'b');
    await allow(reader.page, kit().host.url, 'clipboard-read');
    reader.release();
    for (let round = 0; round < 5; round++) {
      const lease = await kit().take(pool, 'a');
      await WAYS['document.execCommand'](lease.page);
      lease.release();
      const again = await kit().take(pool, 'b');
      assert.strictEqual(again.page, reader.page, 'the page that was granted');
      assert.strictEqual(await read(again.page), '', `round ${round}`);
      again.release();
    }
  });

  test('what a page copies when its lease is over is cleared too', async (assert) => {
    const { pool } = kit().pool();
    const lease = await kit().take(pool, 'a');
    await field(lease.page, SECRET);
    const copied = new Promise((resolve) => lease.page.once('console', resolve));
    await lease.page.evaluate(() => {
      globalThis.onmessage = () => console.log(String(document.execCommand('copy')));
    });
    const { page } = lease;
    lease.release();
    // Whoever keeps the page may still call it.
    await page.evaluate(() => postMessage(''));
    assert.strictEqual((await copied).text(), 'true', 'it has copied');
    const other = await kit().take(pool, 'b');
    assert.strictEqual(await pasted(other.page), '', 'nothing is left');
  });

  test('a tenant that is disposed of under its lease leaves nothing', async (assert) => {
    const { pool } = kit().pool({ leaseGraceMs: 50 });
    const lease = await kit().take(pool, 'a');
    await WAYS['document.execCommand'](lease.page);
    await pool.disposeAffinity('a');
    const other = await kit().take(pool, 'b');
    assert.strictEqual(await pasted(other.page), '', 'nothing is left');
  });

  test('what a tenant has copied stays when the lease of another ends', async (assert) => {
    const { pool } = kit().pool();
    const other = await kit().take(pool, 'b');
    const lease = await kit().take(pool, 'a');
    await WAYS['document.execCommand'](lease.page);
    other.release();
    const again = await kit().take(pool, 'b');
    assert.strictEqual(await pasted(lease.page), SECRET, 'it can paste what it has copied');
    again.release();
  });

  test('a page may use navigator.clipboard only where that was granted', async (assert) => {
    const { pool } = kit().pool();
    const { page } = await kit().take(pool, 'a');
    const { url } = kit().host;
    const write = () => page.evaluate((text) => navigator.clipboard.writeText(text).then(() => 'written', ({ name }) => name), SECRET);
    const reading = () => page.evaluate(() => navigator.clipboard.readText().catch(({ name }) => name));
    assert.deepEqual([await write(), await reading()], ['NotAllowedError', 'NotAllowedError'], 'by itself it may not');
    await allow(page, url, 'clipboard-read', 'clipboard-sanitized-write');
    assert.deepEqual([await write(), await reading()], ['written', SECRET], 'granted it may');
    await page.browserContext().clearPermissionOverrides();
    assert.deepEqual([await write(), await reading()], ['NotAllowedError', 'NotAllowedError'], 'and not when that is taken back');
  });

  test('what is selected in a page cannot be pasted in another by the middle button', async (assert) => {
    const { pool } = kit().pool();
    const lease = await kit().take(pool, 'a');
    await lease.page.evaluate((text) => {
      document.body.innerHTML = `<p style="position: fixed; left: 0; top: 0; margin: 0">${text}</p>`;
    }, SECRET);
    await lease.page.mouse.click(10, 10, { count: 3 });
    assert.strictEqual(await lease.page.evaluate(() => getSelection().toString().trim()), SECRET, 'it is selected');
    const other = await kit().take(pool, 'b');
    await other.page.evaluate(() => {
      document.body.innerHTML = '<textarea id="field" style="position: fixed; left: 0; top: 0"></textarea>';
    });
    await other.page.mouse.click(10, 10, { button: 'middle' });
    assert.strictEqual(await other.page.evaluate(() => document.querySelector('#field').value), '', 'nothing comes');
  });

  test('nobody sees how it is cleared, and nothing is left of that', async (assert) => {
    const { pool, manager } = kit().pool();
    const lease = await kit().take(pool, 'a');
    await pool.warmStandbys();
    const browser = await manager.getBrowser();
    const session = await browser.target().createCDPSession();
    const targets = async () => (await session.send('Target.getTargets')).targetInfos.filter(({ type }) => type === 'page').length;
    const [before, contexts] = [await targets(), browser.browserContexts().length];
    const seen = [];
    browser.on('targetcreated', (target) => seen.push(target.url()));
    const heard = await lease.page.evaluateHandle(() => {
      const events = [];
      document.addEventListener('copy', () => events.push('copy'));
      document.addEventListener('visibilitychange', () => events.push('visibilitychange'));
      addEventListener('blur', () => events.push('blur'));
      return events;
    });
    await WAYS['document.execCommand'](lease.page);
    lease.release();
    const other = await kit().take(pool, 'a');
    assert.strictEqual(await pasted(other.page), '', 'it is cleared');
    assert.deepEqual(await heard.jsonValue(), ['copy'], 'the page has heard of its own copy alone');
    assert.deepEqual(seen, [], 'no target is told of');
    assert.strictEqual(browser.browserContexts().length, contexts, 'no context is shown');
    let left;
    for (let round = 0; round < 200 && left !== before; round++) {
      left = await targets();
    }
    assert.strictEqual(left, before, 'as many pages as before');
  });

  test('a browser that dies while it is cleared stops nobody', async (assert) => {
    const { pool, manager } = kit().pool();
    const reader = await kit().take(pool, 'b');
    await allow(reader.page, kit().host.url, 'clipboard-read');
    const lease = await kit().take(pool, 'a');
    await WAYS['document.execCommand'](lease.page);
    const { pid } = (await manager.getBrowser()).process();
    lease.release();
    process.kill(pid, 'SIGKILL');
    await until(() => reader.page.isClosed(), 'its end is heard of');
    reader.release();
    const next = await kit().take(pool, 'b');
    assert.strictEqual(await pasted(next.page), '', 'another Chrome serves');
  });
});
