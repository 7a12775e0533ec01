"""Runs in a job: goes on with the run that the job was created in."""

from sagemaker.experiments import load_run

with load_run() as run:
    run.log_parameter("inside", 1)
    for step in range(25):
        run.log_metric("inner", step / 10, step=step)
