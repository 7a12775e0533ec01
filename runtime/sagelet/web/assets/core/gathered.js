// @ts-check
// Rows of a table gathered under headings, one for each value of a parameter: which line is what, and
// what a heading says of a metric. Pure.
import { figure } from "./format.js";
import { stepOf } from "./measure.js";
import { lower } from "./scale.js";
import { value as read } from "./series.js";

/** Where somebody is in a table, whatever is closed. @typedef {{row?: number, group?: number}} Place */
/** As the control plane tells it. @typedef {{value: any, count: number, figures: Record<string, {count: number, mean: any, low: any, high: any}>}} Told */
/** @typedef {Told & {key: string, label: string, closed: boolean}} Group */

/** Statistics of which one value can be the best. */
const RANKED = ["last", "min", "max", "avg"];

/** Which line of a table is a heading, which one a row; without groups all are rows.
 * @param {number} total @param {{count: number, closed: boolean}[]|null} groups
 * @returns {{lines: number, at: (line: number) => Place, lineOf: (place: Place) => number}} */
export function planned(total, groups) {
  if (!groups) return { lines: total, at: (line) => ({ row: line }), lineOf: (place) => place.row ?? -1 };
  /** @type {number[]} */
  const heads = []; // the line of each heading
  /** @type {number[]} */
  const firsts = []; // the first row of each
  let lines = 0;
  let rows = 0;
  for (const { count, closed } of groups) {
    heads.push(lines);
    firsts.push(rows);
    lines += 1 + (closed ? 0 : count);
    rows += count;
  }
  const within = (/** @type {number[]} */ list, /** @type {number} */ place) => lower(list, place + 1) - 1;
  return {
    lines,
    at: (line) => {
      const group = within(heads, line);
      if (group < 0 || line === heads[group]) return { group };
      return { row: firsts[group] + line - heads[group] - 1 };
    },
    lineOf: ({ row, group }) => {
      if (row === undefined) return heads[group ?? -1] ?? -1;
      const its = within(firsts, row);
      return its < 0 ? -1 : heads[its] + (groups[its].closed ? 0 : 1 + row - firsts[its]);
    },
  };
}

/** What the control plane tells of the values, as a table has them; `closed` are keys.
 * @param {Told[]} told @param {string[]} closed @returns {Group[]} */
export function grouped(told, closed) {
  return told.map((each) => {
    const value = typeof each.value?.number === "string" ? read(each.value.number) : each.value;
    const key = keyOf(value);
    return { ...each, value, key, label: value === null ? "no value" : typeof value === "number" ? figure(value) : value, closed: closed.includes(key) };
  });
}

/** What a value is called in an address. No two are called alike: a text that could be taken for
 * another value is quoted. @param {any} value */
function keyOf(value) {
  if (typeof value !== "string") return value === null ? "none" : String(value);
  return value === "none" || value.startsWith("\"") || !Number.isNaN(Number(value)) ? JSON.stringify(value) : value;
}

/** What headings say of a metric: the best of their rows and the mean, and which of both leads.
 * The mean leaves out what has no number; `of` is said where some have none. A spread or a count has no best.
 * @param {Told[]} groups @param {string} metric @param {string} statistic @param {boolean} low
 * @returns {{best?: {value: number, leads: boolean}, mean: {value: number, leads: boolean}, of: number}|null[]} */
export function summaries(groups, metric, statistic, low) {
  const ranked = RANKED.includes(statistic) || stepOf(statistic) !== null;
  const found = groups.map(({ figures: { [metric]: each } }) => each && { best: read(low ? each.low : each.high), mean: read(each.mean), of: each.count });
  const lead = (/** @type {"best"|"mean"} */ kind) => {
    const all = found.filter((each) => each && !Number.isNaN(each[kind])).map((each) => each[kind]);
    return ranked && all.length > 1 ? Math[low ? "min" : "max"](...all) : NaN;
  };
  const [best, mean] = [lead("best"), lead("mean")];
  return found.map((each) => each && {
    best: ranked ? { value: each.best, leads: each.best === best } : undefined,
    mean: { value: each.mean, leads: each.mean === mean },
    of: each.of,
  });
}
