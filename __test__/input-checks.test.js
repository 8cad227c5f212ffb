'use strict';

// What is given wrongly is refused with the name of what is wrong, what was expected and what came; what is given in
// another form than usual, but means something, is taken.

const { lib, poolModule } = require('./helpers/kit.js');
const { chromeModule } = require('./helpers/real-chrome.js');
const { watch, within } = require('./helpers/wait.js');

/** Checks a refusal: a TypeError with its code, whose message has all of `parts`. */
function refused(assert, error, parts, what) {
  assert.true(error instanceof TypeError, `${what}: a TypeError, but: ${error}`);
  assert.strictEqual(error?.code, 'ERR_INVALID_ARG_VALUE', `${what}: code`);
  for (const part of parts) {
    assert.true(String(error?.message).includes(part), `${what}: "${error?.message}" has "${part}"`);
  }
}

const thrownBy = (run) => {
  try {
    run();
  } catch (error) {
    return error;
  }
  return undefined;
};

poolModule('options of new PagePool', (kit) => {
  for (const [option, value, parts] of [
    ['boxelHostURL', 'not a url', ["'not a url'", 'http']],
    ['boxelHostURL', 'localhost:4200', ["'localhost:4200'", 'http']],
    ['boxelHostURL', 'ftp://host.test/', ["'ftp://host.test/'", 'http']],
    ['boxelHostURL', '', ["''"]],
    ['boxelHostURL', {}, ['an object']],
    ['serverURL', 'not a url', ["'not a url'", 'http']],
    ['maxPages', 1e9, ['1000000000']],
    ['standbyTimeoutMs', -1, ['-1']],
    ['standbyTimeoutMs', NaN, ['NaN']],
    ['standbyTimeoutMs', '30s', ["'30s'"]],
    ['contractionTickMs', -1, ['-1']],
    ['tabHealthProbeMs', -250, ['-250']],
    ['closeTimeoutMs', -5, ['-5']],
    ['browserManager', { getBrowser() {} }, ['cleanupUserDataDirs']],
    ['browserManager', { cleanupUserDataDirs() {} }, ['getBrowser']],
  ]) {
    QUnit.test(`${option}: ${JSON.stringify(value) ?? value} is refused`, (assert) => {
      refused(assert, thrownBy(() => kit().make({ [option]: value })), [option, ...parts], option);
    });
  }

  QUnit.test('an unknown one is refused, with the one that may be meant', (assert) => {
    for (const [wrong, meant] of [['maxpages', 'maxPages'], ['serverUrl', 'serverURL'], ['closeTimeoutMS', 'closeTimeoutMs'], ['tabHealthProbe', 'tabHealthProbeMs']]) {
      refused(assert, thrownBy(() => kit().make({ [wrong]: 5 })), [wrong, `did you mean '${meant}'`], wrong);
    }
    const error = thrownBy(() => kit().make({ colour: 'red' }));
    refused(assert, error, ['colour'], 'one that resembles nothing');
    assert.false(error.message.includes('did you mean'), error.message);
  });

  QUnit.test('an unknown one that is undefined says nothing', (assert) => {
    assert.ok(kit().make({ colour: undefined }).pool);
  });

  QUnit.test('addresses may be URL objects', async (assert) => {
    const { pool, fake } = await kit().warm({ boxelHostURL: new URL('http://host.test:4200'), serverURL: new URL('http://server.test:4221') });
    assert.strictEqual(fake.pages[0].url, 'http://host.test:4200/_standby');
    assert.strictEqual(pool.serverURL, 'http://server.test:4221');
    pool.serverURL = new URL('http://moved.test:1/at/a/path');
    assert.strictEqual(pool.serverURL, 'http://moved.test:1/at/a/path');
    refused(assert, thrownBy(() => {
      pool.serverURL = 'moved';
    }), ['serverURL', "'moved'"], 'the setter');
  });

  QUnit.test('times may be fractions, or without end', async (assert) => {
    for (const ms of [2.5, Infinity, 0]) {
      const { pool } = kit().make({ closeTimeoutMs: ms, contractionTickMs: ms, tabHealthProbeMs: ms });
      assert.strictEqual((await kit().visit(pool, 'a')).reused, false, `${ms}`);
    }
  });
});

