import assert from "node:assert/strict";
import test from "node:test";
import { layers } from "../../../runtime/sagelet/web/assets/charts/lineage.js";
import { prepare, wholeOf } from "../../../runtime/sagelet/web/assets/charts/line-draw.js";
import { shares } from "../../../runtime/sagelet/web/assets/charts/matrix.js";
import { colorOfMark, dashOfMark, ramp } from "../../../runtime/sagelet/web/assets/core/colors.js";
import { marked } from "../../../runtime/sagelet/web/assets/core/grouping.js";
import { bestFirst, byName, delta, differences, isLow, labels, measured, parameter, statisticName, statsOf, stepOf } from "../../../runtime/sagelet/web/assets/core/measure.js";
import { lower, nearest, outline, scale, zoomed } from "../../../runtime/sagelet/web/assets/core/scale.js";
import { append, byHost, joined, stepsOf } from "../../../runtime/sagelet/web/assets/core/series.js";
import { clipped, deviation, front, groups, quartiles, spreads } from "../../../runtime/sagelet/web/assets/core/stats.js";
import { asked } from "../../../runtime/sagelet/web/assets/core/url.js";
import { placesOf } from "../../../runtime/sagelet/web/assets/core/zoom.js";

const row = (name, parameters = {}, metrics = {}, more = {}) => ({ name, mark: 1, title: name, trials: [], parameters, metrics: Object.fromEntries(Object.entries(metrics).map(([key, last]) => [key, { last }])), ...more });

test("values of metrics and parameters, numbers without a word among them", () => {
  const one = row("a", { lr: 0.1, odd: { number: "NaN" } }, { loss: "Infinity" });
  assert.equal(measured(one, "loss"), Infinity);
  assert.equal(measured(one, "loss", "max"), undefined);
  assert.ok(Number.isNaN(parameter(one, "odd")));
  assert.equal(parameter(one, "none"), undefined);
});

test("what differs is told by the rows that have metrics", () => {
  const rows = [row("a", { lr: 1, same: 2 }, { m: 1 }), row("b", { lr: 1, same: 2, only: 3 }, { m: 1 }), row("prepare", { lr: 5 })];
  assert.deepEqual(differences(rows, (each) => each.parameters), { differ: ["only"], same: ["lr", "same"] });
  assert.deepEqual(differences([rows[2]], (each) => each.parameters), { differ: [], same: ["lr"] });
});

test("own parameters stand before SageMaker's", () => {
  assert.deepEqual(["SageMaker.X", "b10", "b9", "sagemaker_program"].sort(byName), ["b9", "b10", "sagemaker_program", "SageMaker.X"]);
});

test("the best first, NaN behind numbers, what is missing last", () => {
  const rows = [row("none"), row("nan", {}, { m: "NaN" }), row("low", {}, { m: 1 }), row("high", {}, { m: 2 })];
  const read = (each) => measured(each, "m");
  assert.deepEqual(bestFirst(rows, read, false).map((each) => each.name), ["high", "low", "nan", "none"]);
  assert.deepEqual(bestFirst(rows, read, true).map((each) => each.name), ["low", "high", "nan", "none"]);
  assert.ok(isLow("test:loss") && !isLow("accuracy"));
});

test("a component is called by its trial, or more where that does not tell", () => {
  const of = (name, title, trial, more) => row(name, {}, {}, { title, trials: trial ? [[trial, "e"]] : [], ...more });
  const found = labels([of("a", "Training", "t1"), of("b", "Training", "t2"), of("c", "Prepare", "t2"), of("d", "Loose", ""), of("e", "Loose", "", { job: "job-e" }), { ...of("f", "Shared", "t1"), trials: [["t1", "e"], ["t2", "e"]] }]);
  assert.deepEqual([...found.values()], ["t1", "t2 / Training", "t2 / Prepare", "Loose", "job-e", "Shared"]);
  const own = (rows) => [...labels(rows).values()];
  assert.deepEqual(own([of("a", "Training", "t1"), of("b", "Prepare", "t1")]), ["Training", "Prepare"]);
  const search = "search-aws-tuning-job"; // whose training jobs are called after it
  assert.deepEqual(own([of("a", "search-001-ab", search), of("b", "search-002-cd", search), of("c", "Training", "t2")]), ["search-001-ab", "search-002-cd", "t2"]);
});

test("differences from a baseline", () => {
  assert.deepEqual([delta(2, 1), delta(1, 1.5), delta(1, 1), delta("a", 1), delta(1, NaN)], ["+1", "−0.5", "=", "", ""]);
});

