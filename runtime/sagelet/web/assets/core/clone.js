// @ts-check
// A job's request as code that makes it again: boto3, the SageMaker SDK, the command line. Pure.

/** @param {any} value @param {number} [depth] */
export function python(value, depth = 0) {
  const pad = "    ".repeat(depth + 1);
  const end = "    ".repeat(depth);
  if (value === null || value === undefined) return "None";
  if (value === true) return "True";
  if (value === false) return "False";
  if (typeof value === "number") return String(value);
  if (typeof value === "string") return quote(value);
  if (Array.isArray(value)) {
    if (!value.length) return "[]";
    return `[\n${value.map((each) => `${pad}${python(each, depth + 1)},\n`).join("")}${end}]`;
  }
  const entries = Object.entries(value);
  if (!entries.length) return "{}";
  return `{\n${entries.map(([key, each]) => `${pad}${quote(key)}: ${python(each, depth + 1)},\n`).join("")}${end}}`;
}

/** A Python text. @param {string} text */
export function quote(text) {
  return JSON.stringify(text).replace(/[\u007f-\uffff]/g, (each) => `\\u${each.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** @param {string} name a name that is not taken: the old one and the time */
export function fresh(name, now = new Date()) {
  const base = name.replace(/-\d{4}-\d{2}-\d{2}-\d{2}-\d{2}-\d{2}(-\d{3})?$/, "").slice(0, 43);
  return `${base}-${now.toISOString().slice(0, 19).replace(/[T:]/g, "-")}`;
}

/** Of each kind of job: the member with its name, its operation in boto3 and in the AWS CLI. */
const OPERATIONS = {
  training: ["TrainingJobName", "create_training_job", "create-training-job"],
  processing: ["ProcessingJobName", "create_processing_job", "create-processing-job"],
};

/** @param {any} request @param {string} region @param {string} name @param {"training"|"processing"} [kind] */
export function boto3(request, region, name, kind = "training") {
  const [member, operation] = OPERATIONS[kind];
  const members = Object.entries({ ...request, [member]: name });
  const body = members.map(([key, value]) => `    ${key}=${python(value, 1)},\n`).join("");
  return `import boto3\n\nsagemaker = boto3.client("sagemaker", region_name=${quote(region)})\nsagemaker.${operation}(\n${body})\n`;
}

/** @param {any} request @param {string} region @param {string} name */
export function sdk(request, region, name) {
  const algorithm = request.AlgorithmSpecification ?? {};
  const resources = request.ResourceConfig ?? {};
  const all = request.HyperParameters ?? {};
  const own = Object.fromEntries(Object.entries(all).filter(([key]) => !key.startsWith("sagemaker_")));
  const text = (/** @type {string} */ key) => unquoted(all[key]);
  const script = text("sagemaker_program");
  const source = text("sagemaker_submit_directory");
  const lines = [
    `image_uri=${quote(algorithm.TrainingImage ?? "")}`,
    `role=${quote(request.RoleArn ?? "")}`,
    resources.InstanceGroups ? `instance_groups=${python(resources.InstanceGroups, 1)}` : `instance_type=${quote(resources.InstanceType ?? "local")}`,
    resources.InstanceGroups ? "" : `instance_count=${resources.InstanceCount ?? 1}`,
    resources.VolumeSizeInGB ? `volume_size=${resources.VolumeSizeInGB}` : "",
    script ? `entry_point=${quote(script)}` : "",
    source ? `source_dir=${quote(source)}` : "",
    Object.keys(own).length ? `hyperparameters=${python(own, 1)}` : "",
    algorithm.MetricDefinitions ? `metric_definitions=${python(algorithm.MetricDefinitions, 1)}` : "",
    request.Environment ? `environment=${python(request.Environment, 1)}` : "",
    request.OutputDataConfig?.S3OutputPath ? `output_path=${quote(request.OutputDataConfig.S3OutputPath)}` : "",
    request.StoppingCondition?.MaxRuntimeInSeconds ? `max_run=${request.StoppingCondition.MaxRuntimeInSeconds}` : "",
    request.EnableManagedSpotTraining ? "use_spot_instances=True" : "",
    request.StoppingCondition?.MaxWaitTimeInSeconds ? `max_wait=${request.StoppingCondition.MaxWaitTimeInSeconds}` : "",
    "sagemaker_session=session",
  ].filter(Boolean);
  const inputs = Object.fromEntries((request.InputDataConfig ?? []).map((/** @type {any} */ each) => [each.ChannelName, each.DataSource?.S3DataSource?.S3Uri ?? ""]));
  return `import boto3\nimport sagemaker\nfrom sagemaker.estimator import Estimator\n\nsession = sagemaker.Session(boto3.Session(region_name=${quote(region)}))\nestimator = Estimator(\n${lines.map((each) => `    ${each},\n`).join("")})\nestimator.fit(${Object.keys(inputs).length ? `${python(inputs)}, ` : ""}job_name=${quote(name)})\n`;
}

/** @param {any} request @param {string} region @param {string} name @param {"training"|"processing"} [kind] */
export function aws(request, region, name, kind = "training") {
  const [member, , operation] = OPERATIONS[kind];
  const document = JSON.stringify({ ...request, [member]: name }, null, 2);
  return `aws sagemaker ${operation} --region ${region} --cli-input-json ${shell(document)}\n`;
}

/** @param {string} text */
export function shell(text) {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

/** The SDK writes hyperparameters as JSON. @param {string|undefined} text */
function unquoted(text) {
  if (text === undefined) return "";
  try {
    const value = JSON.parse(text);
    return typeof value === "string" ? value : text;
  } catch {
    return text;
  }
}
