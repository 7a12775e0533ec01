"""Every input a TrainingInput can ask for: python v2_inputs.py IMAGE."""

import json
import sys
from pathlib import Path

import sagemaker
from sagemaker.estimator import Estimator
from sagemaker.inputs import ShuffleConfig, TrainingInput
from sagemaker.instance_group import InstanceGroup
from sagemaker.s3 import S3Uploader

image = sys.argv[1]
session = sagemaker.Session()
data = f"s3://{session.default_bucket()}/inputs"
for number in range(6):
    S3Uploader.upload_string_as_file_body(f"{number};", f"{data}/parts/{number}")
lines = [json.dumps({"source-ref": f"{data}/parts/{n}", "label": f"is {n}"}) for n in (4, 1)]
S3Uploader.upload_string_as_file_body("\n".join(lines), f"{data}/lines.manifest")

Path("inputs").mkdir(exist_ok=True)
Path("inputs/train.py").write_text(
    """
import json, os
data = "/opt/ml/input/data/"
config = json.load(open("/opt/ml/input/config/inputdataconfig.json"))
host = os.environ["SM_CURRENT_HOST"]
found = {"host": host, "channels": sorted(config)}
for name in ("files", "small"):
    if name in config:
        found[name] = sorted(os.listdir(data + name))
if "lines" in config:
    found["lines"] = open(data + "lines_0", "rb").read().hex()
if "epochs" in config:
    found["epochs"] = [open(data + f"epochs_{n}").read() for n in range(2)]
print("found", json.dumps(found), flush=True)
"""
)
estimator = Estimator(
    image_uri=image,
    role="arn:aws:iam::123456789012:role/training",
    instance_groups=[
        InstanceGroup("first", "ml.m5.large", 2),
        InstanceGroup("second", "ml.m5.large", 1),
    ],
    entry_point="train.py",
    source_dir="inputs",
    base_job_name="inputs",
)
estimator.fit(
    {
        "files": TrainingInput(f"{data}/parts/", distribution="ShardedByS3Key"),
        "small": TrainingInput(f"{data}/parts/", instance_groups=["second"], input_mode="File"),
        "epochs": TrainingInput(
            f"{data}/parts/",
            distribution="ShardedByS3Key",
            instance_groups=["first"],
            input_mode="Pipe",
            shuffle_config=ShuffleConfig(7),
        ),
        "lines": TrainingInput(
            f"{data}/lines.manifest",
            s3_data_type="AugmentedManifestFile",
            attribute_names=["label", "source-ref"],
            record_wrapping="RecordIO",
            input_mode="Pipe",
        ),
    }
)