test("neighbours have colours of their own, those of one colour another line", () => {
  const of = (mark) => colorOfMark(mark, false) + dashOfMark(mark).join();
  assert.equal(new Set([...Array(24).keys()].map(of)).size, 24);
  assert.equal(of(3), of(27));
  assert.notEqual(ramp(0, true), ramp(1, true));
});

test("scales go there and back", () => {
  const linear = scale(0, 10, 100, 200);
  assert.equal(linear.to(5), 150);
  assert.equal(linear.from(150), 5);
  const log = scale(1, 100, 0, 100, true);
  assert.ok(Math.abs(log.to(10) - 50) < 1e-9 && Math.abs(log.from(50) - 10) < 1e-9);
  assert.ok(scale(3, 3, 0, 1).low < 3);
});

test("places in a sorted list", () => {
  assert.deepEqual([lower([1, 3, 5], 3), lower([1, 3, 5], 6), nearest([1, 3, 5], 4.1), nearest([], 1)], [1, 3, 2, -1]);
});

test("a line has no more points than pixels need, and its extremes stay", () => {
  const n = 100_000;
  const xs = Float64Array.from({ length: n }, (_, i) => i);
  const ys = Float64Array.from({ length: n }, (_, i) => (i === 31_234 ? 50 : i === 70_000 ? NaN : Math.sin(i)));
  const sx = scale(0, n - 1, 0, 500);
  const sy = scale(-1, 50, 200, 0);
  const points = outline(xs, ys, sx, sy, 0, n, 500);
  assert.ok(points.length / 2 <= 2 * 504);
  assert.equal(Math.min(...points.filter((_, i) => i % 2).filter((each) => !Number.isNaN(each))), 0);
  const gap = outline([0, 1, 2], [1, NaN, 1], sx, sy, 0, 3, 500);
  assert.ok(Number.isNaN(gap[2]) && !Number.isNaN(gap[4]));
});

test("zooming ends with the whole", () => {
  assert.deepEqual(zoomed([0, 100], [0, 100], 50, 0.5), [25, 75]);
  assert.equal(zoomed([0, 100], [25, 75], 50, 4), null);
});

test("lines are made ready: sorted, smoothed, their oddities known", () => {
  const [line] = prepare([{ name: "a", x: [2, 1, 3], y: [20, 10, NaN] }], 0);
  assert.deepEqual([line.x, line.odd], [[1, 2, 3], [2]]);
  assert.deepEqual(prepare([{ x: [1], y: [0] }], 0)[0].odd, []); // a number, though a logarithmic axis has no place for it
  assert.deepEqual(wholeOf([line, { x: [] }]), [1, 3]);
  assert.equal(joined([null]), null);
});

test("quartiles, groups and the front", () => {
  assert.deepEqual(quartiles([4, 1, 3, 2, 100]), { low: 1, q1: 2, median: 3, q3: 4, high: 4, outside: [100] });
  assert.equal(deviation([1]), 0);
  const points = [{ x: 1, y: 1 }, { x: 2, y: 3 }, { x: 3, y: 2 }, { x: 4, y: 4 }, { x: NaN, y: 9 }];
  assert.deepEqual(front(points, true, false).map((each) => each.x), [1, 2, 4]);
  assert.deepEqual(front(points, false, false).map((each) => each.x), [4]);
  assert.deepEqual(groups([{ v: 10 }, { v: 9 }, {}, { v: "b" }], (each) => each.v).map(([key]) => key), ["9", "10", "b", "not set"]);
});

test("what spreads over decades, and what is cut off an axis", () => {
  assert.ok(spreads([0.001, 1]) && !spreads([-1, 100]) && !spreads([5]));
  const clip = clipped([[...Array(99).keys(), 1e9]], 0.01);
  assert.ok(clip[1] <= 1e9 && clip[0] >= 0);
  assert.equal(clipped([[1, 2]], 0.01), null);
});

