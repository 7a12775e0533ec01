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
 * between two places, one beyond each; at most four for each column of pixels.
 * @param {ArrayLike<number>} xs sorted @param {ArrayLike<number>} ys
 * @param {Scale} sx @param {Scale} sy @param {number} from @param {number} to @param {number} columns */
export function outline(xs, ys, sx, sy, from, to, columns) {
  const first = Math.max(0, from - 1);
  const last = Math.min(xs.length, to + 1);
  const fits = (/** @type {number} */ y) => Number.isFinite(y) && !(sy.log && y <= 0);
  /** @type {number[]} */
  const found = [];
  if (last - first <= columns * 4) {
    for (let i = first; i < last; i++) {
      if (fits(ys[i])) found.push(sx.to(xs[i]), sy.to(ys[i]));
      else found.push(NaN, NaN);
    }
    return found;
  }
  let i = first;
  while (i < last) {
    const column = Math.floor(sx.to(xs[i]));
    const end = sx.from(column + 1);
    let low = -1;
    let high = -1;
    const begin = i;
    let close = i;
    for (; i < last && (xs[i] < end || i === begin); i++) {
      const y = ys[i];
      if (!fits(y)) continue;
      if (low < 0 || y < ys[low]) low = i;
      if (high < 0 || y > ys[high]) high = i;
      close = i;
    }
    if (low < 0) {
      found.push(NaN, NaN);
      continue;
    }
    const order = [...new Set([begin, Math.min(low, high), Math.max(low, high), close])];
    for (const each of order) if (fits(ys[each])) found.push(sx.to(xs[each]), sy.to(ys[each]));
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
