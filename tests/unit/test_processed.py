"""The outputs of a processing job on their way to a folder of this machine."""

import pytest

from sagelet.domain.lifecycle import begin
from sagelet.domain.processing import ProcessingJob
from sagelet.domain.processing_hosts import plan
from sagelet.engine.processed import Processed

PLACE = "/opt/ml/processing"


@pytest.fixture
def outputs_of(tmp_path):
    """``outputs_of(job)``: its outputs, which go to the folder ``out``, and each host's folder."""

    def make(name="split", hosts=2):
        target = {"S3Uri": f"file://{tmp_path}/out", "LocalPath": f"{PLACE}/o"}
        request = {
            "ProcessingJobName": name,
            "AppSpecification": {"ImageUri": "mine:1"},
            "ProcessingResources": {"ClusterConfig": {"InstanceCount": hosts}},
            "ProcessingOutputConfig": {
                "Outputs": [{"OutputName": "o", "S3Output": {**target, "S3UploadMode": "EndOfJob"}}]
            },
        }
        job = ProcessingJob(request, "123456789012", "eu-west-1", 100.0, begin(100.0))
        planned = plan(job, str(tmp_path / name), {})
        folders = [tmp_path / name / host.name / "ml/processing/o" for host in planned.hosts]
        for folder in folders:
            folder.mkdir(parents=True)
        made = Processed(job, planned, tmp_path / name, None)
        made.begin()
        return made, folders

    return make


def test_the_last_host_s_file_of_a_name_stays(outputs_of, tmp_path):
    made, folders = outputs_of()
    for number, folder in enumerate(folders, start=1):
        (folder / "both").write_text(str(number))
        (folder / f"own-{number}").write_text(str(number))
    made.finish()
    found = {path.name: path.read_text() for path in (tmp_path / "out").iterdir()}
    assert found == {"both": "2", "own-1": "1", "own-2": "2"}


def test_a_name_may_be_as_long_as_a_name_can_be(outputs_of, tmp_path):
    made, folders = outputs_of(hosts=1)
    name = "é" * 127
    (folders[0] / name).write_text("whole")
    made.finish()
    assert (tmp_path / "out" / name).read_text() == "whole"
