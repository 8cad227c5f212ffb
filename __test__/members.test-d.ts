// Checked by the compiler only: members that puppeteer documents can stand in for its own.

import type * as Theirs from 'puppeteer-core';

import * as Ours from '..';

/** The members of both that ours cannot stand in for. */
type Unfit<O, T> = { [K in keyof O & keyof T]: O[K] extends T[K] ? never : K }[keyof O & keyof T];
declare function fits<Name extends never>(): Name;

fits<Unfit<Ours.Coverage, Theirs.Coverage>>();
fits<Unfit<Ours.CoverageEntry, Theirs.CoverageEntry>>();
fits<Unfit<Ours.SecurityDetails, Theirs.SecurityDetails>>();
fits<Unfit<Ours.DeviceRequestPrompt, Theirs.DeviceRequestPrompt>>();
fits<Unfit<Ours.WindowBounds, Theirs.WindowBounds>>();
fits<Unfit<Ours.CustomQueryHandler, Theirs.CustomQueryHandler>>();
fits<Unfit<Omit<Ours.Issue, 'details'>, Theirs.Issue>>();
fits<Unfit<Omit<Ours.SerializedAXNode, 'elementHandle' | 'children'>, Theirs.SerializedAXNode>>();
fits<Unfit<Pick<Ours.Browser, 'getWindowBounds' | 'setWindowBounds' | 'disconnect' | 'debugInfo'>, Theirs.Browser>>();
fits<Unfit<Pick<Ours.Page, 'resize' | 'windowId' | 'hasDevTools'>, Theirs.Page>>();

export async function locating(page: Ours.Page): Promise<void> {
  const texts: Ours.Locator<string> = page.locator('p').map((p) => p.textContent ?? '');
  const long: string = await texts.filter((text) => text.length > 5).setTimeout(5).wait();
  const answer: number = await page.locator(() => 42).wait();
  const button = page.locator('button').setVisibility('visible').setWaitForEnabled(false);
  button.on('action', () => {});
  await button.click({ button: 'right', signal: new AbortController().signal });
  await page.mainFrame().locator('input').fill(true, { typingThreshold: 5 });
  const handle: Ours.ElementHandle<Element> = await page.locator('p').waitHandle();
  await handle.asLocator().scroll({ scrollTop: 5 });
  // @ts-expect-error what is no element cannot be clicked
  await texts.click();
  void [long, answer];
}

export function telling(object: unknown): string {
  if (object instanceof Ours.ElementHandle) return object.frame.url();
  if (object instanceof Ours.Page) return object.url();
  return Ours.Puppeteer.customQueryHandlerNames().join();
}

export async function working(page: Ours.Page): Promise<void> {
  page.on('workercreated', (worker: Ours.WebWorker) => void worker.url());
  const [worker] = page.workers();
  const sum: number | undefined = await worker?.evaluate((a: number, b: number) => a + b, 1, 2);
  const handle: Ours.JSHandle<{ a: number }> | undefined = await worker?.evaluateHandle(() => ({ a: 1 }));
  const target: Ours.WebWorker | null = await page.target().worker();
  const root: Ours.SerializedAXNode | null = await page.accessibility.snapshot({ includeIframes: true });
  const element: Ours.ElementHandle | null | undefined = await root?.children?.[0]?.elementHandle();
  const session: Ours.CDPSession = (await page.createCDPSession()).connection()?.session('id') ?? worker!.client;
  session.on('sessionattached', (child: Ours.CDPSession) => void child.id());
  void [sum, handle, target, element];
}
