// @ts-check
// The training jobs of a tuning job, as its page compares them. Pure.
import { value } from "./series.js";

/** @typedef {{name: string, number: number, mark: number|null, definition: number, status: string, counts: boolean, early: boolean, settled: boolean, objective: number|string|null, parameters: Record<string, any>}} Tuned */

/** The objective as a number; NaN where there is none. @param {Tuned} row */
export function objective(row) {
  return row.objective === null ? NaN : value(row.objective);
}

/** What was known with what is new, in the order of launch. @param {Tuned[]} old @param {Tuned[]} fresh */
export function merged(old, fresh) {
  const all = new Map([...old, ...fresh].map((each) => [each.number, each]));
  return [...all.values()].sort((a, b) => a.number - b.number);
}

/** The best objective so far, at each training job that improved it; only those that count do.
 * @param {Tuned[]} rows in the order of launch @param {boolean} low */
export function course(rows, low) {
  /** @type {{number: number, value: number}[]} */
  const found = [];
  for (const row of rows) {
    const at = objective(row);
    if (!row.counts || !Number.isFinite(at)) continue;
    const last = found[found.length - 1];
    if (!last || (low ? at < last.value : at > last.value)) found.push({ number: row.number, value: at });
  }
  return found;
}

/** Rows in another order: `number`, `objective`, `status`, `took`, or `parameter.<name>`. What has
 * no value is last in both directions. @param {any[]} rows @param {string} by @param {boolean} descending */
export function ordered(rows, by, descending, now = 0) {
  const read = (/** @type {any} */ row) => {
    if (by === "objective") return objective(row);
    if (by === "took") return row.started ? (row.ended ?? now) - row.started : NaN;
    if (by.startsWith("parameter.")) return row.parameters[by.slice(10)];
    return row[by] ?? row.number;
  };
  const lacks = (/** @type {any} */ each) => each === undefined || each === null || Number.isNaN(each);
  const sign = descending ? -1 : 1;
  return [...rows].sort((a, b) => {
    const [one, other] = [read(a), read(b)];
    if (lacks(one) || lacks(other)) return Number(lacks(one)) - Number(lacks(other)) || a.number - b.number;
    return (one < other ? -1 : one > other ? 1 : 0) * sign || a.number - b.number;
  });
}
