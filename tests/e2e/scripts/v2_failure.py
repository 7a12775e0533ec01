"""What a failure and a stop look like: python v2_failure.py IMAGE."""

import json
import sys
import time
from pathlib import Path

import sagemaker
from sagemaker.estimator import Estimator
from sagemaker.exceptions import UnexpectedStatusException

image = sys.argv[1]
session = sagemaker.Session()
Path("failure").mkdir(exist_ok=True)
Path("failure/bad.py").write_text("raise ValueError('the seventh layer is missing')\n")
Path("failure/long.py").write_text("import time\nprint('up', flush=True)\ntime.sleep(900)\n")


def estimator(program):
    return Estimator(
        image_uri=image,
        role=sagemaker.get_execution_role(),
        instance_count=1,
        instance_type="ml.m5.large",
        entry_point=program,
        source_dir="failure",
        base_job_name=program.partition(".")[0],
    )


bad = estimator("bad.py")
try:
    bad.fit()
except UnexpectedStatusException as error:
    said = str(error)
    assert error.actual_status == "Failed", error.actual_status
else:
    raise AssertionError("a failure passed for a success")

long = estimator("long.py")
long.fit(wait=False)
name = long.latest_training_job.name
while session.describe_training_job(name)["SecondaryStatus"] != "Training":
    time.sleep(0.5)
long.latest_training_job.stop()
long.latest_training_job.wait(logs="None")
stopped = session.describe_training_job(name)
print(json.dumps({"said": said, "stopped": stopped["TrainingJobStatus"]}))
