// @ts-check
// From a part of an x axis to the places in series that it covers. Pure.
import { stepsOf } from "./series.js";

/** A series' values on the x axis. @param {any} series @param {string} x step, relative or time */
export function axisOf(series, x) {
  return x === "step" ? stepsOf(series) : x === "time" ? series.time : series.time.map((/** @type {number} */ each) => each - series.time[0]);
}

/** The places to ask for, to see a part closely and one value of each host to both sides of it; null
 * if all of it is here already. Hosts may have written one after the other.
 * @param {any[]} series @param {string} x @param {[number, number]} part */
export function placesOf(series, x, [low, high]) {
  let [first, last] = [Infinity, -Infinity];
  let whole = true;
  for (const each of series) {
    if (each.count > each.place.length) whole = false;
    const xs = axisOf(each, x);
    for (let host = 0; host < each.hosts.length; host++) {
      let [before, after] = [-1, -1];
      for (let i = 0; i < xs.length; i++) {
        if (each.host[i] !== host) continue;
        if (xs[i] < low) before = i;
        else if (after < 0 && xs[i] > high) after = i;
        else if (xs[i] <= high) [first, last] = [Math.min(first, each.place[i]), Math.max(last, each.place[i])];
      }
      if (before >= 0) [first, last] = [Math.min(first, each.place[before]), Math.max(last, each.place[before])];
      if (after >= 0) [first, last] = [Math.min(first, each.place[after]), Math.max(last, each.place[after])];
    }
  }
  return whole || !(last > first) ? null : { low: first, high: last };
}
