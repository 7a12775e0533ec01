import assert from "node:assert/strict";
import test from "node:test";
import { aws, boto3 } from "../../../runtime/sagelet/web/assets/core/clone.js";
import { jobPage, jobPath, keyOf, ofKey } from "../../../runtime/sagelet/web/assets/core/jobs.js";
import { parts } from "../../../runtime/sagelet/web/assets/core/url.js";
import { course, merged, objective, ordered } from "../../../runtime/sagelet/web/assets/core/tuning.js";

test("a key names a job of one kind", () => {
  for (const [kind, name] of [["training", "a"], ["processing", "a"]]) assert.deepEqual(ofKey(keyOf(kind, name)), { kind, name });
  assert.equal(keyOf("processing", "a"), "processing.a");
});

test("pages and paths of both kinds", () => {
  assert.equal(jobPage({ kind: "processing", name: "a b" }, ["logs"], { line: "1" }), "/_ui/processing/a%20b/logs?line=1");
  assert.equal(jobPage({ name: "a" }), "/_ui/jobs/a");
  assert.equal(jobPath({ kind: "processing", name: "a/b" }), "processing-jobs/a%2Fb");
});

test("an address that is written wrong is read all the same", () => {
  assert.deepEqual(parts("/_ui/jobs/%zz/a%20b"), ["jobs", "%zz", "a b"]);
});

test("a processing job as code", () => {
  const request = { ProcessingJobName: "old", RoleArn: "r" };
  assert.match(boto3(request, "eu-west-1", "new", "processing"), /create_processing_job\(\n {4}ProcessingJobName="new",/);
  assert.match(aws(request, "eu-west-1", "new", "processing"), /create-processing-job .*"ProcessingJobName": "new"/s);
});

const tuned = (number, value, more = {}) => ({ name: `t-${number}`, number, mark: null, definition: 0, status: "Completed", counts: value !== null, early: false, settled: true, objective: value, parameters: {}, ...more });

test("the course counts what counts only", () => {
  const rows = [tuned(1, 0.5), tuned(2, 0.9, { counts: false }), tuned(3, "NaN"), tuned(4, null), tuned(5, 0.4), tuned(6, 0.6)];
  assert.deepEqual(course(rows, false), [{ number: 1, value: 0.5 }, { number: 6, value: 0.6 }]);
  assert.deepEqual(course(rows, true), [{ number: 1, value: 0.5 }, { number: 5, value: 0.4 }]);
  assert.ok(Number.isNaN(objective(rows[3])));
});

test("news takes the place of what was known", () => {
  const found = merged([tuned(2, 0.1), tuned(1, null)], [tuned(3, null), tuned(1, 0.7)]);
  assert.deepEqual(found.map((each) => [each.number, each.objective]), [[1, 0.7], [2, 0.1], [3, null]]);
});

test("rows without a value are last both ways", () => {
  const rows = [tuned(1, null), tuned(2, 0.1, { parameters: { lr: 3 } }), tuned(3, 0.5, { parameters: { lr: 1 } })];
  assert.deepEqual(ordered(rows, "objective", true).map((each) => each.number), [3, 2, 1]);
  assert.deepEqual(ordered(rows, "objective", false).map((each) => each.number), [2, 3, 1]);
  assert.deepEqual(ordered(rows, "parameter.lr", false).map((each) => each.number), [3, 2, 1]);
  assert.deepEqual(ordered(rows, "number", true).map((each) => each.number), [3, 2, 1]);
});
