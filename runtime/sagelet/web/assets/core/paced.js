// @ts-check
// Asking again and again, at a pace that the answers allow. Pure.

/** Calls of what this gives lead to one call of `run`, `pause` milliseconds later, and not before what
 * the last `run` gave is settled; what is called meanwhile leads to one more. `stop` ends it.
 * @param {() => any} run @param {number} [pause] */
export function paced(run, pause = 1000) {
  /** @type {any} */
  let timer = null;
  let busy = false;
  let wanted = false;
  let over = false;
  const due = async () => {
    timer = null;
    wanted = false;
    busy = true;
    try {
      await run();
    } catch {
      // whoever asked says so
    }
    busy = false;
    if (wanted) soon();
  };
  const soon = () => {
    wanted = true;
    if (over || busy || timer !== null) return;
    timer = setTimeout(due, pause);
  };
  soon.stop = () => {
    over = true;
    clearTimeout(timer);
  };
  return soon;
}
