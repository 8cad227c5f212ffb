// Locators, in puppeteer's shape: `locator.js`.

import type { ClickOptions, DisposableEventSource, HandleOf } from './page.js'

/** What a locator emits. */
export interface LocatorEvents {
  /** The element is ready and is about to be acted on. */
  action: undefined
}

export interface ActionOptions {
  /** Ends the action with its reason. */
  signal?: AbortSignal
}

export interface LocatorFillOptions extends ActionOptions {
  /** Text of so many characters is set at once instead of typed. Default: 100. */
  typingThreshold?: number
}

export interface LocatorScrollOptions extends ActionOptions {
  /** Pixels. Default: stays. */
  scrollTop?: number
  /** Pixels. Default: stays. */
  scrollLeft?: number
}

/** Which elements count; null: all. */
export type VisibilityOption = 'hidden' | 'visible' | null

/** What a locator's handles stand for. */
export type AwaitedLocator<T> = T extends Locator<infer S> ? S : never

/**
 * Looks for an object, waits until it is ready, and acts on it; looks again, every 100 ms, where that fails. Each
 * `set...` gives a new locator and leaves this one as it is.
 */
export interface Locator<T = unknown> extends DisposableEventSource<LocatorEvents> {
  /** How long an action may take, in milliseconds; 0: as long as it takes. Default: the page's, 30000. */
  get timeout(): number
  setTimeout(timeout: number): Locator<T>
  setVisibility<E extends Node>(this: Locator<E>, visibility: VisibilityOption): Locator<E>
  /** Whether controls must not be disabled for `click` and `fill`. Default: true. */
  setWaitForEnabled<E extends Node>(this: Locator<E>, value: boolean): Locator<E>
  /** Whether the element is scrolled into view. Default: true. */
  setEnsureElementIsInTheViewport<E extends Element>(this: Locator<E>, value: boolean): Locator<E>
  /** Whether the element must have stayed where it is for an animation frame. Default: true. */
  setWaitForStableBoundingBox<E extends Element>(this: Locator<E>, value: boolean): Locator<E>
  clone(): Locator<T>
  /** What a function in the page makes of what is found. */
  map<To>(mapper: (value: T) => To | Promise<To>): Locator<To>
  /** What a function in the page accepts. */
  filter<S extends T>(predicate: (value: T) => value is S): Locator<S>
  filter(predicate: (value: T) => boolean | Promise<boolean>): Locator<T>
  /** Waits for it; the handle is the caller's. */
  waitHandle(options?: Readonly<ActionOptions>): Promise<HandleOf<T>>
  /** Waits for it and copies it. */
  wait(options?: Readonly<ActionOptions>): Promise<T>
  click<E extends Element>(this: Locator<E>, options?: Readonly<ClickOptions & ActionOptions>): Promise<void>
  /**
   * Types into text fields, selects an option by value, sets other inputs; checkboxes, radio buttons and switches
   * take a boolean.
   */
  fill<E extends Element>(
    this: Locator<E>,
    value: string | boolean,
    options?: Readonly<LocatorFillOptions>,
  ): Promise<void>
  hover<E extends Element>(this: Locator<E>, options?: Readonly<ActionOptions>): Promise<void>
  scroll<E extends Element>(this: Locator<E>, options?: Readonly<LocatorScrollOptions>): Promise<void>
}

export declare const Locator: {
  /** Takes whichever of the locators finds something first. */
  race<Locators extends readonly unknown[] | []>(locators: Locators): Locator<AwaitedLocator<Locators[number]>>
  readonly prototype: Locator
}
