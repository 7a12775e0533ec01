// @ts-check
// From a part of an x axis to the places in series that it covers. Pure.
import { lower } from "./scale.js";
import { stepsOf } from "./series.js";

/** A series' values on the x axis. @param {any} series @param {string} x step, relative or time */
export function axisOf(series, x) {
  return x === "step" ? stepsOf(series) : x === "time" ? series.time : series.time.map((/** @type {number} */ each) => each - series.time[0]);
}

/** The places to ask for, to see a part closely; null if all of it is here already.
 * @param {any[]} series @param {string} x @param {[number, number]} part */
export function placesOf(series, x, [low, high]) {
  let [first, last] = [Infinity, -Infinity];
  let whole = true;
  for (const each of series) {
    if (!each.place.length) continue;
    if (each.count > each.place.length) whole = false;
    const xs = axisOf(each, x);
    const from = Math.max(0, lower(xs, low) - 1);
    const to = Math.min(xs.length - 1, lower(xs, high) + 1);
    first = Math.min(first, each.place[from]);
    last = Math.max(last, each.place[to]);
  }
  return whole || !(last > first) ? null : { low: first, high: last };
}
