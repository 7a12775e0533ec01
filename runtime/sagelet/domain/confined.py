"""What a job in a container may ask for: nothing that reaches beyond containers and objects."""

from sagelet.domain.channels import FILE_SCHEME
from sagelet.domain.errors import ValidationException
from sagelet.domain.jobs import Job
from sagelet.domain.processing import ProcessingJob
from sagelet.domain.rules import submit_directory
from sagelet.domain.training import TrainingJob


def check_confined(job: Job) -> None:
    """Refuse a request of a job that names files of this machine or asks to run outside Docker.

    Raises:
        ValidationException: names the member.
    """
    uris = {f"{channel.what} '{channel.name}'": channel.uri for channel in job.channels}
    if isinstance(job, TrainingJob):
        uris["OutputDataConfig.S3OutputPath"] = job.output_uri
        uris["CheckpointConfig.S3Uri"] = job.checkpoints[0] if job.checkpoints else ""
        uris["HyperParameters.sagemaker_submit_directory"] = submit_directory(job) or ""
    if isinstance(job, ProcessingJob):
        uris |= {f"output '{output.name}'": output.uri for output in job.outputs}
    for where, uri in uris.items():
        if uri.startswith(FILE_SCHEME):
            raise ValidationException(
                f"{where}: {uri}: a job may not name files of the machine; use s3://."
            )
    if job.options.backend == "process" or job.options.python is not None:
        raise ValidationException(
            "Tags: a job may only start jobs in containers; leave sagelet:backend and "
            "sagelet:python out."
        )
