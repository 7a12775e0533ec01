// What the pointer is on, for every chart and row to show: a component, a place on the x axis.
import { useEffect, useState } from "../vendor/preact-htm.js";

const known = new Set();
const state = { name: null, x: null, kind: null };
let frame = 0;

/** Say what is under the pointer: `name` of a component, `x` on an axis of a `kind`. */
export function point(changes) {
  if (Object.keys(changes).every((key) => state[key] === changes[key])) return;
  Object.assign(state, changes);
  frame ||= requestAnimationFrame(() => {
    frame = 0;
    known.forEach((each) => each(state));
  });
}

/** Hear of it, at most once a frame. Returns what ends that. */
export function follow(hear) {
  known.add(hear);
  return () => known.delete(hear);
}

export function pointed() {
  return state;
}

/** The name of the component under the pointer. */
export function usePointed() {
  const [name, set] = useState(state.name);
  useEffect(() => follow((now) => set(now.name)), []);
  return name;
}
