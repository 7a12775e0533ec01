// @ts-check
// Parameters and metrics of components, as tables and charts compare them. Pure.
import { ofKey } from "./jobs.js";
import { value } from "./series.js";

/** Of a metric: as the control plane names them, and as people read them. */
export const STATISTICS = [["last", "last"], ["min", "min"], ["max", "max"], ["avg", "mean"], ["std", "std"], ["count", "count"]];

/** The statistic that is the value at a step. @param {string} statistic @returns {number|null} */
export function stepOf(statistic) {
  const found = /^at(\d{1,15})$/.exec(statistic);
  return found ? Number(found[1]) : null;
}

/** How people read a statistic. @param {string} statistic */
export function statisticName(statistic) {
  const step = stepOf(statistic);
  return step === null ? (STATISTICS.find(([id]) => id === statistic)?.[1] ?? statistic) : `at step ${step}`;
}

/** What has to be asked for of metric -> statistic: those that rows do not have anyway, or all of them.
 * @param {Record<string, string>} stats */
export function statsOf(stats, all = false) {
  return Object.entries(stats).filter(([, statistic]) => all || stepOf(statistic) !== null).map((pair) => pair.join("."));
}

/** @typedef {{name: string, mark: number, title: string, trials: string[][], parameters: Record<string, any>, metrics: Record<string, any>, configuration?: Record<string, any>, code?: string|null}} Row */

/** A statistic of a metric; undefined where there is none. @param {any} row */
export function measured(row, metric, statistic = "last") {
  const found = row.metrics[metric]?.[statistic];
  return found === undefined ? undefined : value(found);
}

/** A parameter's value; undefined where there is none. @param {any} row */
export function parameter(row, name) {
  const found = row.parameters[name];
  return found !== null && typeof found === "object" ? value(found.number) : found;
}

/** The names of what differs among rows, and what is the same in all.
 * Rows without metrics do not count where others have some: they are other kinds of steps.
 * @param {any[]} rows @param {(row: any) => Record<string, any>} read */
export function differences(rows, read) {
  const told = rows.filter((each) => Object.keys(each.metrics).length);
  const counted = told.length ? told : rows;
  const names = new Set(counted.flatMap((each) => Object.keys(read(each))));
  /** @type {string[]} */
  const differ = [];
  /** @type {string[]} */
  const same = [];
  for (const name of [...names].sort(byName)) {
    const first = JSON.stringify(read(counted[0])[name]);
    const alike = first !== undefined && counted.every((each) => JSON.stringify(read(each)[name]) === first);
    (alike ? same : differ).push(name);
  }
  return { differ, same };
}

/** What people set comes before what SageMaker adds. @param {string} a @param {string} b */
export function byName(a, b) {
  const own = (/** @type {string} */ each) => (/^(SageMaker\.|sagemaker_)/.test(each) ? 1 : 0);
  return own(a) - own(b) || a.localeCompare(b, "en", { numeric: true });
}

/** Whether less of a metric is better, by its name. @param {string} name */
export function isLow(name) {
  return /loss|err|mse|rmse|mae|mape|perplexity|ppl|nll|entropy|duration|seconds|latency|divergence/i.test(name);
}

/** The best first; what is not a number after the numbers, what is missing last.
 * @param {any[]} rows @param {(row: any) => any} read @param {boolean} low */
export function bestFirst(rows, read, low) {
  const place = (/** @type {any} */ row) => {
    const found = read(row);
    if (typeof found === "string") return [1, found];
    if (found === undefined) return [3, 0];
    return Number.isNaN(found) ? [2, 0] : [0, low ? found : -found];
  };
  return rows
    .map((row, i) => ({ row, at: place(row), i }))
    .sort((a, b) => Number(a.at[0]) - Number(b.at[0]) || (a.at[1] < b.at[1] ? -1 : a.at[1] > b.at[1] ? 1 : 0) || a.i - b.i)
    .map((each) => each.row);
}

/** What a component is called beside others: its trial, and itself where a trial has several of
 * its own; one that several trials share is called by its title.
 * @param {any[]} rows @returns {Map<string, string>} by name */
export function labels(rows) {
  const trialOf = (/** @type {any} */ row) => (row.trials.length === 1 ? row.trials[0][0] : undefined);
  const members = new Map();
  for (const row of rows) members.set(trialOf(row), (members.get(trialOf(row)) ?? 0) + 1);
  const found = new Map();
  for (const row of rows) {
    const trial = trialOf(row);
    found.set(row.name, !trial ? (nameOf(row) ?? row.title) : members.get(trial) === 1 ? trial : isPlain(row, trial, members.get(trial) === rows.length) ? row.title : `${trial} / ${row.title}`);
  }
  const seen = new Map();
  for (const label of found.values()) seen.set(label, (seen.get(label) ?? 0) + 1);
  for (const row of rows) if (seen.get(found.get(row.name)) > 1) found.set(row.name, nameOf(row) ?? row.name);
  return found;
}

/** Whether a title alone tells: all are of one trial, or it is a training job of a tuning job.
 * @param {any} row @param {string} trial @param {boolean} alone */
function isPlain(row, trial, alone) {
  return alone || (trial.endsWith(TUNING) && row.title.startsWith(`${trial.slice(0, -TUNING.length)}-`));
}

/** How the trials of tuning jobs end. */
const TUNING = "-aws-tuning-job";

/** The name of a component's job. @param {any} row @returns {string|undefined} */
function nameOf(row) {
  return row.job ? ofKey(row.job).name : undefined;
}

/** A difference from a baseline, as a text. @param {any} mine @param {any} base */
export function delta(mine, base) {
  if (typeof mine !== "number" || typeof base !== "number" || !isFinite(mine) || !isFinite(base)) return "";
  const by = mine - base;
  if (by === 0) return "=";
  const text = Math.abs(by) >= 1e7 || Math.abs(by) < 1e-4 ? by.toExponential(1) : String(Number(by.toPrecision(3)));
  return by > 0 ? `+${text}` : text.replace("-", "−");
}
