'use strict';

// What a leased page opens ends with its lease, on a real Chrome: counted by the snapshots and by Chrome's own list of
// targets.

const lib = require('..');
const { chromeModule } = require('./helpers/real-chrome.js');
const { until, watch, within } = require('./helpers/wait.js');

const KEY = 'realm:https://acme.example/';

/** What of it the two snapshots show for the key. */
const counted = (pool, key = KEY) => [
  pool.getQueueDepthSnapshot().affinities.find(({ affinityKey }) => affinityKey === key)?.popupCount,
  pool.getSharedContextSnapshot().entries.find(({ affinityKey }) => affinityKey === key)?.popupCount,
];

/** The pages that Chrome has, by its own list. */
async function pagesIn(manager) {
  const browser = await manager.getBrowser();
  const session = await browser.target().createCDPSession();
  const { targetInfos } = await session.send('Target.getTargets');
  await session.detach();
  return targetInfos.filter(({ type }) => type === 'page');
}

/** Those that were opened by others. */
const popupsIn = async (manager) => (await pagesIn(manager)).filter(({ openerId }) => openerId !== undefined);

/** Opens as many in as many ways: with and without an opener that the page can reach, by script and by a link. */
const openThree = (page) => page.evaluate(() => {
  window.open('/_standby');
  window.open('about:blank', '', 'noopener');
  const link = document.createElement('a');
  Object.assign(link, { href: '/_standby?link', target: '_blank' });
  document.body.append(link);
  link.click();
  link.remove();
});

/** A busy machine must not cost the page that the test is about. */
const patient = { tabHealthProbeMs: 20_000 };

/** The popup that the function opens. */
async function popupOf(page, open) {
  const opened = new Promise((resolve) => page.once('popup', resolve));
  await page.evaluate(open);
  return within(opened, 'the popup', 20_000);
}

const noneLeft = async (manager, pool, key = KEY) => {
  await until(() => counted(pool, key).every((count) => count === undefined), 'the snapshots show no popup', 20_000);
  return popupsIn(manager);
};

