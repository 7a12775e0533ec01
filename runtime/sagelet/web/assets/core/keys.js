// @ts-check
// Keys: one at a time, or two after each other (`g j`). Nothing happens while somebody types. What
// a key does may say `false`: nothing, so that the browser does what it does with it.

/** @typedef {{keys: string, what: string, run: (event: KeyboardEvent) => any}} Key */
/** @type {Set<Key>} */
const known = new Set();
let before = "";
let timer = 0;

/** @param {Key[]} list @returns {() => void} what takes them back */
export function bind(list) {
  list.forEach((each) => known.add(each));
  return () => list.forEach((each) => known.delete(each));
}

/** What works now, for the help. */
export function bound() {
  return [...known].filter((each) => each.what);
}

/** The name of what was pressed. @param {{key: string, metaKey?: boolean, ctrlKey?: boolean}} event */
export function nameOf(event) {
  return (event.metaKey || event.ctrlKey ? "mod+" : "") + (event.key.length === 1 ? event.key : event.key.toLowerCase());
}

/** What stands on a key. @param {string} key */
export function capOf(key) {
  return { arrowright: "→", arrowleft: "←", enter: "Enter" }[key] ?? key.replace("mod+", "Ctrl ");
}

/** @param {KeyboardEvent} event */
export function press(event) {
  if (event.altKey || event.isComposing) return;
  const name = nameOf(event);
  const target = /** @type {HTMLElement} */ (event.target);
  if (!name.startsWith("mod+") && target.closest?.("input, textarea, select, [contenteditable], [role=dialog]")) return;
  // What has the focus and does something itself, does it.
  if ((name === "enter" || name === " ") && target.closest?.("button, a[href], summary")) return;
  const chord = before ? `${before} ${name}` : name;
  before = "";
  clearTimeout(timer);
  const newest = [...known].reverse();
  const found = newest.find((each) => each.keys === chord) ?? newest.find((each) => each.keys === name);
  if (found) {
    if (found.run(event) !== false) event.preventDefault();
  } else if ([...known].some((each) => each.keys.startsWith(`${name} `))) {
    before = name;
    timer = setTimeout(() => (before = ""), 900);
  }
}
