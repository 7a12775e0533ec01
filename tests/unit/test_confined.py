"""What a job that runs in a container may ask for."""

import pytest

from sagelet.domain.confined import check_confined
from sagelet.domain.errors import ValidationException

OBJECTS = {"S3OutputPath": "s3://bucket/out"}


def confined(job_of, **members):
    check_confined(job_of(**{"OutputDataConfig": OBJECTS, **members}))


def test_objects_are_fine(job_of, channel_of):
    confined(
        job_of,
        InputDataConfig=[channel_of("a", "s3://bucket/a")],
        CheckpointConfig={"S3Uri": "s3://bucket/c"},
        HyperParameters={"sagemaker_submit_directory": '"s3://bucket/code.tar.gz"', "x": "file://"},
        Tags=[{"Key": "sagelet:backend", "Value": "docker"}],
    )


@pytest.mark.parametrize(
    ("members", "where"),
    [
        ({"OutputDataConfig": {"S3OutputPath": "file:///out"}}, "OutputDataConfig.S3OutputPath"),
        ({"CheckpointConfig": {"S3Uri": "file:///c"}}, "CheckpointConfig.S3Uri"),
        ({"HyperParameters": {"sagemaker_submit_directory": "file:///c"}}, "HyperParameters."),
        ({"HyperParameters": {"sagemaker_submit_directory": '"file:///c"'}}, "HyperParameters."),
        ({"HyperParameters": {"sagemaker_submit_directory": r'"\u0066ile:///c"'}}, "HyperParam"),
    ],
)
def test_files_of_the_machine_are_not(job_of, members, where):
    with pytest.raises(ValidationException, match=f"^{where}.*use s3://"):
        confined(job_of, **members)


def test_nor_in_any_channel(job_of, channel_of):
    channels = [channel_of("a", "s3://bucket/a"), channel_of("b", "file:///etc")]
    with pytest.raises(ValidationException, match=r"^channel 'b'.*use s3://"):
        confined(job_of, InputDataConfig=channels)


@pytest.mark.parametrize(("option", "value"), [("backend", "process"), ("python", "/usr/bin/x")])
def test_nor_is_leaving_docker(job_of, option, value):
    with pytest.raises(ValidationException, match="only start jobs in containers"):
        confined(job_of, Tags=[{"Key": f"sagelet:{option}", "Value": value}])
