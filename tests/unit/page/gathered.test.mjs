import assert from "node:assert/strict";
import test from "node:test";
import { grouped, planned, summaries } from "../../../runtime/sagelet/web/assets/core/gathered.js";

const told = (value, count, figures = {}) => ({ value, count, figures });
const loss = (count, low, mean, high) => ({ loss: { count, low, mean, high } });

test("without groups each line is a row", () => {
  const plan = planned(3, null);
  assert.equal(plan.lines, 3);
  assert.deepEqual([plan.at(2), plan.lineOf({ row: 2 }), plan.lineOf({})], [{ row: 2 }, 2, -1]);
});

test("a heading stands before its rows, which are not there when it is closed", () => {
  const plan = planned(6, [{ count: 2 }, { count: 3, closed: true }, { count: 1 }]);
  assert.equal(plan.lines, 6);
  const lines = [...Array(6).keys()].map((line) => plan.at(line));
  assert.deepEqual(lines, [{ group: 0 }, { row: 0 }, { row: 1 }, { group: 1 }, { group: 2 }, { row: 5 }]);
  assert.deepEqual(lines.map(plan.lineOf), [0, 1, 2, 3, 4, 5]);
  assert.equal(plan.lineOf({ row: 3 }), 3); // the heading that it is closed under
  assert.deepEqual([plan.lineOf({}), plan.lineOf({ group: 3 }), plan.at(-1).row], [-1, -1, undefined]);
});

test("all closed are as many lines as there are headings", () => {
  const plan = planned(5, [{ count: 2, closed: true }, { count: 3, closed: true }]);
  assert.deepEqual([plan.lines, plan.at(1), plan.lineOf({ row: 4 })], [2, { group: 1 }, 1]);
});

test("values are called as people read them, and no two alike in an address", () => {
  const values = [8, 0.1234567, { number: "Infinity" }, "8", "adam", "none", "", "Infinity", null];
  const groups = grouped(values.map((each) => told(each, 1)), ["8", "none"]);
  assert.deepEqual(groups.map((each) => each.label), ["8", "0.12346", "Infinity", "8", "adam", "none", "", "Infinity", "no value"]);
  assert.equal(new Set(groups.map((each) => each.key)).size, values.length);
  assert.deepEqual(groups.filter((each) => each.closed).map((each) => each.value), [8, null]);
  assert.equal(groups[4].key, "adam");
});

test("a heading tells the best and the mean, and which lead", () => {
  const groups = [told("adam", 3, loss(3, 0.1, 0.5, 0.9)), told("sgd", 2, loss(1, 0.2, 0.2, 0.2)), told(null, 1)];
  const low = summaries(groups, "loss", "last", true);
  assert.deepEqual(low[0], { best: { value: 0.1, leads: true }, mean: { value: 0.5, leads: false }, of: 3 });
  assert.deepEqual(low[1], { best: { value: 0.2, leads: false }, mean: { value: 0.2, leads: true }, of: 1 });
  assert.equal(low[2], undefined);
  const high = summaries(groups, "loss", "max", false);
  assert.deepEqual(high.slice(0, 2).map((each) => [each.best.value, each.best.leads, each.mean.leads]), [[0.9, true, true], [0.2, false, false]]);
});

test("a spread has no best, and one value alone does not lead", () => {
  const groups = [told("adam", 3, loss(3, 0.1, 0.5, 0.9)), told("sgd", 2)];
  assert.deepEqual(summaries(groups, "loss", "std", true)[0], { best: undefined, mean: { value: 0.5, leads: false }, of: 3 });
  assert.deepEqual(summaries(groups, "loss", "last", true)[0].best, { value: 0.1, leads: false });
  const odd = summaries([told(1, 2, loss(2, "-Infinity", "NaN", "Infinity"))], "loss", "last", false)[0];
  assert.deepEqual([odd.best.value, odd.mean.value], [Infinity, NaN]);
});
