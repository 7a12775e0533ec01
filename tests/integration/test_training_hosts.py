"""A training job of two hosts, on every way to run a host: one model, one fate."""

import tarfile
from pathlib import Path

from support.archives import members
from support.cli import Trainer, describe


def test_two_hosts_merge_their_models_with_the_primary_host_first(
    trainer: Trainer, home: Path
) -> None:
    done = trainer.run(
        """
import json, os, socket
here, hosts = os.environ["SM_CURRENT_HOST"], json.loads(os.environ["SM_HOSTS"])
print(hosts, [socket.gethostbyname(h) != "" for h in hosts]
      if "SAGEMAKER_BASE_DIR" not in os.environ else "")
for name in ("shared", here):
    open(os.path.join(os.environ["SM_MODEL_DIR"], name), "w").write(here)
""",
        "--name",
        "pair",
        "--hosts",
        "2",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "algo-1 | ['algo-1', 'algo-2']" in done.stdout
    assert "algo-2 | ['algo-1', 'algo-2']" in done.stdout
    assert "same name is kept, not algo-2's shared" in done.stdout + done.stderr
    archive = home / "models" / "pair" / "1" / "model.tar.gz"
    assert members(archive) == ["algo-1", "algo-2", "shared"]
    with tarfile.open(archive) as tar:
        file = tar.extractfile("shared")
        assert file is not None
        assert file.read() == b"algo-1"


def test_a_failing_host_ends_the_others(trainer: Trainer) -> None:
    done = trainer.run(
        """
import os, sys, time
if os.environ["SM_CURRENT_HOST"] == "algo-2":
    time.sleep(1)
    sys.exit("no more")
time.sleep(600)  # longer than anybody waits for the command
""",
        "--name",
        "fate",
        "--hosts",
        "2",
    )
    assert done.returncode == 1
    assert "algo-2" in describe("fate")["FailureReason"]
