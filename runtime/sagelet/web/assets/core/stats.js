// @ts-check
// What charts of many components need: quartiles, groups, the front of the best. Pure.

/** @param {number[]} values not empty, in any order */
export function quartiles(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (/** @type {number} */ part) => {
    const place = (sorted.length - 1) * part;
    const low = Math.floor(place);
    const high = Math.ceil(place);
    return sorted[low] + (sorted[high] - sorted[low]) * (place - low);
  };
  const [q1, median, q3] = [at(0.25), at(0.5), at(0.75)];
  const reach = 1.5 * (q3 - q1);
  const within = sorted.filter((each) => each >= q1 - reach && each <= q3 + reach);
  return { low: within[0], q1, median, q3, high: within[within.length - 1], outside: sorted.filter((each) => each < within[0] || each > within[within.length - 1]) };
}

/** @param {number[]} values */
export function mean(values) {
  return values.reduce((a, b) => a + b, 0) / values.length;
}

/** Of a sample; 0 for one value. @param {number[]} values */
export function deviation(values) {
  if (values.length < 2) return 0;
  const middle = mean(values);
  return Math.sqrt(values.reduce((sum, each) => sum + (each - middle) ** 2, 0) / (values.length - 1));
}

/** The points that no other one beats in both directions, by x.
 * @param {{x: number, y: number}[]} points @param {boolean} lowX @param {boolean} lowY */
export function front(points, lowX, lowY) {
  const sign = (/** @type {boolean} */ low) => (low ? 1 : -1);
  const sorted = points
    .filter((each) => Number.isFinite(each.x) && Number.isFinite(each.y))
    .sort((a, b) => sign(lowX) * (a.x - b.x) || sign(lowY) * (a.y - b.y));
  /** @type {typeof points} */
  const found = [];
  for (const each of sorted) {
    const last = found[found.length - 1];
    if (!last || sign(lowY) * (each.y - last.y) < 0) found.push(each);
  }
  return found;
}

/** Rows by a value, numbers in their order, texts in theirs; those without it last.
 * @template T @param {T[]} rows @param {(row: T) => any} read @returns {[string, T[]][]} */
export function groups(rows, read) {
  const found = new Map();
  for (const row of rows) {
    const key = read(row);
    if (!found.has(key)) found.set(key, []);
    found.get(key).push(row);
  }
  const order = (/** @type {any} */ key) => (key === undefined ? 2 : typeof key === "number" ? 0 : 1);
  return [...found.entries()]
    .sort(([a], [b]) => order(a) - order(b) || (typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b))))
    .map(([key, list]) => [key === undefined ? "not set" : String(key), list]);
}

/** Whether an axis of these values reads better as powers of ten. @param {number[]} values */
export function spreads(values) {
  const finite = values.filter(Number.isFinite);
  const low = Math.min(...finite);
  return finite.length > 1 && low > 0 && Math.max(...finite) / low >= 50;
}

/** The values between two shares of all, for an axis that one wild value shall not stretch.
 * @param {ArrayLike<number>[]} lists @param {number} share */
export function clipped(lists, share) {
  const all = [];
  for (const list of lists) for (let i = 0; i < list.length; i++) if (Number.isFinite(list[i])) all.push(list[i]);
  if (all.length < 20) return null;
  all.sort((a, b) => a - b);
  return [all[Math.floor((all.length - 1) * share)], all[Math.ceil((all.length - 1) * (1 - share))]];
}
