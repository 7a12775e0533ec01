"""Every option of an estimator on an image of one's own: python v2_options.py IMAGE."""

import json
import sys
from pathlib import Path

import sagemaker
from sagemaker.estimator import Estimator
from sagemaker.s3 import S3Downloader, S3Uploader

image = sys.argv[1]
session = sagemaker.Session()
bucket = session.default_bucket()
Path("options").mkdir(exist_ok=True)
Path("options/train.py").write_text(
    """
import json, os, sys, time
assert os.environ["FLAVOUR"] == "of the request"
hyperparameters = json.loads(os.environ["SM_HPS"])
assert hyperparameters == {"depth": 3, "name": "a b", "rate": 0.5, "list": [1, 2]}, hyperparameters
checkpoints = os.listdir("/opt/ml/checkpoints")
assert checkpoints == ["before.txt"], checkpoints
open("/opt/ml/checkpoints/after.txt", "w").write("kept")
for number in range(400):
    print("line", number, flush=True)
    if number % 20 == 0:
        time.sleep(0.5)
print("score=0.25")
open(os.path.join(os.environ["SM_MODEL_DIR"], "model.txt"), "w").write("model")
open(os.path.join(os.environ["SM_OUTPUT_DATA_DIR"], "extra.txt"), "w").write("extra")
"""
)
checkpoints = f"s3://{bucket}/checkpoints/options"
S3Uploader.upload_string_as_file_body("seed", f"{checkpoints}/before.txt")
estimator = Estimator(
    image_uri=image,
    role="arn:aws:iam::123456789012:role/training",
    instance_count=1,
    instance_type="ml.m5.large",
    entry_point="train.py",
    source_dir="options",
    base_job_name="options",
    output_path=f"s3://{bucket}/models",
    hyperparameters={"depth": 3, "name": "a b", "rate": 0.5, "list": [1, 2]},
    environment={"FLAVOUR": "of the request"},
    tags=[{"Key": "team", "Value": "proofs"}],
    metric_definitions=[{"Name": "score", "Regex": "score=([0-9.]+)"}],
    use_spot_instances=True,
    max_run=600,
    max_wait=1200,
    checkpoint_s3_uri=checkpoints,
    volume_size=20,
    max_retry_attempts=2,
)
estimator.fit(wait=True, logs=True)
name = estimator.latest_training_job.name

again = Estimator.attach(name)
assert again.model_data == f"s3://{bucket}/models/{name}/output/model.tar.gz", again.model_data
assert again.use_spot_instances is False or again.use_spot_instances is True
assert again.instance_type == "ml.m5.large"
assert {"Key": "team", "Value": "proofs"} in again.tags, again.tags
hyperparameters = again.hyperparameters()
assert hyperparameters["depth"] in (3, "3"), hyperparameters

job = session.describe_training_job(name)
assert job["EnableManagedSpotTraining"] is True
assert job["StoppingCondition"] == {"MaxRuntimeInSeconds": 600, "MaxWaitTimeInSeconds": 1200}
assert job["CheckpointConfig"]["S3Uri"] == checkpoints
assert job["Environment"] == {"FLAVOUR": "of the request"}
assert S3Downloader.read_file(f"{checkpoints}/after.txt") == "kept"
output = f"s3://{bucket}/models/{name}/output/output.tar.gz"
assert output in S3Downloader.list(f"s3://{bucket}/models/{name}/"), output

# Another job of the same shape on instances that are kept warm.
warm = Estimator(
    image_uri=image,
    role="arn:aws:iam::123456789012:role/training",
    instance_count=1,
    instance_type="ml.m5.large",
    entry_point="quick.py",
    source_dir="options",
    base_job_name="warm",
    keep_alive_period_in_seconds=600,
)
Path("options/quick.py").write_text("print('quick')\n")
warm.fit(logs=False)
kept = session.describe_training_job(warm.latest_training_job.name)
assert kept["ResourceConfig"]["KeepAlivePeriodInSeconds"] == 600
assert kept["WarmPoolStatus"]["Status"] == "Available", kept
session.update_training_job(
    warm.latest_training_job.name, resource_config={"KeepAlivePeriodInSeconds": 0}
)
kept = session.describe_training_job(warm.latest_training_job.name)
assert kept["WarmPoolStatus"]["Status"] == "Terminated", kept
print(json.dumps({"name": name}))
