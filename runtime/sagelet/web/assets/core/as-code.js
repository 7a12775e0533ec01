// @ts-check
// What a page shows as code that gets it: boto3, or curl where AWS has no operation for it. Pure.
import { python, quote, shell } from "./clone.js";
import { filterOf } from "./filter.js";
import { ofKey } from "./jobs.js";
import { ofComponents, ofTrainingJobs, propertyOf, STATUSES } from "./searches.js";

/** `words`: of the address's path; `query`: of its query; `names`: the components that are compared;
 * `sort`: what the table is sorted by before anybody sorted it.
 * @typedef {{words: string[], query: URLSearchParams, region: string, account: string, origin: string,
 *   names?: string[], sort?: {id: string, descending: boolean}}} View */

/** What a page's code is: "boto3", "curl", or null where there is nothing to get.
 * @param {string[]} words @param {URLSearchParams} query */
export function languageOf([section = ""], query) {
  if (["models", "calls", "settings"].includes(section)) return "curl";
  if (section === "compare") return ["c", "t", "e"].some((each) => query.has(each)) ? "boto3" : null;
  return PAGES[section] ? "boto3" : null;
}

/** @param {View} view @returns {string|null} */
export function codeOf(view) {
  const language = languageOf(view.words, view.query);
  if (!language) return null;
  if (language === "curl") return shellLine(view);
  const { services = ["sagemaker"], modules = [], lines } = PAGES[view.words[0] ?? ""](view);
  return [
    ...modules.map((each) => `import ${each}`), ...(modules.length ? [""] : []),
    "import boto3",
    "",
    "# Run it in a shell after: eval \"$(sagelet env)\"",
    ...services.map((each) => `${each.replace("sagemaker-", "")} = boto3.client(${quote(each)}, region_name=${quote(view.region)})`),
    "",
    ...lines,
    "",
  ].join("\n");
}

const PAGES = {
  "": overview, jobs: (view) => (view.words[1] ? job(view) : jobs(view)), processing: (view) => (view.words[1] ? processingJob(view) : jobs(view)),
  tuning: (view) => (view.words[1] ? tuningJob(view) : tuningJobs(view)),
  experiments: (view) => (view.words[1] ? experiment(view) : experiments()),
  compare, storage,
  trials: (view) => (view.words[1] ? trial(view) : experiments()),
  components: (view) => (view.words[1] ? components([view.words[1]]) : experiments()),
};

/** @param {string} operation @param {Record<string, any>} given */
function call(operation, given) {
  const entries = Object.entries(given).filter(([, each]) => each !== undefined);
  if (!entries.length) return `${operation}()`;
  const flat = entries.map(([key, each]) => `${key}=${python(each)}`).join(", ");
  if (!flat.includes("\n") && operation.length + flat.length < 88) return `${operation}(${flat})`;
  return `${operation}(\n${entries.map(([key, each]) => `    ${key}=${python(each, 1)},\n`).join("")})`;
}

/** A loop over all pages of a listing. @param {string} service @param {string} operation
 * @param {Record<string, any>} given @param {string} list @param {string} one @param {string[]} body */
function loop(service, operation, given, list, one, body) {
  return [
    `pages = ${call(`${service}.get_paginator(${quote(operation)}).paginate`, given)}`,
    "for page in pages:",
    `    for ${one} in page[${quote(list)}]:`,
    ...body.map((line) => `        ${line}`),
  ];
}

const named = (/** @type {string} */ one, /** @type {string} */ kind) => `print(${one}[${quote(`${kind}Name`)}], ${one}[${quote(`${kind}Status`)}])`;
const NEWEST = { SortBy: "CreationTime", SortOrder: "Descending" };

