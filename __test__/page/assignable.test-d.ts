// Checked by the compiler only: members that puppeteer's types declare are assignable to them.

import type * as Puppeteer from 'puppeteer-core';
import type { BrowserManagerOptions, CookieParam, ElementHandle, FileChooser, Page } from '../..';

async function assignable(page: Page, element: ElementHandle, chooser: FileChooser): Promise<void> {
  const touchscreen: Pick<Puppeteer.Touchscreen, 'tap' | 'touchStart' | 'touchMove' | 'touchEnd'> = page.touchscreen;
  const touch: Puppeteer.TouchHandle = await element.touchStart();
  const mouse: Pick<Puppeteer.Mouse, 'drag' | 'dragEnter' | 'dragOver' | 'drop' | 'dragAndDrop'> = page.mouse;
  const choosers: Pick<Puppeteer.FileChooser, 'accept' | 'cancel' | 'isMultiple'> = chooser;
  const pages: Pick<
    Puppeteer.Page,
    'captureHeapSnapshot' | 'setDragInterception' | 'isDragInterceptionEnabled' | 'emulateTimezone'
  > = page;
  const elements: Pick<Puppeteer.ElementHandle, 'autofill' | 'touchEnd' | 'dragEnter' | 'dragOver' | 'uploadFile'> = element;
  const cookies: Pick<Puppeteer.Cookie, 'name' | 'value' | 'priority' | 'sourceScheme' | 'sameParty' | 'sameSite' | 'partitionKey'>[] =
    await page.cookies();
  const param: CookieParam = {} as Puppeteer.CookieParam & { name: string; value: string };
  const launch: BrowserManagerOptions = {} as Pick<
    Puppeteer.LaunchOptions,
    'ignoreDefaultArgs' | 'env' | 'dumpio' | 'userDataDir' | 'acceptInsecureCerts' | 'defaultViewport' | 'downloadBehavior'
  >;
  void [touchscreen, touch, mouse, choosers, pages, elements, cookies, param, launch];
}

void assignable;