chromeModule('popups', (kit, test) => {
  test('five renders of three popups leave none of them', async (assert) => {
    const { pool, manager } = kit().pool(patient);
    await pool.warmStandbys();
    const before = (await pagesIn(manager)).length;
    const ids = new Set();
    for (let render = 1; render <= 5; render++) {
      const lease = await kit().take(pool, KEY);
      ids.add(lease.pageId);
      assert.deepEqual((await lease.page.browserContext().pages()).includes(lease.page), true, 'its page is in its context');
      await openThree(lease.page);
      await until(() => counted(pool)[0] >= 3, `render ${render}: the popups are counted`, 20_000);
      assert.deepEqual(counted(pool)[0], counted(pool)[1], 'alike by both snapshots');
      lease.release();
    }
    assert.deepEqual(await noneLeft(manager, pool), [], 'none is left by the list of Chrome');
    assert.strictEqual(ids.size, 1, 'the page itself is handed out again and again');
    await pool.warmStandbys();
    // A page of ours clears the clipboard after them, and goes.
    let left;
    for (let look = 0; look < 500 && left !== before; look++) {
      left = (await pagesIn(manager)).length;
    }
    assert.strictEqual(left, before, 'there are as many pages as before');
  });

  test('the release and the next visit wait for no popup', async (assert) => {
    const { pool } = kit().pool({ ...patient, maxPages: 1 });
    const lease = await kit().take(pool, KEY);
    await openThree(lease.page);
    await until(() => counted(pool)[0] === 3, 'the popups are counted');
    const next = watch(pool.getPage(KEY));
    lease.release();
    assert.strictEqual(pool.getVacancySnapshot()[KEY].tabCount, 1, 'the tab stays');
    await within(next.settled, 'the next visit', 20_000);
    assert.strictEqual(next.value.page, lease.page, 'which has the same page');
    assert.strictEqual(await next.value.page.evaluate(() => 6 * 7), 42);
    next.value.release();
  });

  test('a popup of a popup goes too, also where the one between has closed itself', async (assert) => {
    const { pool, manager } = kit().pool();
    const lease = await kit().take(pool, KEY);
    await lease.page.evaluate(() => {
      window.open('').eval('window.open("")');
      window.open('').eval('window.open(""); window.close()');
    });
    await until(() => counted(pool)[0] === 3, 'those that are there are counted', 20_000);
    assert.strictEqual((await popupsIn(manager)).length, 3, 'as many as Chrome has');
    lease.release();
    assert.deepEqual(await noneLeft(manager, pool), []);
  });

  test('one that the render closes is counted no more', async (assert) => {
    const { pool } = kit().pool();
    const lease = await kit().take(pool, KEY);
    const popup = await popupOf(lease.page, () => {
      window.open('about:blank');
    });
    assert.deepEqual(counted(pool), [1, 1]);
    await popup.close();
    await until(() => counted(pool)[0] === undefined, 'it is gone');
    lease.release();
  });

  test('a call to a popup that ends with the lease rejects and says why', async (assert) => {
    const { pool } = kit().pool();
    const lease = await kit().take(pool, KEY);
    const popup = await popupOf(lease.page, () => {
      window.open('about:blank');
    });
    const call = watch(popup.evaluate(() => new Promise(() => {})));
    lease.release();
    await within(call.settled, 'the call', 20_000);
    assert.strictEqual(call.error?.code, 'PAGE_CLOSED', `${call.error}`);
    assert.true(/the lease of the page that opened it has ended/.test(call.error.cause?.message), `${call.error.cause}`);
    assert.true(popup.isClosed());
  });

  const stuck = {
    'in an endless loop on the thread of its opener': (page) => page.evaluate(() => {
      window.open('').setTimeout('for (;;);', 0);
    }),
    'in an endless loop on a thread of its own': async (page) => {
      const popup = await popupOf(page, () => {
        window.open('/_standby', '', 'noopener');
      });
      await popup.evaluate(() => {
        setTimeout(() => {
          for (;;);
        }, 0);
      });
    },
    'that asks before it goes': (page) => page.evaluate(() => {
      window.open('').onbeforeunload = (event) => {
        event.preventDefault();
        return 'stay';
      };
    }),
    'with an open alert': (page) => page.evaluate(() => {
      window.open('').setTimeout('alert(1)', 0);
    }),
  };
  for (const [name, open] of Object.entries(stuck)) {
    test(`a popup ${name} holds up nobody`, async (assert) => {
      const { pool, manager, logs } = kit().pool({ ...patient, maxPages: 1, renderSemaphore: new lib.AsyncSemaphore(1) });
      const lease = await kit().take(pool, KEY);
      await open(lease.page);
      await until(() => counted(pool)[0] >= 1, 'the popup is counted', 20_000);
      lease.release();
      const next = await kit().take(pool, KEY);
      assert.strictEqual(next.page, lease.page, 'the next visit has the page');
      assert.strictEqual(await within(next.page.evaluate(() => 6 * 7), 'its answer', 20_000), 42, 'and it works');
      assert.deepEqual(await noneLeft(manager, pool), [], 'the popup is gone');
      assert.deepEqual(pool.getUnresponsiveTabSwaps(), {}, 'no page was given up');
      assert.deepEqual(logs.find('warn', /does not answer|does not close/), [], 'and nothing is said of it');
      next.release();
    });
  }

  test('a popup that a page opens between leases goes at once', async (assert) => {
    const { pool, manager } = kit().pool(patient);
    const lease = await kit().take(pool, KEY);
    await lease.page.evaluate(() => {
      globalThis.openLater = () => {
        window.open('about:blank');
        globalThis.opened = true;
      };
    });
    lease.release();
    // The page is nobody's, and the caller that kept it uses it.
    await lease.page.evaluate(() => globalThis.openLater());
    assert.deepEqual(await noneLeft(manager, pool), []);
    const next = await kit().take(pool, KEY);
    assert.true(await next.page.evaluate(() => globalThis.opened), 'the page itself stays');
    next.release();
  });

  test('keepPopups leaves them, and they go with their tab', async (assert) => {
    const { pool, manager } = kit().pool({ ...patient, keepPopups: true });
    const lease = await kit().take(pool, KEY);
    await openThree(lease.page);
    await until(() => counted(pool)[0] === 3, 'they are counted', 20_000);
    lease.release();
    await kit().visit(pool, KEY);
    assert.deepEqual(counted(pool), [3, 3], 'after another visit too');
    assert.strictEqual((await popupsIn(manager)).length, 3, 'Chrome has them');
    await within(pool.disposeAffinity(KEY, { retainSharedContext: true }), 'the disposal', 20_000);
    assert.deepEqual(await popupsIn(manager), [], 'also where the context is kept');
  });

  test('a disposal takes the popups of a leased page along', async (assert) => {
    const { pool, manager } = kit().pool();
    const lease = await kit().take(pool, KEY);
    await openThree(lease.page);
    await until(() => counted(pool)[0] === 3, 'they are counted', 20_000);
    const disposed = watch(pool.disposeAffinity(KEY));
    lease.release();
    await within(disposed.settled, 'the disposal', 20_000);
    assert.deepEqual(await popupsIn(manager), []);
  });

  test('of two tenants each has its own', async (assert) => {
    const { pool, manager } = kit().pool();
    const [one, other] = [await kit().take(pool, 'one'), await kit().take(pool, 'other')];
    await Promise.all([openThree(one.page), openThree(other.page)]);
    await until(() => counted(pool, 'one')[0] === 3 && counted(pool, 'other')[0] === 3, 'they are counted', 20_000);
    one.release();
    assert.deepEqual((await noneLeft(manager, pool, 'one')).length, 3, "the other's stay");
    assert.deepEqual(counted(pool, 'other'), [3, 3]);
    other.release();
    assert.deepEqual(await noneLeft(manager, pool, 'other'), []);
  });

  test('a page that the holder made by itself is no popup', async (assert) => {
    const { pool } = kit().pool();
    const lease = await kit().take(pool, KEY);
    const made = await lease.page.browserContext().newPage();
    assert.deepEqual(counted(pool), [undefined, undefined]);
    lease.release();
    const next = await kit().take(pool, KEY);
    assert.strictEqual(await made.evaluate(() => 1), 1, 'it is its maker that closes it');
    await made.close();
    next.release();
  });

  test('keepPopups is true or false', async (assert) => {
    for (const wrong of ['yes', 1, null, {}]) {
      assert.throws(
        () => kit().pool({ keepPopups: wrong }),
        (error) => error instanceof TypeError && error.code === 'ERR_INVALID_ARG_VALUE' && /keepPopups/.test(error.message),
        `${JSON.stringify(wrong)} is refused`,
      );
    }
    kit().pool({ keepPopups: undefined });
  });
});
