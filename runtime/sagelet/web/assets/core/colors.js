// @ts-check
// One colour for one name, everywhere. Okabe and Ito's palette, which colour-blind people can tell
// apart, in two shades for the two themes. Pure but for the theme.

const LIGHT = ["#0072b2", "#c14f00", "#00825f", "#a3457f", "#8a6a00", "#2f8fc4", "#5b4bb5", "#4d4d4d"];
const DARK = ["#5cb3ea", "#f0894a", "#3ccf9f", "#e08fbd", "#e6c84a", "#8fd3f7", "#a99cf5", "#c2c2c2"];
const DASHES = [[], [6, 3], [2, 2.5]];

/** So many colours there are, and so many ways to draw a line. */
export const COLORS = LIGHT.length;
export const STROKES = DASHES.length;

/** @param {string} name */
export function hash(name) {
  let h = 2166136261;
  for (let i = 0; i < name.length; i++) {
    h ^= name.charCodeAt(i);
    h = Math.imul(h, 16777619);
  }
  return h >>> 0;
}

/** @param {string} name @param {boolean} dark */
export function colorOf(name, dark) {
  const palette = dark ? DARK : LIGHT;
  return palette[hash(name) % palette.length];
}

/** The colour of a component, by its number: neighbours, which are compared most, never share one.
 * @param {number|null|undefined} mark @param {boolean} dark */
export function colorOfMark(mark, dark) {
  const palette = dark ? DARK : LIGHT;
  return palette[(mark ?? 0) % palette.length];
}

/** What tells two components of one colour apart in a chart: how its line is broken.
 * @param {number|null|undefined} mark @returns {number[]} */
export function dashOfMark(mark) {
  return DASHES[Math.floor((mark ?? 0) / COLORS) % STROKES];
}

/** Colours of things that stand side by side: no two alike while there are enough.
 * @param {number} index @param {boolean} dark */
export function colorAt(index, dark) {
  const palette = dark ? DARK : LIGHT;
  return palette[index % palette.length];
}

/** From the worst (0) to the best (1): readable in both themes, by everybody.
 * @param {number} share @param {boolean} dark */
export function ramp(share, dark) {
  const stops = dark ? [[96, 74, 160], [64, 136, 190], [84, 200, 160], [246, 226, 110]] : [[208, 172, 40], [58, 158, 110], [24, 110, 150], [62, 34, 118]];
  const at = Math.min(0.9999, Math.max(0, share)) * (stops.length - 1);
  const i = Math.floor(at);
  const mixed = stops[i].map((each, k) => Math.round(each + (stops[i + 1][k] - each) * (at - i)));
  return `rgb(${mixed.join(" ")})`;
}

export function isDark() {
  return globalThis.matchMedia?.("(prefers-color-scheme: dark)").matches ?? false;
}

/** @param {string} status TrainingJobStatus or SecondaryStatus */
export function tone(status) {
  if (status === "Completed") return "good";
  if (status === "Failed") return "bad";
  if (/^(Stopped|Stopping|Interrupted|MaxRuntimeExceeded|MaxWaitTimeExceeded|Pending)$/.test(status)) return "warn";
  return "live";
}
