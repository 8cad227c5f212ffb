'use strict';

const { checks } = require('./suite.cjs');

for (const [name, check] of Object.entries(checks)) {
  test(name, check);
}
