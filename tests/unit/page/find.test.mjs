import assert from "node:assert/strict";
import test from "node:test";
import { looksWrong, matcher } from "../../../runtime/sagelet/web/assets/core/find.js";

test("colours do not hide an error", () => {
  for (const text of ["\x1b[31mERROR\x1b[0m", "ValueError: x", "\x1b[1mTraceback\x1b[0m (most recent call last):", "Killed"]) assert.ok(looksWrong(text), text);
  for (const text of ["val_error=3", "mirror", "<img onerror=x>"]) assert.ok(!looksWrong(text), text);
});

test("what was typed is found in any case unless it has capitals, past colours", () => {
  assert.ok(matcher("it broke", false)("It \x1b[31mbroke"));
  assert.ok(!matcher("It", false)("it"));
  assert.ok(!matcher("a.c", false)("abc"));
});
