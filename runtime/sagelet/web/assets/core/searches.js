// @ts-check
// A filter of a table as an expression for Search, and what such an expression cannot say. Pure.
import { measureOf } from "./filter.js";

/** @typedef {{Name: string, Operator: string, Value?: string}} Clause */
/** @typedef {{Filters?: Clause[], SubExpressions?: any[], Operator?: string}} Expression */
/** @typedef {{expression: Expression|null, words: string[], unsaid: string[]}} Said */

const OPERATORS = { "<": "LessThan", "<=": "LessThanOrEqualTo", ">": "GreaterThan", ">=": "GreaterThanOrEqualTo", "=": "Equals", "!=": "NotEquals" };
const STATISTICS = { last: "Last", min: "Min", max: "Max", avg: "Avg", std: "StdDev", stddev: "StdDev", count: "Count" };
export const STATUSES = ["InProgress", "Completed", "Failed", "Stopping", "Stopped"];
const SECONDARY = ["Starting", "Pending", "LaunchingMLInstances", "PreparingTrainingStack", "Downloading", "DownloadingTrainingImage", "Training", "Uploading", "Interrupted", "MaxRuntimeExceeded", "MaxWaitTimeExceeded", "Restarting"];

/** What a filter asks of training jobs. @param {import("./filter.js").Filter} filter
 * @param {{region: string, account: string}} place @returns {Said} */
export function ofTrainingJobs(filter, place) {
  const said = begin();
  const { marks } = filter;
  for (const { kind, name, operator, value } of filter.conditions) {
    const [metric, statistic] = measureOf(name);
    if (kind === "parameter") compare(said, `HyperParameters.${name}`, operator, value);
    else if (statistic === "last") compare(said, `Metrics.${metric}`, operator, value);
    else said.unsaid.push(`metric.${name} ${operator} ${value}: of a training job, Search knows a metric's last value only`);
  }
  status(said, marks.status, ["TrainingJobStatus", "SecondaryStatus"]);
  equals(said, "ExperimentConfig.ExperimentName", marks.experiment);
  equals(said, "ExperimentConfig.TrialName", marks.trial);
  equals(said, "TuningJobArn", marks.tuning?.slice(0, 1).map((name) => `arn:aws:sagemaker:${place.region}:${place.account}:hyper-parameter-tuning-job/${name}`));
  if (marks.is?.includes("unassigned")) said.filters.push({ Name: "ExperimentConfig.TrialName", Operator: "NotExists" });
  // Search allows one Contains of a job's name; the other words are looked for in what it finds.
  if (filter.words.length) said.filters.push({ Name: "TrainingJobName", Operator: "Contains", Value: filter.words[0] });
  return end(said, filter.words.slice(1));
}

/** What a filter asks of trial components, of an experiment or of those in no trial ("-").
 * @param {import("./filter.js").Filter} filter @param {string|null} experiment @returns {Said} */
export function ofComponents(filter, experiment = null) {
  const said = begin();
  const { marks } = filter;
  if (experiment === "-" || marks.is?.includes("unassigned")) said.filters.push({ Name: "Parents.TrialName", Operator: "NotExists" });
  equals(said, "Parents.ExperimentName", experiment && experiment !== "-" ? [experiment] : marks.experiment);
  const trial = marks.trial ?? marks.tuning?.map((name) => `${name}-aws-tuning-job`);
  equals(said, "Parents.TrialName", trial);
  for (const { kind, name, operator, value } of filter.conditions) {
    const [metric, statistic] = measureOf(name);
    if (kind === "metric" && !STATISTICS[statistic]) said.unsaid.push(`metric.${name} ${operator} ${value}: Search knows no value at a step`);
    else compare(said, kind === "parameter" ? `Parameters.${name}` : `Metrics.${metric}.${STATISTICS[statistic]}`, operator, value);
  }
  status(said, marks.status, ["Status.PrimaryStatus"]);
  for (const word of filter.words) {
    const Filters = ["TrialComponentName", "DisplayName", "Parents.TrialName"].map((Name) => ({ Name, Operator: "Contains", Value: word }));
    said.below.push({ Operator: "Or", Filters });
  }
  return end(said, []);
}

/** What a table is sorted by, as a property that Search sorts by. @param {string} sort
 * @param {"TrainingJob"|"ExperimentTrialComponent"} resource @returns {string|null} */
export function propertyOf(sort, resource) {
  const job = resource === "TrainingJob";
  if (sort.startsWith("metric.")) {
    const [metric, statistic] = measureOf(sort.slice(7));
    if (job) return statistic === "last" ? `Metrics.${metric}` : null;
    return STATISTICS[statistic] ? `Metrics.${metric}.${STATISTICS[statistic]}` : null;
  }
  if (sort.startsWith("parameter.")) return `${job ? "HyperParameters" : "Parameters"}.${sort.slice(10)}`;
  const own = job
    ? { created: "CreationTime", name: "TrainingJobName", status: "TrainingJobStatus", hosts: "ResourceConfig.InstanceCount", image: "AlgorithmSpecification.TrainingImage" }
    : { created: "CreationTime", name: "TrialComponentName", title: "DisplayName", status: "Status.PrimaryStatus" };
  return own[sort] ?? null;
}

/** @returns {{filters: Clause[], below: any[], unsaid: string[]}} */
function begin() {
  return { filters: [], below: [], unsaid: [] };
}

function end({ filters, below, unsaid }, words) {
  const expression = { ...(filters.length ? { Filters: filters } : {}), ...(below.length ? { SubExpressions: below } : {}) };
  return { expression: filters.length + below.length ? expression : null, words, unsaid };
}

function compare(said, name, operator, value) {
  said.filters.push({ Name: name, Operator: OPERATORS[operator], Value: value });
  // NotEquals holds where there is no value, too; in a table it does not.
  if (operator === "!=") said.filters.push({ Name: name, Operator: "Exists" });
}

function equals(said, name, values) {
  if (values?.length) said.filters.push({ Name: name, Operator: "Equals", Value: values[0] });
}

/** Statuses are typed in any case; Search wants AWS's. */
function status(said, typed, [primary, secondary]) {
  if (!typed?.length) return;
  const words = typed.map((each) => [...STATUSES, ...SECONDARY].find((one) => one.toLowerCase() === each.toLowerCase()) ?? each);
  const clause = (name) => ({ Name: name, Operator: "In", Value: words.join(",") });
  if (!secondary || words.every((each) => STATUSES.includes(each))) said.filters.push(clause(primary));
  else said.below.push({ Operator: "Or", Filters: [clause(primary), clause(secondary)] });
}
