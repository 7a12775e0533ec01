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
  return JSON.stringify(text).replace(/[\u007f-\u{10ffff}]/gu, (each) => {
    const code = each.codePointAt(0) ?? 0;
    return code > 0xffff ? `\\U${code.toString(16).padStart(8, "0")}` : `\\u${code.toString(16).padStart(4, "0")}`;
  });
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

/** The members of a request that `sdk` says; what else it has is named in a comment. */
const SAID = new Set(["TrainingJobName", "AlgorithmSpecification", "ResourceConfig", "HyperParameters", "RoleArn", "Environment", "OutputDataConfig", "StoppingCondition", "EnableManagedSpotTraining", "InputDataConfig",
  "CheckpointConfig", "VpcConfig", "Tags", "EnableNetworkIsolation", "EnableInterContainerTrafficEncryption", "RetryStrategy", "ExperimentConfig"]);

/** @param {any} request @param {string} region @param {string} name */
export function sdk(request, region, name) {
  const algorithm = request.AlgorithmSpecification ?? {};
  const resources = request.ResourceConfig ?? {};
  const all = request.HyperParameters ?? {};
  const own = Object.fromEntries(Object.entries(all).filter(([key]) => !key.startsWith("sagemaker_")));
  const text = (/** @type {string} */ key) => unquoted(all[key]);
  const groups = resources.InstanceGroups ?? [];
  const output = request.OutputDataConfig ?? {};
  const stopping = request.StoppingCondition ?? {};
  const script = text("sagemaker_program");
  const source = text("sagemaker_submit_directory");
  const lines = [
    `image_uri=${quote(algorithm.TrainingImage ?? "")}`,
    `role=${quote(request.RoleArn ?? "")}`,
    groups.length ? `instance_groups=[${groups.map((/** @type {any} */ each) => `InstanceGroup(${quote(each.InstanceGroupName)}, ${quote(each.InstanceType)}, ${each.InstanceCount})`).join(", ")}]` : `instance_type=${quote(resources.InstanceType ?? "local")}`,
    groups.length ? "" : `instance_count=${resources.InstanceCount ?? 1}`,
    resources.VolumeSizeInGB ? `volume_size=${resources.VolumeSizeInGB}` : "",
    script ? `entry_point=${quote(script)}` : "",
    source ? `source_dir=${quote(source)}` : "",
    Object.keys(own).length ? `hyperparameters=${python(own, 1)}` : "",
    algorithm.MetricDefinitions ? `metric_definitions=${python(algorithm.MetricDefinitions, 1)}` : "",
    request.Environment ? `environment=${python(request.Environment, 1)}` : "",
    output.S3OutputPath ? `output_path=${quote(output.S3OutputPath)}` : "",
    ...[
      ["output_kms_key", output.KmsKeyId], ["volume_kms_key", resources.VolumeKmsKeyId], ["keep_alive_period_in_seconds", resources.KeepAlivePeriodInSeconds],
      ["input_mode", algorithm.TrainingInputMode === "File" ? undefined : algorithm.TrainingInputMode], ["container_entry_point", algorithm.ContainerEntrypoint], ["container_arguments", algorithm.ContainerArguments],
      ["checkpoint_s3_uri", request.CheckpointConfig?.S3Uri], ["checkpoint_local_path", request.CheckpointConfig?.LocalPath],
      ["subnets", request.VpcConfig?.Subnets], ["security_group_ids", request.VpcConfig?.SecurityGroupIds], ["tags", request.Tags?.length ? request.Tags : undefined],
      ["enable_network_isolation", request.EnableNetworkIsolation || undefined], ["encrypt_inter_container_traffic", request.EnableInterContainerTrafficEncryption || undefined], ["max_retry_attempts", request.RetryStrategy?.MaximumRetryAttempts],
    ].map(([argument, value]) => (value === undefined || value === null ? "" : `${argument}=${python(value, 1)}`)),
    stopping.MaxRuntimeInSeconds ? `max_run=${stopping.MaxRuntimeInSeconds}` : "",
    request.EnableManagedSpotTraining ? "use_spot_instances=True" : "",
    stopping.MaxWaitTimeInSeconds ? `max_wait=${stopping.MaxWaitTimeInSeconds}` : "",
    "sagemaker_session=session",
  ].filter(Boolean);
  const channels = (request.InputDataConfig ?? []).filter((/** @type {any} */ each) => each.DataSource?.S3DataSource);
  const inputs = channels.map((/** @type {any} */ each) => `    ${quote(each.ChannelName)}: ${input(each)},\n`).join("");
  const left = [
    ...Object.keys(request).filter((each) => !SAID.has(each)),
    ...(request.InputDataConfig ?? []).filter((/** @type {any} */ each) => !channels.includes(each)).map((/** @type {any} */ each) => `channel ${each.ChannelName}`),
    ...(algorithm.AlgorithmName ? ["AlgorithmName"] : []),
  ];
  const fit = [
    ...(inputs ? [`{\n${inputs}}`] : []), `job_name=${quote(name)}`,
    ...(request.ExperimentConfig ? [`experiment_config=${python(request.ExperimentConfig)}`] : []),
  ].join(", ");
  return `import boto3\nimport sagemaker\nfrom sagemaker.estimator import Estimator\n${/: TrainingInput\(/.test(inputs) ? `from sagemaker.inputs import ${inputs.includes("=ShuffleConfig(") ? "ShuffleConfig, " : ""}TrainingInput\n` : ""}${groups.length ? "from sagemaker.instance_group import InstanceGroup\n" : ""}
session = sagemaker.Session(boto3.Session(region_name=${quote(region)}))
${left.length ? `# Left out, which this code has no argument for: ${left.join(", ").replace(/[^\x20-\x7e]/g, "?")}\n` : ""}estimator = Estimator(\n${lines.map((each) => `    ${each},\n`).join("")})\nestimator.fit(${fit})\n`;
}

/** A channel as the SDK takes it: its address, or that with what else was said of it. @param {any} channel */
function input(channel) {
  const source = channel.DataSource.S3DataSource;
  const said = [
    ["distribution", source.S3DataDistributionType === "FullyReplicated" ? undefined : source.S3DataDistributionType], ["s3_data_type", source.S3DataType === "S3Prefix" ? undefined : source.S3DataType],
    ["attribute_names", source.AttributeNames], ["instance_groups", source.InstanceGroupNames], ["content_type", channel.ContentType], ["input_mode", channel.InputMode],
    ["compression", channel.CompressionType === "None" ? undefined : channel.CompressionType], ["record_wrapping", channel.RecordWrapperType === "None" ? undefined : channel.RecordWrapperType],
  ].filter(([, value]) => value !== undefined && value !== null && value.length !== 0).map(([argument, value]) => `, ${argument}=${python(value, 1)}`);
  if (channel.ShuffleConfig) said.push(`, shuffle_config=ShuffleConfig(${channel.ShuffleConfig.Seed})`);
  return said.length ? `TrainingInput(${quote(source.S3Uri)}${said.join("")})` : quote(source.S3Uri ?? "");
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
