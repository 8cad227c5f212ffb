// Compiled, never run: what callers write must type-check, and what would be a mistake must not.

import {
  AsyncSemaphore,
  PrerenderCancelledError,
  StandbyTargetNotReadyError,
  TabQueue,
  abortable,
  isPrerenderCancellation,
  throwIfAborted,
} from 'pagepool';

const signal = new AbortController().signal;

async function semaphores(): Promise<void> {
  const semaphore = new AsyncSemaphore(2);
  const release: () => void = await semaphore.acquire(signal, 5);
  release();
  semaphore.setCapacity(3);
  const byPriority: Map<number, number> = semaphore.pendingByPriority();
  const queue = new TabQueue();
  (await queue.acquire())();
  void [byPriority, queue.pendingCount, semaphore.capacity, semaphore.inUseCount];
  // @ts-expect-error: a semaphore has a number of permits
  new AsyncSemaphore('two');
}

async function cancellation(): Promise<void> {
  throwIfAborted(undefined);
  throwIfAborted(signal, 'rendering');
  const seven: number = await abortable(signal, async () => 7, 'releasing');
  const error: unknown = new PrerenderCancelledError({ state: 'queued', reason: 'the client hung up' });
  if (isPrerenderCancellation(error)) {
    const where: 'queued' | 'rendering' | 'releasing' = error.state;
    const code: 'PRERENDER_CANCELLED' = error.code;
    void [where, code, error.reason];
  }
  class Subclass extends StandbyTargetNotReadyError {}
  void [seven, new Subclass('not up').code, new PrerenderCancelledError('reason'), new PrerenderCancelledError()];
  // @ts-expect-error: there is no such state
  throwIfAborted(signal, 'sleeping');
}

export { cancellation, semaphores };
