// @ts-check
// Components told apart by a parameter instead of each by itself: a colour, or a way to draw a line,
// for each of its values. Everything on a page draws a component by its mark, so all of it follows.
// Pure.
import { COLORS, STROKES } from "./colors.js";
import { parameter } from "./measure.js";
import { groups } from "./stats.js";

/** @typedef {{name: string, mark: number, count: number}} Group */

/** @param {any[]} rows @param {string} color a parameter or "" @param {string} stroke the same
 * @returns {{rows: any[], colors: Group[], strokes: Group[]}} */
export function marked(rows, color, stroke) {
  if (!color && !stroke) return { rows, colors: [], strokes: [] };
  const colors = places(rows, color, COLORS);
  const strokes = places(rows, stroke, STROKES);
  const marks = (/** @type {any} */ row) => (color ? colors.of(row) : (row.mark ?? 0) % COLORS) + COLORS * (stroke ? strokes.of(row) : 0);
  return {
    rows: rows.map((row) => ({ ...row, mark: marks(row) })),
    colors: colors.list,
    strokes: strokes.list.map((each) => ({ ...each, mark: each.mark * COLORS + NEUTRAL })),
  };
}

/** The colour of a stroke's sample: that of no value in particular. */
const NEUTRAL = COLORS - 1;

/** The values of a parameter, each at a place; there are `most` places, then they come again. */
function places(rows, name, most) {
  const list = name ? groups(rows, (row) => parameter(row, name)).map(([text, members], i) => ({ name: text, mark: i % most, count: members.length, members })) : [];
  const found = new Map(list.flatMap((each) => each.members.map((row) => [row, each.mark])));
  return { of: (row) => found.get(row) ?? 0, list: list.map(({ name: text, mark, count }) => ({ name: text, mark, count })) };
}
