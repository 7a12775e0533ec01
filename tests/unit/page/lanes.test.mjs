import assert from "node:assert/strict";
import test from "node:test";
import { atEnd, behind, furthest, headOf, hostsOf, labelOf, laneOf, part, percent, placesOf, wantedOf } from "../../../runtime/sagelet/web/assets/core/lanes.js";

const lanes = [
  { id: "algo-1-1700000000", host: "algo-1", begun: 1700000000 },
  { id: "algo-1-1700000900", host: "algo-1", begun: 1700000900 },
  { id: "algo-2-1700000900", host: "algo-2", begun: 1700000900 },
];

test("a host's name means its newest lane, a lane's own that lane", () => {
  assert.equal(laneOf("algo-1", lanes), "algo-1-1700000900");
  assert.equal(laneOf("algo-1-1700000000", lanes), "algo-1-1700000000");
  assert.equal(laneOf("algo-3", lanes), "");
  assert.equal(laneOf("", lanes), "");
  assert.deepEqual(lanes.map((each) => labelOf(each, lanes)), ["algo-1 (attempt 1)", "algo-1 (attempt 2)", "algo-2"]);
});

test("places of one lane or all, and how far they are", () => {
  assert.deepEqual(placesOf({ a: 1, b: 2 }, "b"), { b: 2 });
  assert.deepEqual(placesOf({ a: 1 }, "b"), {});
  assert.deepEqual(placesOf({ a: 1, b: 2 }, ""), { a: 1, b: 2 });
  assert.deepEqual(furthest({ a: 1, b: 9 }, { b: 2, c: 3 }), { a: 1, b: 9, c: 3 });
  assert.ok(atEnd({ sizes: { a: 5 }, end: { a: 5 } }));
  assert.ok(!atEnd({ sizes: { a: 5, b: 1 }, end: { a: 5 } }));
});

const event = { lanes: ["a", "b"], lines: [[0, 10, 1, "x"], [1, 0, 2, "y"], [0, 12, 3, "z"]], start: { a: 10, b: 0 }, end: { a: 14, b: 2 }, sizes: { a: 20, b: 2 } };

test("an event's lines come once", () => {
  const all = behind(event, { a: 10 }, "");
  assert.deepEqual([all.lines.map((each) => each[3]), all.gap], [["x", "y", "z"], false]);
  const fewer = behind(event, { a: 12, b: 2 }, "");
  assert.deepEqual([fewer.lines.map((each) => each[3]), fewer.gap], [["z"], false]);
  assert.deepEqual(behind(event, { a: 99, b: 2 }, "").lines, []);
});

test("an event that does not join what is there has a gap before it", () => {
  assert.ok(behind(event, { a: 8, b: 2 }, "").gap);
  assert.ok(!behind(event, { a: 8, b: 2 }, "b").gap); // of the lane that is shown alone
  const one = behind(event, {}, "b");
  assert.deepEqual([one.lines.map((each) => each[3]), one.start, one.end, one.sizes], [["y"], { b: 0 }, { b: 2 }, { b: 2 }]);
});

test("a host's own column has all of its attempts, and the host no other column", () => {
  assert.deepEqual(hostsOf([{ host: "algo-10" }, ...lanes, { host: "algo-1" }]), ["algo-1", "algo-2", "algo-10"]);
  assert.deepEqual(wantedOf({ host: "algo-1", lanes }), ["algo-1-1700000000", "algo-1-1700000900"]);
  assert.deepEqual(wantedOf({ lane: "algo-2-1700000900", lanes }), ["algo-2-1700000900"]);
  assert.deepEqual(wantedOf({ lane: "", host: "", lanes }), []); // all
  assert.deepEqual(placesOf({ a: 1, b: 2, c: 3 }, ["a", "c"]), { a: 1, c: 3 });
  assert.deepEqual(placesOf({ a: 1, b: 2 }, []), { a: 1, b: 2 });
  const two = behind(event, { a: 10 }, ["a"]);
  assert.deepEqual([two.lines.map((each) => each[3]), two.gap, two.sizes], [["x", "z"], false, { a: 20 }]);
});

test("lines say whose they are where there are others", () => {
  const heads = (view) => lanes.map((each) => headOf(each.id, { lanes, ...view }));
  assert.deepEqual(heads({}), ["algo-1 (attempt 1)", "algo-1 (attempt 2)", "algo-2"]);
  assert.deepEqual(heads({ host: "algo-1" }).slice(0, 2), ["attempt 1", "attempt 2"]);
  assert.equal(heads({ host: "algo-2" })[2], "");
  assert.deepEqual(heads({ lane: lanes[0].id }), ["", "", ""]);
  assert.equal(headOf("new-1", { lanes }), "new-1");
});

test("how far places are", () => {
  assert.equal(part({ a: 5 }, { a: 10, b: 10 }), 0.25);
  assert.equal(part({}, {}), 0);
  assert.equal(percent({ a: 10, b: 5 }, { a: 10, b: 10 }), "75 %");
});
