import assert from "node:assert/strict";
import test from "node:test";
import { newestFirst } from "../../../runtime/sagelet/web/assets/core/calls.js";

const numbers = (rows) => rows.map((each) => each.number);
const of = (...found) => found.map((number) => ({ number }));

test("new calls come first, none twice", () => {
  assert.deepEqual(numbers(newestFirst({ rows: of(2, 3, 4) }, of(2, 1))), [4, 3, 2, 1]);
});

test("calls of another count begin the list anew", () => {
  assert.deepEqual(numbers(newestFirst({ rows: of(1, 2), anew: true }, of(1500, 1499))), [2, 1]);
  assert.deepEqual(newestFirst({ rows: [], anew: true }, of(1500)), []);
});
