import assert from "node:assert/strict";
import test from "node:test";
import { codeOf, languageOf } from "../../../runtime/sagelet/web/assets/core/as-code.js";
import { filterOf, measureOf } from "../../../runtime/sagelet/web/assets/core/filter.js";
import { useOf } from "../../../runtime/sagelet/web/assets/core/use-model.js";
import { ofComponents, ofTrainingJobs, propertyOf } from "../../../runtime/sagelet/web/assets/core/searches.js";

const HERE = { region: "eu-west-1", account: "123456789012", origin: "http://127.0.0.1:4580" };
const code = (path, query = "", more = {}) => codeOf({ ...HERE, words: path.split("/").filter(Boolean), query: new URLSearchParams(query), ...more });
const jobs = (text) => ofTrainingJobs(filterOf(text), HERE);

test("a filter in parts, as the control plane reads it", () => {
  assert.deepEqual(filterOf('mnist status:failed,Stopped metric.test:accuracy > 0.9 parameter.opt="sgd x" cnn'), {
    words: ["mnist", "cnn"],
    conditions: [{ kind: "metric", name: "test:accuracy", operator: ">", value: "0.9" }, { kind: "parameter", name: "opt", operator: "=", value: "sgd x" }],
    marks: { status: ["failed", "Stopped"] },
  });
  assert.deepEqual(filterOf("metric.loss < low").words, ["metric.loss", "<", "low"]);
  assert.deepEqual(filterOf("is:unassigned kind:processing").marks, { is: ["unassigned"], kind: ["processing"] });
  assert.deepEqual(["loss", "a.b.max", "loss.Min", "loss.at500", "at5"].map(measureOf), [["loss", "last"], ["a.b", "max"], ["loss", "min"], ["loss", "at500"], ["at5", "last"]]);
});

test("a filter of jobs as an expression", () => {
  assert.deepEqual(jobs("").expression, null);
  assert.deepEqual(jobs("mnist CNN parameter.lr <= 0.1 trial:a status:failed"), {
    expression: { Filters: [
      { Name: "HyperParameters.lr", Operator: "LessThanOrEqualTo", Value: "0.1" },
      { Name: "TrainingJobStatus", Operator: "In", Value: "Failed" },
      { Name: "ExperimentConfig.TrialName", Operator: "Equals", Value: "a" },
      { Name: "TrainingJobName", Operator: "Contains", Value: "mnist" },
    ] },
    words: ["CNN"],
    unsaid: [],
  });
  assert.equal(jobs("tuning:s").expression.Filters[0].Value, "arn:aws:sagemaker:eu-west-1:123456789012:hyper-parameter-tuning-job/s");
  assert.deepEqual(jobs("is:unassigned").expression.Filters, [{ Name: "ExperimentConfig.TrialName", Operator: "NotExists" }]);
  assert.deepEqual(jobs("metric.loss != 1").expression.Filters.map((each) => each.Operator), ["NotEquals", "Exists"]);
  assert.equal(jobs("status:uploading").expression.SubExpressions[0].Filters[1].Value, "Uploading");
});

