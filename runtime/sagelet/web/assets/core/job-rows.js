// @ts-check
// The rows that a table of jobs has, from answers and from events, whichever came last. Pure.

/** @typedef {{key: string, modified: number, created: number, status: string, ended?: number|null, secondary?: string,
 *   tuning?: string|null, trials?: string[][], metrics?: Record<string, {time?: number}>}} Row */
/** @typedef {{rows: Row[], gone: string[]}} News */

/** When a row was so. @param {Row} row @returns {[number, number]} */
const age = (row) => [row.modified, Math.max(0, ...Object.values(row.metrics ?? {}).map((each) => each.time ?? 0))];

/** The later of two rows of one job; the second where nothing tells.
 * @template {Row} T @param {T | undefined} a @param {T} b @returns {T} */
export function later(a, b) {
  if (!a) return b;
  const [[state, value], [state_, value_]] = [age(a), age(b)];
  return state > state_ || (state === state_ && value > value_) ? a : b;
}

/** What a filter and an order can depend on. @param {Row} row @param {boolean} byMetrics */
const place = (row, byMetrics) => JSON.stringify([row.status, row.secondary, row.tuning, row.trials, byMetrics ? row.metrics : null]);

/** Rows with others, the later of each job's, the newest jobs first: all that run, and `most` of the others.
 * @param {Row[]} fresh @param {Row[]} old @param {number} [most] */
export function merged(fresh, old, most = 60) {
  /** @type {Map<string, Row>} */
  const all = new Map();
  for (const row of [...old, ...fresh]) all.set(row.key, later(all.get(row.key), row));
  let rest = most;
  return [...all.values()].sort((a, b) => b.created - a.created).filter((row) => !row.ended || rest-- > 0);
}

export class JobRows {
  /** @type {Map<number, Row>} */
  #at = new Map();
  /** What events told. @type {Map<string, Row>} */
  #told = new Map();

  /** @param {number} index */
  get(index) {
    return this.#at.get(index);
  }

  /** Another list begins. */
  clear() {
    this.#at.clear();
  }

  /** A part of the list, which has `total` rows by now. @param {number} start @param {Row[]} rows @param {number} total */
  put(start, rows, total) {
    rows.forEach((row, i) => this.#at.set(start + i, later(this.#told.get(row.key), row)));
    for (const index of [...this.#at.keys()]) if (index >= total) this.#at.delete(index);
  }

  /** Take what an event tells. Whether rows may have come, gone, or have another place now; metrics
   * matter to that if the filter or the order is by them. @param {News} news @param {boolean} byMetrics */
  take(news, byMetrics) {
    let moved = news.gone.length > 0;
    news.gone.forEach((key) => this.#told.delete(key));
    const known = new Map([...this.#at.values()].map((row) => [row.key, row]));
    for (const row of news.rows) {
      const old = this.#told.get(row.key) ?? known.get(row.key);
      const now = later(old, row);
      moved ||= !old || place(old, byMetrics) !== place(now, byMetrics);
      this.#told.set(row.key, now);
    }
    for (const [index, row] of this.#at) this.#at.set(index, later(row, this.#told.get(row.key) ?? row));
    return moved;
  }
}
