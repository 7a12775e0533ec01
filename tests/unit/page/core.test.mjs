import assert from "node:assert/strict";
import test from "node:test";
import { pieces, plain } from "../../../runtime/sagelet/web/assets/core/ansi.js";
import { aws, boto3, fresh, python, quote, sdk, shell } from "../../../runtime/sagelet/web/assets/core/clone.js";
import { colorOf, tone } from "../../../runtime/sagelet/web/assets/core/colors.js";
import { ago, amount, duration, figure, image, plural, size } from "../../../runtime/sagelet/web/assets/core/format.js";
import { bind, nameOf, press } from "../../../runtime/sagelet/web/assets/core/keys.js";
import { append, byHost, extent, halve, logTicks, smooth, stepsOf, ticks, value } from "../../../runtime/sagelet/web/assets/core/series.js";
import { link, params, parts } from "../../../runtime/sagelet/web/assets/core/url.js";

test("durations and sizes", () => {
  assert.deepEqual([0, 0.0042, 0.04, 9.96, 42, 61, 3661, 90061, null].map(duration), ["0.0 s", "4 ms", "40 ms", "10.0 s", "42 s", "1 min 1 s", "1 h 1 min", "1 d 1 h", "–"]);
  assert.deepEqual([0, 999, 1000, 999_600, 15e9].map(size), ["0 B", "999 B", "1.0 kB", "1.0 MB", "15 GB"]);
});

test("figures keep the digits that matter", () => {
  assert.deepEqual([0.123456, 1234567, 1e-9, 1e12, "NaN", null, 0, -2.5].map(figure), ["0.12346", "1234567", "1.000e-9", "1.000e+12", "NaN", "–", "0", "-2.5"]);
});

test("a value is told in its unit", () => {
  assert.deepEqual([amount(99.96, "percent"), amount(1.5e9, "bytes"), amount(1536.4, "bytes"), amount(0.123456), amount(null, "bytes"), amount(NaN, "percent")], ["100 %", "1.5 GB", "1.5 kB", "0.12346", "–", "NaN"]);
});

test("ago, image, plural", () => {
  assert.equal(ago(100, 130), "just now");
  assert.equal(ago(0, 7200), "2 h ago");
  assert.equal(image("123.dkr.ecr.us-east-1.amazonaws.com/pytorch:2"), "pytorch:2");
  assert.equal(plural(1, "host"), "1 host");
  assert.equal(plural(1200, "line"), "1,200 lines");
});

test("terminal colours become classes, nothing becomes markup", () => {
  assert.deepEqual(pieces("\x1b[1;31mred\x1b[0m <b>"), [{ text: "red", classes: "b1 f31" }, { text: " <b>", classes: "" }]);
  assert.deepEqual(pieces("\x1b[38;5;196mx\x1b[39my"), [{ text: "x", classes: "f91" }, { text: "y", classes: "" }]);
  assert.deepEqual(pieces("\x1b[38;2;10;200;10mx"), [{ text: "x", classes: "f32" }]);
  assert.equal(plain("\x1b]0;title\x07a\x1b[2Kb\x07\x1b[Hc"), "abc");
  assert.equal(plain("\x1b[?25lbar\x1b[?25h\x1b[0 q\x1b(B\x1b7\x1b=!"), "bar!"); // a bar's hidden cursor
  assert.deepEqual(pieces("\x1b[>4;1mx"), [{ text: "x", classes: "" }]); // no colour
  assert.equal(plain("10%\r50%\r100%"), "100%");
  assert.equal(plain("done\r"), "done");
});

test("addresses there and back", () => {
  const href = link(["jobs", "a b/c", "logs"], { line: "algo-1:5", wrap: false, x: "" });
  assert.equal(href, "/_ui/jobs/a%20b%2Fc/logs?line=algo-1%3A5");
  assert.deepEqual(parts("/_ui/jobs/a%20b%2Fc/logs"), ["jobs", "a b/c", "logs"]);
  assert.deepEqual(parts("/elsewhere"), []);
  assert.equal(params({ lane: ["a", "b"], at: 0 }), "lane=a&lane=b&at=0");
});

