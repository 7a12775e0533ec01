import assert from "node:assert/strict";
import test from "node:test";
import { prepare } from "../../../runtime/sagelet/web/assets/charts/line-draw.js";

test("only what is no number has a mark, whatever the axis", () => {
  const [line] = prepare([{ x: [2, 1, 3, 4, 5], y: [0, 1, -2, NaN, Infinity] }], 0);
  assert.deepEqual(line.x, [1, 2, 3, 4, 5]);
  assert.deepEqual(line.odd, [3, 4]);
});