function overview() {
  const newest = (operation, list, one, kind) => [`for ${one} in ${call(`sagemaker.${operation}`, { ...NEWEST, MaxResults: 8 })}[${quote(list)}]:`, `    ${named(one, kind)}`];
  return { lines: [
    "# The newest jobs of each kind",
    ...newest("list_training_jobs", "TrainingJobSummaries", "job", "TrainingJob"),
    ...newest("list_processing_jobs", "ProcessingJobSummaries", "job", "ProcessingJob"),
    ...newest("list_hyper_parameter_tuning_jobs", "HyperParameterTuningJobSummaries", "job", "HyperParameterTuningJob"),
    `for experiment in ${call("sagemaker.list_experiments", { ...NEWEST, MaxResults: 4 })}["ExperimentSummaries"]:`,
    "    print(experiment[\"ExperimentName\"])",
  ] };
}

/** @param {View} view */
function jobs({ query, region, account }) {
  const text = query.get("filter") ?? "";
  const filter = filterOf(text);
  const kinds = (filter.marks.kind ?? []).map((each) => each.toLowerCase());
  const sort = { id: query.get("sort") ?? "created", descending: query.get("up") !== "1" };
  const lines = [];
  if (!kinds.length || kinds.includes("training")) lines.push(...trainingJobs(filter, sort, { region, account }));
  if (!kinds.length || kinds.includes("processing")) lines.push(...(lines.length ? [""] : []), ...processingJobs(filter, sort));
  return { lines: lines.length ? lines : [`# ${text}: there are no jobs of such a kind`] };
}

function trainingJobs(filter, sort, place) {
  const said = ofTrainingJobs(filter, place);
  const by = propertyOf(sort.id, "TrainingJob");
  const order = { SortBy: by ?? "CreationTime", SortOrder: sort.descending ? "Descending" : "Ascending" };
  const notes = comments(said.unsaid, by ? null : sort.id);
  const listed = { created: "CreationTime", name: "Name", status: "Status" }[sort.id];
  const bare = !filter.conditions.length && !Object.keys(filter.marks).filter((each) => each !== "kind").length;
  if (bare && listed) {
    const given = { NameContains: filter.words[0], SortBy: listed, SortOrder: order.SortOrder };
    return [...notes, ...loop("sagemaker", "list_training_jobs", given, "TrainingJobSummaries", "job", [...having(said.words, "job[\"TrainingJobName\"]"), named("job", "TrainingJob")])];
  }
  return [...notes, ...loop("sagemaker", "search", { Resource: "TrainingJob", SearchExpression: said.expression ?? undefined, ...order }, "Results", "found", [
    "job = found[\"TrainingJob\"]",
    ...having(said.words, "job[\"TrainingJobName\"]"),
    "print(job[\"TrainingJobName\"], job[\"TrainingJobStatus\"], job.get(\"FinalMetricDataList\"))",
  ])];
}

function processingJobs(filter, sort) {
  const { words, marks, conditions } = filter;
  const [status, ...others] = (marks.status ?? []).map((one) => STATUSES.find((known) => known.toLowerCase() === one.toLowerCase()) ?? one);
  const known = status && !others.length && STATUSES.includes(status);
  const by = { created: "CreationTime", name: "Name", status: "Status" }[sort.id];
  const unsaid = [
    ...conditions.map(({ kind, name, operator, value }) => `${kind}.${name} ${operator} ${value}`),
    ...["experiment", "trial", "tuning", "is"].flatMap((mark) => (marks[mark] ?? []).map((one) => `${mark}:${one}`)),
    ...(status && !known ? [`status:${[status, ...others].join(",")}`] : []),
  ];
  const given = { NameContains: words[0], StatusEquals: known ? status : undefined, SortBy: by ?? "CreationTime", SortOrder: sort.descending ? "Descending" : "Ascending" };
  return [...comments(unsaid.map((one) => `${one}: of processing jobs, only names and one status can be asked for`), by ? null : sort.id),
    ...loop("sagemaker", "list_processing_jobs", given, "ProcessingJobSummaries", "job", [...having(words.slice(1), "job[\"ProcessingJobName\"]"), named("job", "ProcessingJob")])];
}

