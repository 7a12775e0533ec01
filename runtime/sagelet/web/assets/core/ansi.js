// @ts-check
// A log line with terminal colours, as pieces of text with classes. Pure. What is not a colour
// (cursor moves, titles, bells) is dropped; nothing becomes markup.

/* eslint-disable no-control-regex */
const ESCAPES = /\x1b\[([0-?]*)[ -/]*([@-~])|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[ -/]*[0-~]/g;
const UNSEEN = new RegExp(`${ESCAPES.source}|[\\x00-\\x08\\x0b\\x0c\\x0e-\\x1a\\x1c-\\x1f\\x7f]`, "g");
const SEQUENCE = new RegExp(`${ESCAPES.source}|[\\x00-\\x08\\x0b-\\x1a\\x1c-\\x1f\\x7f]`, "g");
const COLOURS = /^[0-9;:]*$/;

/** @param {string} text @returns {{text: string, classes: string}[]} */
export function pieces(text) {
  // A progress bar rewrites its line: what was last written is what one saw.
  const line = text.replace(/\r+$/, "");
  const seen = line.includes("\r") ? line.slice(line.lastIndexOf("\r") + 1) : line;
  if (!/[\x00-\x08\x0b-\x1f\x7f]/.test(seen)) return seen ? [{ text: seen, classes: "" }] : [];
  const found = [];
  const state = { fore: "", back: "", styles: new Set() };
  let at = 0;
  for (const match of seen.matchAll(SEQUENCE)) {
    push(found, seen.slice(at, match.index), state);
    at = match.index + match[0].length;
    if (match[2] === "m" && COLOURS.test(match[1])) paint(state, match[1]);
  }
  push(found, seen.slice(at), state);
  return found;
}

/** What is searched: the text without what a terminal takes for itself; as web/lanes.py has it. @param {string} text */
export function searched(text) {
  return text.replace(UNSEEN, "");
}

/** The text alone. @param {string} text */
export function plain(text) {
  return text.split("\n").map((line) => pieces(line).map((each) => each.text).join("")).join("\n");
}

function push(found, text, state) {
  if (!text) return;
  const classes = [...state.styles, state.fore, state.back].filter(Boolean).join(" ");
  const last = found[found.length - 1];
  if (last && last.classes === classes) last.text += text;
  else found.push({ text, classes });
}

function paint(state, codes) {
  const numbers = codes.split(/[;:]/).map((each) => Number(each || 0));
  for (let i = 0; i < numbers.length; i++) {
    const n = numbers[i];
    if (n === 0) {
      state.fore = state.back = "";
      state.styles.clear();
    } else if (n === 38 || n === 48) {
      const near = numbers[i + 1] === 5 ? indexed(numbers[i + 2]) : rgb(numbers.slice(i + 2, i + 5));
      if (n === 38) state.fore = near === null ? "" : `f${near}`;
      else state.back = near === null ? "" : `g${near + 10}`;
      i += numbers[i + 1] === 5 ? 2 : 4;
    } else if ((n >= 30 && n <= 37) || (n >= 90 && n <= 97)) state.fore = `f${n}`;
    else if ((n >= 40 && n <= 47) || (n >= 100 && n <= 107)) state.back = `g${n}`;
    else if (n === 39) state.fore = "";
    else if (n === 49) state.back = "";
    else if ([1, 2, 3, 4, 9].includes(n)) state.styles.add(`b${n}`);
    else if (n === 22) ["b1", "b2"].forEach((each) => state.styles.delete(each));
    else if ([23, 24, 29].includes(n)) state.styles.delete(`b${n - 20}`);
  }
}

/** The nearest of the sixteen colours: those have a good contrast in both themes. */
function indexed(n) {
  if (n < 8) return 30 + n;
  if (n < 16) return 82 + n;
  if (n >= 232) return n < 244 ? 90 : 37;
  const k = n - 16;
  return rgb([Math.floor(k / 36) * 51, (Math.floor(k / 6) % 6) * 51, (k % 6) * 51]);
}

function rgb([r, g, b]) {
  if (![r, g, b].every(Number.isFinite)) return null;
  const high = Math.max(r, g, b);
  if (high < 48) return 90;
  const half = high / 2;
  const color = (r > half ? 1 : 0) + (g > half ? 2 : 0) + (b > half ? 4 : 0);
  return (high > 200 && color !== 7 ? 90 : 30) + color;
}
