// Named exports for `import`: what `require` gives.
import addon from './index.js';

export const {
  AsyncSemaphore,
  BrowserManager,
  Locator,
  PagePool,
  PrerenderCancelledError,
  ProtocolError,
  StandbyTargetNotReadyError,
  TabQueue,
  TargetCloseError,
  TimeoutError,
  TouchError,
  abortable,
  clearCustomQueryHandlers,
  customQueryHandlerNames,
  getPendingNetworkRequests,
  isPrerenderCancellation,
  registerCustomQueryHandler,
  throwIfAborted,
  unregisterCustomQueryHandler,
} = addon;

export default addon;
