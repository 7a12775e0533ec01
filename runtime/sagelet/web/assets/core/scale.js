// @ts-check
// From values to pixels and back, and lines that have no more points than pixels. Pure.
import { logTicks, ticks } from "./series.js";

/** @typedef {{to: (value: number) => number, from: (pixel: number) => number, ticks: (most: number) => number[], low: number, high: number, log: boolean}} Scale */

/** @param {number} low @param {number} high @param {number} a pixel of low @param {number} b pixel of high @returns {Scale} */
export function scale(low, high, a, b, log = false) {
  const f = log ? Math.log10 : (/** @type {number} */ each) => each;
  const g = log ? (/** @type {number} */ each) => 10 ** each : (/** @type {number} */ each) => each;
  if (low === high) {
    const by = log ? 2 : Math.abs(low) * 0.1 || 1;
    [low, high] = log ? [low / by, high * by] : [low - by, high + by];
  }
  const start = f(low);
  const span = f(high) - start;
  return {
    to: (value) => a + ((f(value) - start) / span) * (b - a),
    from: (pixel) => g(start + ((pixel - a) / (b - a)) * span),
    ticks: (most) => (log ? logTicks(low, high) : ticks(low, high, most)),
    low,
    high,
    log,
  };
}

/** The first place whose value is not below `value`. @param {ArrayLike<number>} xs sorted */
export function lower(xs, value) {
  let low = 0;
  let high = xs.length;
  while (low < high) {
    const mid = (low + high) >> 1;
    if (xs[mid] < value) low = mid + 1;
    else high = mid;
  }
  return low;
}

/** The place nearest to a value; -1 for none. @param {ArrayLike<number>} xs sorted */
export function nearest(xs, value) {
  if (!xs.length) return -1;
  const at = Math.min(lower(xs, value), xs.length - 1);
  return at > 0 && value - xs[at - 1] < xs[at] - value ? at - 1 : at;
}

/** The points to draw of a line, as [x, y, x, y, ...] in pixels, NaN where it has a gap: those
 * between two places, one beyond each; of many only the lowest and the highest of each column.
 * @param {ArrayLike<number>} xs sorted @param {ArrayLike<number>} ys
 * @param {Scale} sx @param {Scale} sy @param {number} from @param {number} to @param {number} columns */
export function outline(xs, ys, sx, sy, from, to, columns) {
  const before = Math.max(0, from - 1);
  const first = sx.log && !(xs[before] > 0) ? from : before;
  const last = Math.min(xs.length, to + 1);
  const fits = (/** @type {number} */ y) => Number.isFinite(y) && !(sy.log && y <= 0);
  /** @type {number[]} */
  const found = [];
  const push = (/** @type {number} */ i) => fits(ys[i]) && found.push(sx.to(xs[i]), sy.to(ys[i]));
  if (last - first <= columns * 2) {
    for (let i = first; i < last; i++) if (!push(i)) found.push(NaN, NaN);
    return found;
  }
  const start = sx.to(sx.low);
  const wide = (sx.to(sx.high) - start) / columns;
  let i = first;
  while (i < last) {
    const end = sx.from(start + (Math.floor((sx.to(xs[i]) - start) / wide) + 1) * wide);
    const begin = i;
    let low = -1;
    let high = -1;
    do {
      const y = ys[i];
      if (fits(y)) {
        if (low < 0 || y < ys[low]) low = i;
        if (high < 0 || y > ys[high]) high = i;
      }
      i += 1;
    } while (i < last && xs[i] < end);
    if (low < 0) {
      found.push(NaN, NaN);
      continue;
    }
    if (begin === first && low !== begin && high !== begin) push(begin);
    push(Math.min(low, high));
    if (low !== high) push(Math.max(low, high));
    if (i === last && low !== i - 1 && high !== i - 1) push(i - 1);
  }
  return found;
}

/** Another part of an axis: `by` below 1 is closer, around a place.
 * @param {[number, number]} whole @param {[number, number]} part @param {number} at @param {number} by
 * @returns {[number, number] | null} null for the whole */
export function zoomed(whole, part, at, by) {
  const low = Math.max(whole[0], at - (at - part[0]) * by);
  const high = Math.min(whole[1], at + (part[1] - at) * by);
  return low <= whole[0] && high >= whole[1] ? null : [low, high];
}