poolModule('environment of new PagePool', (kit) => {
  for (const name of ['PRERENDER_PAGE_POOL_MIN', 'PRERENDER_PAGE_POOL_MAX', 'PRERENDER_PAGE_POOL_INITIAL', 'PRERENDER_PAGE_POOL_HIGH_PRIORITY_MAX', 'PRERENDER_HIGH_PRIORITY_THRESHOLD', 'PRERENDER_POOL_IDLE_CONTRACTION_MS']) {
    QUnit.test(`${name} that is no positive integer counts as unset, with a warning`, (assert) => {
      for (const value of ['abc', '1.5', '-1', '0']) {
        const { pool, logs } = kit().make({ maxPages: 3, env: { [name]: value } });
        assert.strictEqual(pool.maxBurstPages, 3, `${value}: as if unset`);
        const lines = logs.find('warn', new RegExp(`${name}=${value.replace('.', '\\.')}`));
        assert.strictEqual(lines.length, 1, `${value}: one warning`);
      }
      for (const value of ['', '  ', '2']) {
        const { logs } = kit().make({ maxPages: 3, env: { [name]: value } });
        assert.deepEqual(logs.find('warn', new RegExp(name)), [], `${JSON.stringify(value)}: none`);
      }
    });
  }
});

poolModule('arguments of calls', (kit) => {
  QUnit.test('of getPage: unknown options, and a controller for a signal', async (assert) => {
    const { pool } = await kit().warm();
    for (const [options, parts] of [
      [{ prority: 5 }, ['prority', "did you mean 'priority'"]],
      [{ signal: new AbortController() }, ['signal', 'its .signal']],
      [{ signal: 'now' }, ['signal', "'now'"]],
      [{ signal: {} }, ['signal', 'AbortSignal']],
      ['soon', ['options', "'soon'"]],
    ]) {
      const call = watch(pool.getPage('a', 'file', options));
      await within(call.settled, 'it is rejected');
      refused(assert, call.error, parts, JSON.stringify(options));
    }
    assert.strictEqual(pool.getQueueDepthSnapshot().totalPending, 0, 'nothing was taken');
  });

  QUnit.test('of disposeAffinity: options that are none', async (assert) => {
    const { pool } = await kit().warm();
    await kit().visit(pool, 'a');
    for (const [options, parts] of [['now', ['options', "'now'"]], [null, ['options', 'null']], [5, ['options', '5']], [{ awaitIdel: true }, ['awaitIdel', "did you mean 'awaitIdle'"]]]) {
      const call = watch(pool.disposeAffinity('a', options));
      await within(call.settled, 'it is rejected');
      refused(assert, call.error, parts, JSON.stringify(options));
    }
    assert.deepEqual(pool.getWarmAffinities(), ['a'], 'nothing was disposed of');
  });

  QUnit.test('a controller for a signal, wherever a signal goes', async (assert) => {
    const controller = new AbortController();
    refused(assert, thrownBy(() => lib.throwIfAborted(controller)), ['signal', 'its .signal'], 'throwIfAborted');
    for (const [what, call] of [
      ['abortable', () => lib.abortable(controller, () => 1)],
      ['AsyncSemaphore', () => new lib.AsyncSemaphore(1).acquire(controller)],
      ['TabQueue', () => new lib.TabQueue().acquire(controller)],
    ]) {
      const watched = watch(call());
      await within(watched.settled, what);
      refused(assert, watched.error, ['signal', 'its .signal'], what);
    }
  });

  QUnit.test('of new BrowserManager: unknown options', (assert) => {
    refused(assert, thrownBy(() => new lib.BrowserManager({ execPath: '/x' })), ['execPath'], 'execPath');
    refused(assert, thrownBy(() => new lib.BrowserManager({ executablepath: '/x' })), ["did you mean 'executablePath'"], 'executablepath');
  });
});

