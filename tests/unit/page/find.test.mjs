import assert from "node:assert/strict";
import test from "node:test";
import { found, looksWrong, matcher } from "../../../runtime/sagelet/web/assets/core/find.js";

test("colours do not hide an error", () => {
  for (const text of ["\x1b[31mERROR\x1b[0m", "ValueError: x", "\x1b[1mTraceback\x1b[0m (most recent call last):", "Killed"]) assert.ok(looksWrong(text), text);
  for (const text of ["val_error=3", "mirror", "<img onerror=x>"]) assert.ok(!looksWrong(text), text);
});

test("what was typed is found in any case unless it has capitals, past colours", () => {
  assert.ok(matcher("it broke")("It \x1b[31mbroke"));
  assert.ok(!matcher("It")("it"));
  assert.ok(!matcher("a.c")("abc"));
});

const marked = (...given) => found(...given).map((each) => [each.text, each.classes, each.marked ?? false]);

test("what is found is marked, through colours", () => {
  assert.deepEqual(marked("a step, a Step", "step"), [["a ", "", false], ["step", "", true], [", a ", "", false], ["Step", "", true]]);
  assert.deepEqual(marked("s\x1b[31mte\x1b[0mp 1", "step"), [["s", "", true], ["te", "f31", true], ["p", "", true], [" 1", "", false]]);
  assert.deepEqual(marked("nothing", "step"), [["nothing", "", false]]);
});

test("where an expression matches is said by who looked for it", () => {
  assert.deepEqual(marked("\x1b[1mstep 1\x1b[0m", "", [[5, 6]]), [["step ", "b1", false], ["1", "b1", true]]);
  assert.deepEqual(marked("10%\r20%\r", "", [[0, 2], [4, 6]]), [["20", "", true], ["%", "", false]]); // the first is written over
  assert.deepEqual(marked("short …", "", [[3, 99]]), [["sho", "", false], ["rt …", "", true]]); // cut for display
});
