// @ts-check
// The calls that a page lists. Pure.

/** So many are kept, here and by the control plane. */
export const KEPT = 2000;

/** The rows with those that an event brings; after a pause some may come twice. `anew`: the numbers
 * of the old ones are of another count.
 * @template {{number: number}} T @param {{rows: T[], anew?: boolean}} event @param {T[]} old */
export function newestFirst({ rows, anew = false }, old) {
  const last = anew ? 0 : (old[0]?.number ?? 0);
  return [...rows.filter((each) => each.number > last).reverse(), ...(anew ? [] : old)].slice(0, KEPT);
}