/** Words that a request has no place for, looked for in the answer. */
function having(words, name) {
  return words.length ? [`if not all(word in ${name}.lower() for word in [${words.map((word) => quote(word.toLowerCase())).join(", ")}]):`, "    continue"] : [];
}

/** What code cannot say, as comments: one a line, whatever was typed. */
function comments(unsaid, sort) {
  return [...unsaid, ...(sort ? [`sorted by ${sort}`] : [])].map((one) => `# Not said here: ${one.replace(/\s+/g, " ")}`);
}

/** @param {View} view */
function job({ words: [, name, tab = "metrics"], query }) {
  const describe = `job = ${call("sagemaker.describe_training_job", { TrainingJobName: name })}`;
  const state = "print(job[\"TrainingJobStatus\"], job[\"SecondaryStatus\"], job.get(\"FailureReason\", \"\"))";
  if (tab === "logs") return logs("/aws/sagemaker/TrainingJobs", name, query, [describe, state, ""]);
  if (tab === "metrics") return { services: ["sagemaker", "sagemaker-metrics"], lines: [describe, state, "for metric in job.get(\"FinalMetricDataList\", []):", "    print(metric[\"MetricName\"], metric[\"Value\"])", ...course("job[\"TrainingJobArn\"]", "    ")] };
  if (tab === "files") return { lines: [describe, "for channel in job.get(\"InputDataConfig\", []):", "    print(channel[\"ChannelName\"], channel[\"DataSource\"])", "print(job.get(\"ModelArtifacts\"), job[\"OutputDataConfig\"])"] };
  return tab === "system" ? usage("/aws/sagemaker/TrainingJobs", name, describe, "Training") : whole(describe, "job");
}

/** What the hosts of a job used of the machine, as CloudWatch has it. */
function usage(namespace, name, describe, kind) {
  return { services: ["sagemaker", "cloudwatch"], modules: ["datetime"], lines: [
    describe,
    `start = job.get("${kind}StartTime", job["CreationTime"])`,
    `end = job.get("${kind}EndTime", datetime.datetime.now(datetime.timezone.utc))`,
    "period = 60 * (1 + int((end - start).total_seconds() / 60 / 1440))  # CloudWatch gives 1,440 points at most",
    `for page in ${call("cloudwatch.get_paginator(\"list_metrics\").paginate", { Namespace: namespace })}:`,
    "    for metric in page[\"Metrics\"]:",
    "        hosts = [each[\"Value\"] for each in metric[\"Dimensions\"] if each[\"Name\"] == \"Host\"]",
    `        if hosts and hosts[0].startswith(${quote(`${name}/`)}):`,
    "            found = cloudwatch.get_metric_statistics(",
    "                **metric, StartTime=start, EndTime=end, Period=period, Statistics=[\"Average\", \"Maximum\"]",
    "            )",
    "            print(hosts[0], metric[\"MetricName\"], [(each[\"Average\"], each[\"Maximum\"]) for each in found[\"Datapoints\"]])",
  ] };
}

/** The points of a metric over its steps. @param {string} arn @param {string} pad */
function course(arn, pad) {
  const lines = [
    "query = {",
    "    \"MetricName\": metric[\"MetricName\"],",
    `    "ResourceArn": ${arn},`,
    "    \"MetricStat\": \"Last\",",
    "    \"Period\": \"IterationNumber\",",
    "    \"XAxisType\": \"IterationNumber\",",
    "}",
    "course = metrics.batch_get_metrics(MetricQueries=[query])[\"MetricQueryResults\"][0]",
    "print(list(zip(course[\"XAxisValues\"], course[\"MetricValues\"])))",
  ];
  return lines.map((line) => pad + line);
}

