"""The third generation's processors: python v3_processing.py IMAGE JOBS."""

import json
import sys
from pathlib import Path

import people
from sagemaker.core.helper.session_helper import Session, get_execution_role
from sagemaker.core.processing import FrameworkProcessor, ScriptProcessor
from sagemaker.core.s3 import S3Downloader
from sagemaker.core.shapes import (
    ProcessingInput,
    ProcessingOutput,
    ProcessingS3Input,
    ProcessingS3Output,
)

image, jobs = sys.argv[1], Path(sys.argv[2])
session = Session()
role = get_execution_role()
people.write(Path("people.csv"))
raw = session.upload_data(path="people.csv", key_prefix="people")
bucket = session.default_bucket()


def source(name: str, uri: str, place: str) -> ProcessingInput:
    return ProcessingInput(
        input_name=name,
        s3_input=ProcessingS3Input(
            s3_uri=uri,
            local_path=f"/opt/ml/processing/{place}",
            s3_data_type="S3Prefix",
            s3_input_mode="File",
        ),
    )


def target(name: str) -> ProcessingOutput:
    return ProcessingOutput(
        output_name=name,
        s3_output=ProcessingS3Output(
            s3_uri=f"s3://{bucket}/third/{name}",
            local_path=f"/opt/ml/processing/{name}",
            s3_upload_mode="EndOfJob",
        ),
    )


script = ScriptProcessor(
    role=role,
    image_uri=image,
    instance_count=1,
    instance_type="ml.m5.large",
    sagemaker_session=session,
)
script.run(
    code=str(jobs / "prepare.py"),
    inputs=[source("raw", raw, "input")],
    outputs=[target("train"), target("test")],
    arguments=["--train-test-split-ratio", "0.25"],
)

place = Path("columns")
place.mkdir(exist_ok=True)
(place / "requirements.txt").write_text("inflection==0.5.1\n")
(place / "columns.py").write_text(
    """
import inflection, json
import pandas as pd
table = pd.read_csv("/opt/ml/processing/train/train.csv")
print("counted", inflection.pluralize("column"))
json.dump(len(table.columns), open("/opt/ml/processing/counted/columns.json", "w"))
"""
)
framework = FrameworkProcessor(
    role=role,
    image_uri=image,
    instance_count=1,
    instance_type="ml.m5.large",
    sagemaker_session=session,
    base_job_name="columns",
)
framework.run(
    code="columns.py",
    source_dir=str(place),
    requirements="requirements.txt",
    inputs=[source("train", f"s3://{bucket}/third/train", "train")],
    outputs=[target("counted")],
)
print(
    json.dumps(
        {
            "columns": json.loads(
                S3Downloader.read_file(
                    f"s3://{bucket}/third/counted/columns.json", sagemaker_session=session
                )
            ),
            "status": [
                session.sagemaker_client.describe_processing_job(
                    ProcessingJobName=processor.latest_job.processing_job_name
                )["ProcessingJobStatus"]
                for processor in (script, framework)
            ],
        }
    )
)
