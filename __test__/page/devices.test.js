'use strict';
// Prompts for devices. Chrome has Bluetooth on Linux only where it is asked for.

const { differential, scenario } = require('./harness.js');

const ADDRESS = '09:09:09:09:09:09';

/** Has the page ask for a device that Chrome pretends to have; gives the prompt and what comes of the question. */
async function asked(page, server) {
  await page.goto(server.url('/').replace('127.0.0.1', 'localhost'));
  const connection = (await page.createCDPSession()).connection();
  await connection.send('BluetoothEmulation.disable').catch(() => {});
  await connection.send('BluetoothEmulation.enable', { state: 'powered-on', leSupported: true });
  await connection.send('BluetoothEmulation.simulatePreconnectedPeripheral', {
    address: ADDRESS, name: 'Heart', manufacturerData: [], knownServiceUuids: [],
  });
  const coming = page.waitForDevicePrompt();
  await page.evaluate('1');
  const answer = page.evaluate(() =>
    navigator.bluetooth.requestDevice({ acceptAllDevices: true }).then(() => 'chosen', (error) => error.name));
  return { prompt: await coming, answer };
}

const isIt = ({ id }) => id === ADDRESS;

differential('devices', [
  scenario('waitForDevicePrompt times out', ({ page, attempt }) => attempt(page.waitForDevicePrompt({ timeout: 50 })), {
    body: '', right: { threw: 'TimeoutError: Waiting for `DeviceRequestPrompt` failed: 50ms exceeded' },
  }),
  scenario('waitForDevicePrompt that is aborted', async ({ page, attempt }) => {
    const controller = new AbortController();
    const waiting = attempt(page.waitForDevicePrompt({ signal: controller.signal }));
    await page.evaluate('1');
    controller.abort(new Error('enough'));
    return waiting;
  }, { body: '', right: { threw: 'Error: enough' } }),
  scenario('a device is selected', async ({ page, server, attempt }) => {
    const { prompt, answer } = await asked(page, server);
    const device = await prompt.waitForDevice(isIt);
    const facts = [Object.keys(device).sort(), prompt.devices.includes(device), prompt.devices.length, await attempt(prompt.select({ ...device }))];
    await prompt.select(device);
    return [...facts, await attempt(prompt.select(device)), await attempt(prompt.cancel()), await answer];
  }, {
    ownContext: true,
    right: [
      ['id', 'name'], true, 1, { threw: 'Error: Cannot select unknown device!' },
      { threw: 'Error: Cannot select DeviceRequestPrompt which is already handled!' },
      { threw: 'Error: Cannot cancel DeviceRequestPrompt which is already handled!' },
      'chosen',
    ],
  }),
  scenario('a prompt is cancelled', async ({ page, server }) => {
    const { prompt, answer } = await asked(page, server);
    await prompt.cancel();
    return answer;
  }, { ownContext: true, right: 'NotFoundError' }),
  scenario('waitForDevice times out', async ({ page, server, attempt }) => {
    const { prompt, answer } = await asked(page, server);
    const outcome = await attempt(prompt.waitForDevice(() => false, { timeout: 50 }));
    await prompt.cancel();
    return [outcome, await answer];
  }, {
    ownContext: true,
    right: [{ threw: 'TimeoutError: Waiting for `DeviceRequestPromptDevice` failed: 50ms exceeded' }, 'NotFoundError'],
  }),
], { args: ['--enable-features=WebBluetooth', '--enable-blink-features=WebBluetooth'] });