test("what an expression cannot say is said to be left out", () => {
  const said = jobs("metric.loss.min < 0.2");
  assert.equal(said.expression, null);
  assert.equal(said.unsaid.length, 1);
  assert.match(code("jobs", "filter=metric.loss.min+<+0.2"), /^# Not said here: metric\.loss\.min < 0\.2/m);
  assert.match(code("jobs", "filter=trial:a&sort=duration"), /^# Not said here: sorted by duration$/m);
  assert.match(code("processing", "filter=kind:processing+trial:a"), /^# Not said here: trial:a/m);
});

test("a filter of components as an expression", () => {
  const said = ofComponents(filterOf("wide metric.loss.min < 0.2 metric.acc > 0.9 parameter.opt = sgd status:completed"), "digits");
  assert.deepEqual(said.expression.Filters.map((each) => [each.Name, each.Value]), [
    ["Parents.ExperimentName", "digits"], ["Metrics.loss.Min", "0.2"], ["Metrics.acc.Last", "0.9"], ["Parameters.opt", "sgd"], ["Status.PrimaryStatus", "Completed"],
  ]);
  assert.equal(said.expression.SubExpressions[0].Operator, "Or");
  assert.deepEqual(ofComponents(filterOf(""), "-").expression.Filters, [{ Name: "Parents.TrialName", Operator: "NotExists" }]);
});

test("what tables are sorted by", () => {
  assert.equal(propertyOf("metric.loss", "TrainingJob"), "Metrics.loss");
  assert.equal(propertyOf("metric.loss.max", "TrainingJob"), null);
  assert.equal(propertyOf("metric.a.b.std", "ExperimentTrialComponent"), "Metrics.a.b.StdDev");
  assert.equal(propertyOf("metric.loss.at500", "ExperimentTrialComponent"), null);
  assert.match(ofComponents(filterOf("metric.loss.at500 < 1")).unsaid[0], /no value at a step/);
  assert.equal(propertyOf("parameter.lr", "ExperimentTrialComponent"), "Parameters.lr");
  assert.equal(propertyOf("duration", "TrainingJob"), null);
});

test("each page is code of one kind, or has none", () => {
  const query = new URLSearchParams();
  const kinds = ["", "jobs", "processing", "tuning", "experiments", "trials", "components", "storage", "models", "calls", "settings", "compare", "nowhere"].map((each) => languageOf(each ? [each] : [], query));
  assert.deepEqual(kinds, [...Array(8).fill("boto3"), "curl", "curl", "curl", null, null]);
  assert.equal(languageOf(["compare"], new URLSearchParams("e=x")), "boto3");
  assert.equal(code("nowhere"), null);
});

test("a listing where it says all, a search where it does not", () => {
  const listed = code("jobs", "filter=mnist+kind:training&sort=name&up=1");
  assert.match(listed, /paginate\(\s+NameContains="mnist",\s+SortBy="Name",\s+SortOrder="Ascending",\s+\)/);
  assert.doesNotMatch(listed, /search|processing/);
  assert.match(code("jobs", "filter=metric.loss+<+1"), /get_paginator\("search"\)/);
  assert.match(code("experiments/digits", "", { sort: { id: "metric.acc", descending: false } }), /SortBy="Metrics\.acc\.Last",\n +SortOrder="Ascending"/);
  assert.match(code("experiments/digits", "sort=title&up=1", { sort: { id: "metric.acc", descending: false } }), /SortBy="DisplayName"/);
});

test("names are texts, whatever is in them", () => {
  const text = code("storage/b", `key=${encodeURIComponent('a "b"\n#c')}&member=x`);
  assert.match(text, /Key="a \\"b\\"\\n#c"/);
  assert.match(code("jobs", "filter=is:\nunassigned+metric.a.min<1"), /^# Not said here: metric\.a\.min < 1/m);
  assert.match(code("jobs/done/logs", "find=a.b%22"), /re\.search\("a\\\\\.b\\"", event\["message"\], re\.IGNORECASE\)/);
  assert.match(code("jobs/done/logs", "host=algo-1-5"), /logStreamNamePrefix="done\/algo-1-5"/);
});

test("the region is that of the page", () => {
  for (const path of ["", "jobs/x", "storage", "trials/x"]) assert.match(code(path), /region_name="eu-west-1"/);
});

test("what is kept here alone is a line of curl", () => {
  assert.equal(code("models"), "curl -s http://127.0.0.1:4580/_api/models\n");
  assert.equal(code("models/m", "version=2"), "curl -s http://127.0.0.1:4580/_api/models/m/2\n");
  assert.equal(code("calls"), "curl -s 'http://127.0.0.1:4580/_api/calls?limit=2000'\n");
  assert.equal(code("calls", "call=7"), "curl -s http://127.0.0.1:4580/_api/calls/7\n");
});

test("a model is known by its files, and how it is loaded", () => {
  const files = (...names) => names.map((name) => ({ name, folder: false }));
  const torch = useOf("/m/cnn/1", files("code/train.py", "model.pt"));
  assert.equal(torch.framework, "PyTorch");
  assert.match(torch.code, /^import torch\n\nfile = "\/m\/cnn\/1\/model\.pt"\n/);
  const keras = useOf("/m/k/2", files("1/saved_model.pb", "1/variables/variables.index"));
  assert.match(keras.code, /folder = "\/m\/k\/2\/1"\nmodel = tf\.saved_model\.load\(folder\)/);
  assert.match(useOf("/m/k/3", files("saved_model.pb")).code, /folder = "\/m\/k\/3"\n/);
  assert.equal(useOf("/m", files("model.joblib")).framework, "joblib, as of scikit-learn");
  assert.equal(useOf("/m", [{ name: "x.pt", folder: true }, ...files("weights")]).framework, null);
});

test("what hosts use is asked of CloudWatch", () => {
  assert.match(code("jobs/done/system"), /Namespace="\/aws\/sagemaker\/TrainingJobs"[^]*startswith\("done\/"\)/);
  assert.match(code("processing/p/system"), /ProcessingEndTime[^]*ProcessingJobs/);
});