/** @param {View} view */
function processingJob({ words: [, name, tab = "files"], query }) {
  const describe = `job = ${call("sagemaker.describe_processing_job", { ProcessingJobName: name })}`;
  const state = "print(job[\"ProcessingJobStatus\"], job.get(\"FailureReason\", \"\"), job.get(\"ExitMessage\", \"\"))";
  if (tab === "logs") return logs("/aws/sagemaker/ProcessingJobs", name, query, [describe, state, ""]);
  if (tab === "system") return usage("/aws/sagemaker/ProcessingJobs", name, describe, "Processing");
  if (tab !== "files") return whole(describe, "job");
  return { lines: [describe, state, "for part in job.get(\"ProcessingInputs\", []) + job.get(\"ProcessingOutputConfig\", {}).get(\"Outputs\", []):", "    print(part)"] };
}

/** A description, all of it. */
function whole(describe, name) {
  return { modules: ["json"], lines: [describe, `print(json.dumps(${name}, indent=2, default=str))`] };
}

/** The lines of all hosts or of one, those that a search found if there is one. */
function logs(group, name, query, before) {
  const text = query.get("find") ?? "";
  const pattern = query.get("regex") === "1" ? text : text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  const cased = query.get("regex") !== "1" && /[A-Z]/.test(text);
  const prints = text ? [`if re.search(${quote(pattern)}, event["message"]${cased ? "" : ", re.IGNORECASE"}):`, "    print(event[\"message\"])"] : ["print(event[\"message\"])"];
  return { services: ["sagemaker", "logs"], modules: text ? ["re"] : [], lines: [
    ...before,
    `group = ${quote(group)}`,
    `streams = ${call("logs.get_paginator(\"describe_log_streams\").paginate", { logStreamNamePrefix: `${name}/${query.get("host") ?? ""}` }).replace("paginate(", "paginate(logGroupName=group, ")}`,
    "for page in streams:",
    "    for stream in page[\"logStreams\"]:",
    "        print(stream[\"logStreamName\"])",
    "        place = {\"startFromHead\": True}",
    "        while True:",
    "            lines = logs.get_log_events(logGroupName=group, logStreamName=stream[\"logStreamName\"], **place)",
    "            for event in lines[\"events\"]:",
    ...prints.map((line) => `                ${line}`),
    "            if lines[\"nextForwardToken\"] == place.get(\"nextToken\"):",
    "                break  # there is no more",
    "            place[\"nextToken\"] = lines[\"nextForwardToken\"]",
  ] };
}

/** @param {View} view */
function tuningJobs({ query }) {
  return { lines: loop("sagemaker", "list_hyper_parameter_tuning_jobs", { NameContains: query.get("filter") || undefined, ...NEWEST }, "HyperParameterTuningJobSummaries", "job", [named("job", "HyperParameterTuningJob")]) };
}

/** @param {View} view */
function tuningJob({ words: [, name] }) {
  return { lines: [
    `tuning = ${call("sagemaker.describe_hyper_parameter_tuning_job", { HyperParameterTuningJobName: name })}`,
    "print(tuning[\"HyperParameterTuningJobStatus\"], tuning.get(\"BestTrainingJob\", {}).get(\"TrainingJobName\"))",
    ...loop("sagemaker", "list_training_jobs_for_hyper_parameter_tuning_job", { HyperParameterTuningJobName: name, SortBy: "FinalObjectiveMetricValue" }, "TrainingJobSummaries", "job", [
      "print(job[\"TrainingJobName\"], job[\"TunedHyperParameters\"], job.get(\"FinalHyperParameterTuningJobObjectiveMetric\"))",
    ]),
  ] };
}

function experiments() {
  return { lines: loop("sagemaker", "list_experiments", NEWEST, "ExperimentSummaries", "experiment", ["print(experiment[\"ExperimentName\"], experiment[\"CreationTime\"])"]) };
}

const COMPONENT = "print(component[\"TrialComponentName\"], component.get(\"Parameters\"), component.get(\"Metrics\"))";

/** @param {View} view */
function experiment({ words: [, name], query, sort }) {
  const asked = query.get("sort");
  const by = asked ? { id: asked, descending: query.get("up") !== "1" } : sort ?? { id: "created", descending: true };
  return { lines: searched(ofComponents(filterOf(query.get("filter") ?? ""), name), by) };
}

