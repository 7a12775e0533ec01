"""Processors of one's own image: python v2_processing.py IMAGE."""

import json
import sys
import time
from pathlib import Path

import sagemaker
from sagemaker.network import NetworkConfig
from sagemaker.processing import (
    ProcessingInput,
    ProcessingJob,
    ProcessingOutput,
    Processor,
    ScriptProcessor,
)
from sagemaker.s3 import S3Downloader, S3Uploader

image = sys.argv[1]
session = sagemaker.Session()
client = session.sagemaker_client
role = "arn:aws:iam::123456789012:role/processing"
bucket = session.default_bucket()
data = f"s3://{bucket}/parts"
for number in range(4):
    S3Uploader.upload_string_as_file_body(f"{number}", f"{data}/{number}.txt")

# Two hosts, each with a part of the data, that write while they run.
Path("count.py").write_text(
    """
import json, os, sys
place = "/opt/ml/processing"
host = json.load(open("/opt/ml/config/resourceconfig.json"))["current_host"]
names = sorted(os.listdir(place + "/input/parts"))
print(host, names, sys.argv[1:], os.environ["FLAVOUR"])
for name in names:
    open(f"{place}/output/{name}", "w").write(host)
open("/opt/ml/output/message", "w").write(host + " is done. ")
"""
)
script = ScriptProcessor(
    image_uri=image,
    command=["python3"],
    role=role,
    instance_type="ml.m5.large",
    instance_count=2,
    volume_size_in_gb=10,
    max_runtime_in_seconds=600,
    base_job_name="count",
    env={"FLAVOUR": "sour"},
    tags=[{"Key": "team", "Value": "proofs"}],
    network_config=NetworkConfig(enable_network_isolation=True),
)
script.run(
    code="count.py",
    inputs=[
        ProcessingInput(
            source=data,
            destination="/opt/ml/processing/input/parts",
            s3_data_distribution_type="ShardedByS3Key",
        )
    ],
    outputs=[
        ProcessingOutput(
            source="/opt/ml/processing/output",
            destination=f"s3://{bucket}/counted",
            s3_upload_mode="Continuous",
        )
    ],
    arguments=["--strict", "yes"],
)
counted = script.latest_job.describe()
hosts = {S3Downloader.read_file(uri) for uri in S3Downloader.list(f"s3://{bucket}/counted")}
attached = ProcessingJob.from_processing_name(session, counted["ProcessingJobName"])
assert attached.outputs[0].destination == f"s3://{bucket}/counted"
assert counted["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]["S3UploadMode"] == "Continuous"

# The image's own program, streamed data.
plain = Processor(
    image_uri=image,
    entrypoint=["/bin/sh", "-c", "cat /opt/ml/processing/lines_0 > /opt/ml/processing/all/text"],
    role=role,
    instance_type="ml.m5.large",
    instance_count=1,
)
plain.run(
    inputs=[
        ProcessingInput(source=data, destination="/opt/ml/processing/lines", s3_input_mode="Pipe")
    ],
    outputs=[ProcessingOutput(output_name="all", source="/opt/ml/processing/all")],
    logs=False,
)
where = plain.latest_job.describe()["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]["S3Uri"]

# One that fails, and one that is stopped.
Path("fail.py").write_text(
    "open('/opt/ml/output/message', 'w').write('the third column is missing')\nraise SystemExit(3)"
)
script.instance_count, said = 1, ""
try:
    script.run(code="fail.py")
except sagemaker.exceptions.UnexpectedStatusException as error:
    said = str(error)
failed = script.latest_job.describe()
Path("sleep.py").write_text(
    "import signal, sys, time\n"
    "signal.signal(signal.SIGTERM, lambda *_: sys.exit())\n"  # as process 1, else not heard
    "time.sleep(600)\n"
)
script.run(code="sleep.py", wait=False)
name = script.latest_job.job_name
while "ProcessingStartTime" not in client.describe_processing_job(ProcessingJobName=name):
    time.sleep(0.2)
script.latest_job.stop()
client.get_waiter("processing_job_completed_or_stopped").wait(
    ProcessingJobName=name, WaiterConfig={"Delay": 1}
)

refused = ""
try:
    plain.run(
        inputs=[ProcessingInput(source=data, destination="/opt/ml/processing/same")],
        outputs=[ProcessingOutput(source="/opt/ml/processing/same")],
        logs=False,
    )
except client.exceptions.ClientError as error:
    refused = str(error)
print()  # after the SDK's dots
print(
    json.dumps(
        {
            "exit": counted["ExitMessage"],
            "hosts": sorted(hosts),
            "text": S3Downloader.read_file(f"{where}/text"),
            "said": said,
            "failed": [failed["FailureReason"], failed["ExitMessage"]],
            "stopped": script.latest_job.describe()["ProcessingJobStatus"],
            "refused": refused,
            "listed": [
                each["ProcessingJobStatus"]
                for each in client.list_processing_jobs(
                    NameContains="count", SortBy="CreationTime", SortOrder="Ascending"
                )["ProcessingJobSummaries"]
            ],
        }
    )
)