test("ticks are round and within", () => {
  assert.deepEqual(ticks(0, 1, 5), [0, 0.2, 0.4, 0.6, 0.8, 1]);
  assert.deepEqual(ticks(3, 3, 5), [3]);
  assert.deepEqual(ticks(0.125, 0.12500000000000003, 5), [0.125]);
  assert.deepEqual(logTicks(0.001, 10), [0.001, 0.01, 0.1, 1, 10]);
});

test("extents pass over what is no number", () => {
  assert.deepEqual(extent([NaN, 2, Infinity, -1]), [-1, 2]);
  assert.deepEqual(extent([0, -1, 5], true), [5, 5]);
  assert.equal(extent([NaN]), null);
});

test("smoothing begins at the first value and leaves gaps", () => {
  assert.deepEqual(smooth([1, 2], 0), [1, 2]);
  const found = smooth([4, NaN, 4], 0.9);
  assert.ok(Math.abs(found[0] - 4) < 1e-9 && Number.isNaN(found[1]) && Math.abs(found[2] - 4) < 1e-9);
});

test("live values join a series once", () => {
  const old = { hosts: ["b"], place: [0, 1], time: [1, 2], value: [5, 6], host: [0, 0], count: 2 };
  const more = { hosts: ["a", "b"], place: [1, 2], time: [2, 3], value: [6, "NaN"], host: [1, 0] };
  const joined = append(old, more);
  assert.deepEqual([joined.hosts, joined.place, joined.value, joined.host, joined.count, joined.next], [["b", "a"], [0, 1, 2], [5, 6, "NaN"], [0, 0, 1], 3, 3]);
  assert.equal(append(joined, more), joined);
  assert.deepEqual(byHost(joined).map((each) => [each.host, each.step]), [["b", [0, 1]], ["a", [0]]]);
  assert.deepEqual(stepsOf(append(joined, { hosts: ["a", "b"], place: [3, 4, 5], time: [4, 5, 6], value: [1, 2, 3], host: [0, 1, 0] })), [0, 1, 0, 1, 2, 2]);
  assert.ok(Number.isNaN(value("NaN")) && value("-Infinity") === -Infinity && value(2) === 2);
});

test("a series that grows on the page keeps its extremes", () => {
  const n = 1000;
  const series = { hosts: ["a"], place: [...Array(n).keys()], time: Array(n).fill(1), value: [...Array(n).keys()].map((i) => (i === 500 ? 99 : Math.sin(i))), host: Array(n).fill(0) };
  const fewer = halve(series, 600);
  assert.ok(fewer.place.length <= 500);
  assert.ok(fewer.value.includes(99));
  assert.equal(halve(series, 1000), series);
  const three = { ...series, hosts: ["a", "b", "c"], host: series.host.map((_, i) => i % 3), value: series.value.map((_, i) => i % 3) };
  assert.deepEqual([...new Set(halve(three, 600).value)].sort(), [0, 1, 2]); // the middle one is no extreme
});

test("one colour for one name", () => {
  assert.equal(colorOf("job-1", false), colorOf("job-1", false));
  assert.deepEqual(["Completed", "Failed", "Stopped", "Training"].map(tone), ["good", "bad", "warn", "live"]);
});

test("keys have names", () => {
  assert.equal(nameOf({ key: "k", metaKey: true }), "mod+k");
  assert.equal(nameOf({ key: "Escape" }), "escape");
  assert.equal(nameOf({ key: "?" }), "?");
});

test("two keys after each other go before the second alone", () => {
  const pressed = [];
  const key = (keys) => ({ keys, what: keys, run: () => pressed.push(keys) });
  const end = bind([key("g j"), key("j")]);
  const target = { closest: () => null };
  const type = (each) => press({ key: each, target, preventDefault: () => {} });
  ["g", "j", "j"].forEach(type);
  end();
  type("j");
  assert.deepEqual(pressed, ["g j", "j"]);
});

test("what has the focus keeps its Enter, and a key that does nothing is the browser's", () => {
  const done = [];
  const end = bind([{ keys: "enter", what: "", run: () => done.push("row") }, { keys: "arrowright", what: "", run: () => false }]);
  const type = (key, tag) => press({ key, target: { closest: (css) => (tag && css.split(/[ ,]+/).includes(tag) ? {} : null) }, preventDefault: () => done.push("kept") });
  type("Enter", "button");
  type("Enter", null);
  type("ArrowRight", null);
  end();
  assert.deepEqual(done, ["row", "kept"]);
});

