"""kill -9 while many clients write metrics: whatever was acknowledged is there, once."""

import threading
from pathlib import Path

import boto3
import botocore.exceptions
import pytest
from botocore.config import Config

from sagelet.store import open_store
from support.serve import Plane

WRITERS = 16
ROUNDS = 3


class Writer:
    """Writes batches to a component of its own until the server dies."""

    def __init__(self, plane: Plane, number: int) -> None:
        self.name = f"writer-{number}"
        self.acknowledged = self.sent = 0
        self.busy = threading.Event()
        self._client = boto3.client(
            "sagemaker-metrics",
            endpoint_url=plane.url,
            region_name=plane.env["AWS_REGION"],
            aws_access_key_id=plane.env["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=plane.env["AWS_SECRET_ACCESS_KEY"],
            config=Config(retries={"total_max_attempts": 1}),
        )

    def run(self) -> None:
        try:
            while True:
                self.sent += 10
                self._client.batch_put_metrics(
                    TrialComponentName=self.name,
                    MetricData=[
                        {"MetricName": "loss", "Timestamp": 1.7e9, "Step": step, "Value": step / 2}
                        for step in range(self.sent - 10, self.sent)
                    ],
                )
                self.acknowledged = self.sent
                if self.acknowledged == 50:
                    self.busy.set()
        except botocore.exceptions.BotoCoreError:
            pass


@pytest.fixture
def plane(tmp_path: Path) -> Plane:
    return Plane(tmp_path)


def test_acknowledged_metrics_outlive_kill_9(plane: Plane) -> None:
    try:
        writers: list[Writer] = []
        for number in range(ROUNDS):
            if number:
                plane.start()
            client = boto3.client(
                "sagemaker",
                endpoint_url=plane.url,
                region_name=plane.env["AWS_REGION"],
                aws_access_key_id=plane.env["AWS_ACCESS_KEY_ID"],
                aws_secret_access_key=plane.env["AWS_SECRET_ACCESS_KEY"],
            )
            fresh = [Writer(plane, number * WRITERS + index) for index in range(WRITERS)]
            for writer in fresh:
                client.create_trial_component(TrialComponentName=writer.name)
            threads = [threading.Thread(target=writer.run) for writer in fresh]
            for thread in threads:
                thread.start()
            for writer in fresh:
                assert writer.busy.wait(60)
            plane.process.kill()
            plane.process.wait()
            for thread in threads:
                thread.join()
            writers += fresh
        check(plane.home, plane.env["AWS_REGION"], writers)
    finally:
        plane.process.kill()
        plane.process.wait()


def check(home: Path, region: str, writers: list[Writer]) -> None:
    store = open_store(home, region)
    for writer in writers:
        arn = f"arn:aws:sagemaker:{region}:123456789012:experiment-trial-component/{writer.name}"
        points = store.trial_components.points(arn, "loss")
        assert points is not None
        assert len(points) in (writer.acknowledged, writer.sent)
        assert points == [(step / 2, 1.7e9, step) for step in range(len(points))]
        ((_, summary),) = store.trial_components.get(writer.name, "123456789012").metrics
        assert (summary.count, summary.greatest) == (len(points), (len(points) - 1) / 2)
    store.database.close()