poolModule('the reason of an abort', (kit) => {
  QUnit.test('that is an error is the cause of the cancellation', async (assert) => {
    const reason = new RangeError('the client hung up');
    const { pool } = await kit().warm();
    for (const [what, call] of [
      ['getPage', (signal) => pool.getPage('a', 'file', { signal })],
      ['throwIfAborted', async (signal) => lib.throwIfAborted(signal)],
      ['abortable', (signal) => lib.abortable(signal, () => new Promise(() => {}))],
      ['AsyncSemaphore', (signal) => new lib.AsyncSemaphore(1).acquire(signal)],
    ]) {
      const watched = watch(call(AbortSignal.abort(reason)));
      await within(watched.settled, what);
      assert.true(lib.isPrerenderCancellation(watched.error), `${what}: ${watched.error}`);
      assert.strictEqual(watched.error.cause, reason, what);
      assert.strictEqual(watched.error.message, 'prerender cancelled', `${what}: the message`);
      assert.notOk('reason' in watched.error, `${what}: reason is for texts`);
    }
  });

  QUnit.test('that comes while a call waits is its cause too', async (assert) => {
    const { pool } = await kit().warm({ maxPages: 1 });
    await kit().take(pool, 'a');
    const controller = new AbortController();
    const waiting = kit().ask(pool, 'a', 'module', { signal: controller.signal });
    controller.abort();
    await within(waiting.settled, 'it is rejected');
    assert.strictEqual(waiting.error.cause, controller.signal.reason, 'the AbortError that a bare abort() makes');
  });

  QUnit.test('that is a text is the reason, and there is no cause', (assert) => {
    const error = thrownBy(() => lib.throwIfAborted(AbortSignal.abort('too late')));
    assert.strictEqual(error.message, 'prerender cancelled: too late');
    assert.strictEqual(error.reason, 'too late');
    assert.notOk('cause' in error);
  });

  QUnit.test('can be given to the error itself', (assert) => {
    const cause = new Error('why');
    assert.strictEqual(new lib.PrerenderCancelledError({ state: 'rendering', cause }).cause, cause);
    assert.notOk('cause' in new lib.PrerenderCancelledError('text'));
  });
});

poolModule('await using lease', (kit) => {
  QUnit.test('releases, and gives a promise', async (assert) => {
    const { pool } = await kit().warm({ maxPages: 1 });
    const lease = await kit().take(pool, 'a');
    const { [Symbol.asyncDispose]: dispose } = lease;
    lease.page.leasedBy = undefined;
    const disposed = dispose();
    assert.true(disposed instanceof Promise, 'a promise');
    assert.true(pool.getVacancySnapshot().a.idle, 'released when it returns');
    assert.strictEqual(await disposed, undefined);
    assert.strictEqual(await dispose(), undefined, 'a second time does nothing');
  });
});

chromeModule('arguments of pages', (kit, test) => {
  test('a timeout that is no number', async (assert) => {
    const { pool } = kit().pool({ maxPages: 1 });
    const { page } = await kit().take(pool, 'a');
    for (const [what, call] of [
      ['goto', () => page.goto('about:blank', { timeout: '5s' })],
      ['waitForSelector', () => page.waitForSelector('p', { timeout: '5s' })],
      ['waitForFunction', () => page.waitForFunction(() => true, { timeout: {} })],
    ]) {
      const watched = watch(Promise.resolve().then(call));
      await within(watched.settled, what, 20_000);
      refused(assert, watched.error, ['timeout', 'a number'], what);
    }
    assert.strictEqual(await page.evaluate(() => location.pathname), '/_standby', 'it went nowhere');
  });
});