const request = {
  TrainingJobName: "old-2024-01-02-03-04-05-006",
  AlgorithmSpecification: { TrainingImage: "img:1", MetricDefinitions: [{ Name: "m", Regex: "m=(\\S+)" }] },
  HyperParameters: { lr: "0.1", sagemaker_program: '"train.py"' },
  RoleArn: "arn:aws:iam::1:role/r",
  EnableManagedSpotTraining: true,
  InputDataConfig: [{ ChannelName: "train", DataSource: { S3DataSource: { S3Uri: "s3://b/it's" } } }],
  ResourceConfig: { InstanceType: "ml.m5.large", InstanceCount: 2 },
};

test("Python and shell quote what they must", () => {
  assert.equal(python({ a: [true, null, 1.5], b: {} }), '{\n    "a": [\n        True,\n        None,\n        1.5,\n    ],\n    "b": {},\n}');
  assert.equal(quote('a"\n\u00fc'), '"a\\"\\n\\u00fc"');
  assert.equal(quote("\u{1f600}"), '"\\U0001f600"');
  assert.equal(shell("it's"), `'it'\\''s'`);
  assert.equal(shell("plain-1.2"), "plain-1.2");
});

test("a job as code", () => {
  const name = fresh(request.TrainingJobName, new Date("2026-01-02T03:04:05Z"));
  assert.equal(name, "old-2026-01-02-03-04-05");
  const made = boto3(request, "eu-west-1", name);
  assert.match(made, /TrainingJobName="old-2026-01-02-03-04-05"/);
  assert.match(made, /EnableManagedSpotTraining=True/);
  const estimator = sdk(request, "eu-west-1", name);
  assert.match(estimator, /entry_point="train.py"/);
  assert.match(estimator, /"lr": "0.1"/);
  assert.doesNotMatch(estimator, /sagemaker_program/);
  assert.match(estimator, /instance_count=2/);
  assert.ok(aws(request, "eu-west-1", name).includes(`it'\\''s`));
});

test("what the estimator can be told is told, the rest is named", () => {
  const made = sdk({
    ...request,
    CheckpointConfig: { S3Uri: "s3://b/c", LocalPath: "/opt/ml/checkpoints" },
    VpcConfig: { Subnets: ["subnet-1"], SecurityGroupIds: ["sg-1"] },
    Tags: [{ Key: "a", Value: "b" }],
    ExperimentConfig: { ExperimentName: "e", TrialName: "t" },
    DebugHookConfig: { S3OutputPath: "s3://b/d" },
    InputDataConfig: [
      { ChannelName: "plain", CompressionType: "None", DataSource: { S3DataSource: { S3Uri: "s3://b/p", S3DataType: "S3Prefix", S3DataDistributionType: "FullyReplicated" } } },
      { ChannelName: "fast", InputMode: "FastFile", ContentType: "text/csv", ShuffleConfig: { Seed: 7 }, DataSource: { S3DataSource: { S3Uri: "s3://b/f", S3DataDistributionType: "ShardedByS3Key" } } },
      { ChannelName: "lustre", DataSource: { FileSystemDataSource: { FileSystemId: "fs-1" } } },
    ],
    ResourceConfig: { InstanceGroups: [{ InstanceGroupName: "g", InstanceType: "ml.m5.large", InstanceCount: 2 }] },
  }, "eu-west-1", "new");
  for (const part of [
    'checkpoint_s3_uri="s3://b/c"', 'checkpoint_local_path="/opt/ml/checkpoints"', "subnets=[", "security_group_ids=[", "tags=[", 'experiment_config={\n    "ExperimentName": "e"',
    '"plain": "s3://b/p"', '"fast": TrainingInput("s3://b/f", distribution="ShardedByS3Key", content_type="text/csv", input_mode="FastFile", shuffle_config=ShuffleConfig(7))',
    "from sagemaker.inputs import ShuffleConfig, TrainingInput", 'InstanceGroup("g", "ml.m5.large", 2)', "argument for: DebugHookConfig, channel lustre\n",
  ]) assert.ok(made.includes(part), `${part} in ${made}`);
  assert.doesNotMatch(sdk(request, "eu-west-1", "new"), /TrainingInput|Left out|InstanceGroup/);
});
