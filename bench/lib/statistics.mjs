// Medians and spreads of rounds.

import { quantile } from '../../examples/lib/display.mjs';

export const median = (values) => quantile(values, 0.5);

/** Median, lowest and highest. */
export const summary = (values) => ({
  median: median(values),
  min: Math.min(...values),
  max: Math.max(...values),
});

/** Ours to theirs, round by round: what slows a round down slows both. */
export const ratios = (ours, theirs) => ours.map((value, round) => value / theirs[round]);

/** `0.63 (0.60 to 0.71)` */
export const spread = ({ median, min, max }, digits = 2) =>
  `${median.toFixed(digits)} (${min.toFixed(digits)} to ${max.toFixed(digits)})`;
