'use strict';
// What ours does not do yet, by area: printed as skipped, and counted.

module.exports = {
  handles: [
    '$ of an aria role',
    '$ pierces shadow roots with >>>',
    '$eval of nothing rejects',
    'queryObjects finds what has a prototype',
  ],
  interception: ['a request waits until it is handled'],
  screenshot: [
    'screenshot: of an element',
    'screenshot: of an element out of view',
    'screenshot: of an element without size',
    'screenshot: of a hidden element',
    'pdf: as a stream',
  ],
  browser: [
    'process',
    'waitForTarget',
    'waitForTarget times out',
    'overridePermissions',
    'overridePermissions refuses an unknown one',
    'targetcreated and targetdestroyed of a context',
  ],
  emulation: ['setGeolocation', 'cookies of a context', 'a metrics event by console.timeStamp'],
};