test("steps that were given are the x axis; places are asked for", () => {
  const series = { hosts: [""], place: [0, 5, 10], step: [0, 50, null], time: [1, 2, 3], value: [1, 2, 3], host: [0, 0, 0], count: 11 };
  assert.deepEqual(stepsOf(series), [0, 50, 10]);
  assert.deepEqual(byHost(series)[0].step, [0, 50, 10]);
  const more = append(series, { hosts: [""], place: [11], step: [60], time: [4], value: [4], host: [0] });
  assert.deepEqual(more.step, [0, 50, 10, 60]);
  const even = { ...series, step: [0, 50, 100] };
  assert.deepEqual(placesOf([even], "step", [40, 60]), { low: 0, high: 10 });
  assert.equal(placesOf([{ ...even, count: 3 }], "step", [40, 60]), null);
  const turns = { hosts: ["a", "b"], place: [0, 10, 20, 30, 40, 50], turn: [0, 10, 20, 0, 10, 20], time: [1, 2, 3, 7, 8, 9], value: [1, 2, 3, 4, 5, 6], host: [0, 0, 0, 1, 1, 1], count: 51 };
  assert.deepEqual(byHost(turns).map((each) => each.step), [[0, 10, 20], [0, 10, 20]]);
  assert.deepEqual(placesOf([turns], "step", [9, 11]), { low: 0, high: 50 });
  assert.deepEqual(placesOf([turns], "time", [8, 8]), { low: 20, high: 50 });
});

test("lineage stands in layers from source to product, and ends though it has a ring", () => {
  const vertices = ["d", "p", "c", "m"].map((arn) => ({ arn }));
  const edges = [["d", "p"], ["p", "c"], ["d", "c"], ["c", "m"]].map(([from, to]) => ({ from, to }));
  assert.deepEqual(layers({ vertices, edges }).map((each) => each.map((one) => one.arn)), [["d"], ["p"], ["c"], ["m"]]);
  assert.ok(layers({ vertices: vertices.slice(0, 2), edges: [{ from: "d", to: "p" }, { from: "p", to: "d" }] }).length);
});

test("shares of the rows of a matrix", () => {
  assert.deepEqual(shares([[3, 1], [0, 0]]), [[0.75, 0.25], [0, 0]]);
});

test("a query's lists", () => {
  assert.deepEqual(asked("?c=a&c=b&x=step"), { c: ["a", "b"], x: "step" });
});

test("components are told apart by parameters where somebody asks", () => {
  const row = (name, mark, parameters) => ({ name, mark, parameters });
  const rows = [row("a", 5, { opt: "sgd", width: { number: 8 } }), row("b", 6, { opt: "adam", width: { number: 16 } }), row("c", 7, { opt: "sgd" })];
  assert.equal(marked(rows, "", "").rows, rows);
  const colored = marked(rows, "opt", "");
  assert.deepEqual(colored.rows.map((each) => each.mark), [1, 0, 1]);
  assert.deepEqual(colored.colors, [{ name: "adam", mark: 0, count: 1 }, { name: "sgd", mark: 1, count: 2 }]);
  assert.deepEqual(rows.map((each) => each.mark), [5, 6, 7]);
  const dashed = marked(rows, "opt", "width");
  assert.deepEqual(dashed.rows.map((each) => dashOfMark(each.mark)), [[], [6, 3], [2, 2.5]]);
  assert.deepEqual(dashed.rows.map((each) => colorOfMark(each.mark, false)), colored.rows.map((each) => colorOfMark(each.mark, false)));
  assert.deepEqual(dashed.strokes.map((each) => each.name), ["8", "16", "not set"]);
  const own = marked(rows, "", "width").rows.map((each) => colorOfMark(each.mark, false));
  assert.deepEqual(own, rows.map((each) => colorOfMark(each.mark, false)));
});

test("a logarithmic x axis leaves out what is not above zero", () => {
  const xs = [0, 1, 10, 100];
  const sx = scale(1, 100, 0, 200, true);
  const sy = scale(0, 4, 100, 0);
  const found = outline(xs, [1, 2, 3, 4], sx, sy, lower(xs, 1), 4, 100);
  assert.deepEqual(found.filter((_, i) => i % 2 === 0).map(Math.round), [0, 100, 200]);
  assert.deepEqual(wholeOf([{ x: xs }, { x: [0] }], true), [1, 100]);
  assert.equal(wholeOf([{ x: [0] }], true), null);
});

test("a metric at a step is a statistic", () => {
  assert.equal(stepOf("at500"), 500);
  assert.deepEqual(["last", "at", "at-1", "avg"].map(stepOf), [null, null, null, null]);
  assert.deepEqual(["at0", "avg", "other"].map(statisticName), ["at step 0", "mean", "other"]);
  assert.deepEqual(statsOf({ "a.b": "at3", loss: "min" }), ["a.b.at3"]);
  assert.deepEqual(statsOf({ "a.b": "at3", loss: "min" }, true), ["a.b.at3", "loss.min"]);
  assert.equal(measured({ metrics: { loss: { last: 1, at3: "NaN" } } }, "loss", "at4"), undefined);
  assert.ok(Number.isNaN(measured({ metrics: { loss: { last: 1, at3: "NaN" } } }, "loss", "at3")));
});
