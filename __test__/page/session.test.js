'use strict';

const { differential, scenario, once } = require('./harness.js');

async function readStream(session, handle) {
  const parts = [];
  for (;;) {
    const { data, eof, base64Encoded } = await session.send('IO.read', { handle, size: 65536 });
    parts.push(base64Encoded ? Buffer.from(data, 'base64') : Buffer.from(data));
    if (eof) break;
  }
  await session.send('IO.close', { handle });
  return Buffer.concat(parts);
}

differential('session', [
  scenario('send answers with the result', async ({ page }) => {
    const session = await page.createCDPSession();
    return session.send('Runtime.evaluate', { expression: '({ a: 1 })', returnByValue: true });
  }),
  scenario('send without parameters', async ({ page }) => {
    const session = await page.createCDPSession();
    return session.send('Runtime.enable');
  }),
  scenario('send of an unknown method', async ({ page }) => (await page.createCDPSession()).send('No.such')),
  scenario('send with wrong parameters', async ({ page }) =>
    (await page.createCDPSession()).send('Runtime.evaluate', { expression: 5 })),
  scenario('send with missing parameters', async ({ page }) => (await page.createCDPSession()).send('DOM.describeNode', { nodeId: 99 })),
  scenario('a protocol error shows its parts', async ({ page }) => {
    const session = await page.createCDPSession();
    const error = await session.send('No.such').catch((caught) => caught);
    return [error.name, error.message, error.originalMessage, error instanceof Error];
  }),
  scenario('events arrive', async ({ page }) => {
    const session = await page.createCDPSession();
    await session.send('Runtime.enable');
    const [event] = await Promise.all([once(session, 'Runtime.consoleAPICalled'), page.evaluate(() => console.log('x'))]);
    return [event.type, event.args];
  }),
  scenario('events only when enabled', async ({ page, note, server }) => {
    const session = await page.createCDPSession();
    // Whether a favicon is asked for, and when, is the browser's affair.
    session.on('Network.requestWillBeSent', ({ request }) => !request.url.endsWith('/favicon.ico') && note(request.url));
    await page.goto(server.url('/'));
    await session.send('Network.enable');
    await page.goto(server.url('/text'));
  }),
  scenario('every event by one listener', async ({ page }) => {
    const session = await page.createCDPSession();
    const heard = [];
    const listener = (name, params) => typeof name === 'string' && heard.push([name, typeof params]);
    session.on('*', listener);
    await session.send('Runtime.enable');
    await page.evaluate(() => console.log('x'));
    await session.send('Runtime.evaluate', { expression: '1' });
    session.off('*', listener);
    await page.evaluate(() => console.log('y'));
    await session.send('Runtime.evaluate', { expression: '1' });
    const count = (name) => heard.filter(([one]) => one === name).length;
    return [count('Runtime.executionContextCreated') > 0, count('Runtime.consoleAPICalled'), [...new Set(heard.flat())].sort()];
  }, { right: [true, 1, ['Runtime.consoleAPICalled', 'Runtime.executionContextCreated', 'object']] }),
  scenario('every event, behind those who listen to one', async ({ page, note }) => {
    const session = await page.createCDPSession();
    await session.send('Runtime.enable');
    session.on('*', (name, params) => typeof name === 'string' && note('all', name, params.type));
    session.on('Runtime.consoleAPICalled', ({ type }) => note('one', type));
    await page.evaluate(() => console.log('x'));
    await session.send('Runtime.evaluate', { expression: '1' });
  }, { right: undefined }),
  scenario('off stops events', async ({ page, note }) => {
    const session = await page.createCDPSession();
    await session.send('Runtime.enable');
    const listener = (event) => note(event.args[0].value);
    session.on('Runtime.consoleAPICalled', listener);
    await page.evaluate(() => console.log('one'));
    await session.send('Runtime.evaluate', { expression: '1' });
    session.off('Runtime.consoleAPICalled', listener);
    await page.evaluate(() => console.log('two'));
    await session.send('Runtime.evaluate', { expression: '1' });
  }),
  scenario('once hears one event', async ({ page, note }) => {
    const session = await page.createCDPSession();
    await session.send('Runtime.enable');
    session.once('Runtime.consoleAPICalled', (event) => note(event.args[0].value));
    await page.evaluate(() => console.log('one'));
    await page.evaluate(() => console.log('two'));
    await session.send('Runtime.evaluate', { expression: '1' });
  }),
  scenario('events before the answer', async ({ page, note }) => {
    const session = await page.createCDPSession();
    session.on('Runtime.executionContextCreated', () => note('context'));
    await session.send('Runtime.enable');
    note('enabled');
  }),
  scenario('several sessions on one page', async ({ page, note }) => {
    const [a, b] = [await page.createCDPSession(), await page.createCDPSession()];
    await a.send('Runtime.enable');
    a.on('Runtime.consoleAPICalled', () => note('a'));
    b.on('Runtime.consoleAPICalled', () => note('b'));
    await page.evaluate(() => console.log('x'));
    await a.send('Runtime.evaluate', { expression: '1' });
    await b.send('Runtime.evaluate', { expression: '1' });
    return a.id() !== b.id();
  }),
  scenario('detach', async ({ page, attempt }) => {
    const session = await page.createCDPSession();
    const before = session.detached;
    const answer = await session.detach();
    const { threw } = await attempt(session.send('Runtime.evaluate', { expression: '1' }));
    return [before, answer, session.detached, threw, await page.evaluate('1')];
  }),
  scenario('detach twice', async ({ page, attempt }) => {
    const session = await page.createCDPSession();
    await session.detach();
    return attempt(session.detach());
  }),
  scenario('a session ends with its page', async ({ page, attempt }) => {
    const session = await page.createCDPSession();
    const pending = attempt(session.send('Runtime.evaluate', { expression: 'new Promise(() => {})', awaitPromise: true }));
    await page.close();
    return [await pending, await attempt(session.send('Runtime.evaluate', { expression: '1' }))];
  }),
  scenario('calls in flight at once', async ({ page }) => {
    const session = await page.createCDPSession();
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, n) => session.send('Runtime.evaluate', { expression: String(n), returnByValue: true })),
    );
    return answers.map((answer) => answer.result.value);
  }),
  scenario('the target creates a session', async ({ page }) => {
    const session = await page.target().createCDPSession();
    const { result } = await session.send('Runtime.evaluate', { expression: '6 * 7' });
    return result;
  }),
  scenario('the browser has a session too', async ({ browser, attempt }) => {
    const session = await browser.target().createCDPSession();
    const { product } = await session.send('Browser.getVersion');
    const refused = await attempt(session.send('Page.navigate', { url: 'about:blank' }));
    await session.detach();
    return [product === (await browser.version()), refused, browser.target().type()];
  }),
  scenario('a stream is read by IO.read', async ({ page }) => {
    const session = await page.createCDPSession();
    const { stream } = await session.send('Page.printToPDF', { transferMode: 'ReturnAsStream' });
    const pdf = await readStream(session, stream);
    return [pdf.subarray(0, 5).toString(), pdf.length > 500];
  }),
  scenario('a CPU profile', async ({ page }) => {
    const session = await page.createCDPSession();
    await session.send('Profiler.enable');
    await session.send('Profiler.start');
    await page.evaluate(() => {
      let sum = 0;
      for (let n = 0; n < 1e6; n++) sum += n;
      return sum;
    });
    const { profile } = await session.send('Profiler.stop');
    return [Object.keys(profile).sort(), profile.nodes.length > 0];
  }),
  scenario('a heap sampling', async ({ page }) => {
    const session = await page.createCDPSession();
    await session.send('HeapProfiler.startSampling', { samplingInterval: 1024 });
    await page.evaluate(() => void (globalThis.kept = Array.from({ length: 10_000 }, () => ({}))));
    const { profile } = await session.send('HeapProfiler.stopSampling');
    return [typeof profile.head, profile.samples.length > 0];
  }),
  scenario('a trace', async ({ page, server }) => {
    const session = await page.createCDPSession();
    await session.send('Tracing.start', { transferMode: 'ReturnAsStream', traceConfig: { includedCategories: ['devtools.timeline'] } });
    await page.goto(server.url('/'));
    const complete = once(session, 'Tracing.tracingComplete');
    await session.send('Tracing.end');
    const trace = JSON.parse(await readStream(session, (await complete).stream));
    return trace.traceEvents.length > 0;
  }),
  scenario('a heap snapshot in chunks', async ({ page }) => {
    const session = await page.createCDPSession();
    let size = 0;
    session.on('HeapProfiler.addHeapSnapshotChunk', ({ chunk }) => (size += chunk.length));
    await session.send('HeapProfiler.takeHeapSnapshot', { reportProgress: false });
    return size > 100_000;
  }),
  scenario('coverage of scripts by the protocol', async ({ page, server }) => {
    const session = await page.createCDPSession();
    await session.send('Profiler.enable');
    await session.send('Profiler.startPreciseCoverage', { callCount: true, detailed: false });
    await page.goto(server.html('<script>function used() {} used(); function unused() {}</script>'));
    const { result } = await session.send('Profiler.takePreciseCoverage');
    const script = result.find((entry) => entry.functions.some((each) => each.functionName === 'used'));
    return script.functions.map((each) => [each.functionName, each.ranges[0].count]).filter(([name]) => name);
  }),
  scenario('emit and listenerCount', async ({ page, note }) => {
    const session = await page.createCDPSession();
    session.on('made.up', (value) => note('heard', value));
    return [session.listenerCount('made.up'), session.emit('made.up', { a: 1 }), session.removeAllListeners('made.up') === session, session.listenerCount('made.up')];
  }),
  scenario('Runtime.terminateExecution frees a busy page', async ({ page, attempt }) => {
    const session = await page.createCDPSession();
    await session.send('Runtime.enable');
    const started = once(session, 'Runtime.consoleAPICalled');
    const busy = attempt(page.evaluate(() => {
      console.log('busy');
      for (;;);
    }));
    await started;
    await session.send('Runtime.terminateExecution');
    return [await busy, await page.evaluate('1 + 1')];
  }),
  scenario('exceptionThrown and exceptionRevoked', async ({ page, note }) => {
    const session = await page.createCDPSession();
    await session.send('Runtime.enable');
    session.on('Runtime.exceptionThrown', ({ exceptionDetails }) => note('thrown', exceptionDetails.text));
    const revoked = new Promise((resolve) =>
      session.on('Runtime.exceptionRevoked', ({ reason }) => {
        note('revoked', reason);
        resolve();
      }),
    );
    await page.evaluate(() => {
      globalThis.late = Promise.reject(new Error('later handled'));
    });
    await page.evaluate(() => void setTimeout(() => globalThis.late.catch(() => 0)));
    await revoked;
  }),
]);