function searched(said, sort) {
  const by = propertyOf(sort.id, "ExperimentTrialComponent");
  const given = { Resource: "ExperimentTrialComponent", SearchExpression: said.expression ?? undefined, SortBy: by ?? "CreationTime", SortOrder: sort.descending ? "Descending" : "Ascending" };
  return [...comments(said.unsaid, by ? null : sort.id), ...loop("sagemaker", "search", given, "Results", "found", ["component = found[\"TrialComponent\"]", COMPONENT])];
}

/** @param {View} view */
function trial({ words: [, name] }) {
  return { lines: [
    `print(${call("sagemaker.describe_trial", { TrialName: name })}["ExperimentName"])`,
    ...loop("sagemaker", "list_trial_components", { TrialName: name, SortBy: "CreationTime", SortOrder: "Ascending" }, "TrialComponentSummaries", "component", [
      "print(component[\"TrialComponentName\"], component.get(\"Status\"), component.get(\"TrialComponentSource\"))",
    ]),
  ] };
}

/** @param {string[]} names */
function components(names) {
  return { lines: [`for name in ${python(names)}:`, "    component = sagemaker.describe_trial_component(TrialComponentName=name)", `    ${COMPONENT}`] };
}

/** Whole trials and experiments are searched for; what was chosen is asked for by name.
 * @param {View} view */
function compare({ query, names }) {
  const chosen = query.getAll("c");
  if (chosen.length) return { lines: components(names ?? chosen).lines };
  const Filters = [["Parents.TrialName", "t"], ["Parents.ExperimentName", "e"]].flatMap(([Name, key]) => query.getAll(key).map((Value) => ({ Name, Operator: "Equals", Value })));
  return { lines: searched({ expression: { Operator: "Or", Filters }, unsaid: [] }, { id: "created", descending: false }) };
}

/** @param {View} view */
function storage({ words: [, bucket], query }) {
  const services = ["s3"];
  if (!bucket) return { services, lines: ["for bucket in s3.list_buckets()[\"Buckets\"]:", "    print(bucket[\"Name\"])"] };
  const [key, member, prefix] = ["key", "member", "prefix"].map((each) => query.get(each) ?? "");
  if (!key) {
    return { services, lines: [
      `pages = ${call("s3.get_paginator(\"list_objects_v2\").paginate", { Bucket: bucket, Prefix: prefix || undefined, Delimiter: "/" })}`,
      "for page in pages:",
      "    for folder in page.get(\"CommonPrefixes\", []):", "        print(folder[\"Prefix\"])",
      "    for found in page.get(\"Contents\", []):", "        print(found[\"Key\"], found[\"Size\"])",
    ] };
  }
  const read = [`found = ${call("s3.get_object", { Bucket: bucket, Key: key })}`, "data = found[\"Body\"].read()"];
  if (!member) return { services, lines: [...read, "print(found[\"ContentType\"], len(data), data[:200])"] };
  return { services, modules: ["io", "tarfile"], lines: [...read, "with tarfile.open(fileobj=io.BytesIO(data)) as archive:", `    part = archive.extractfile(${quote(member)}).read()`, "print(len(part), part[:200])"] };
}

/** What is kept here alone has no operation of AWS's; the page's own source has it.
 * @param {View} view */
function shellLine({ words: [section, name], query, origin }) {
  const version = query.get("version");
  const models = !name ? "models" : version ? `models/${encodeURIComponent(name)}/${version}` : `models?name=${encodeURIComponent(name)}`;
  const calls = query.get("call") ? `calls/${query.get("call")}` : "calls?limit=2000";
  const paths = { models: [models], calls: [calls], settings: ["settings", "doctor"] }[section] ?? [];
  return `${paths.map((path) => `curl -s ${shell(`${origin}/_api/${path}`)}`).join("\n")}\n`;
}
