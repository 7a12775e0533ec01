"""The feeder, alone: what comes out of its pipes, against the definition of what should."""

import contextlib
import fcntl
import gzip
import hashlib
import json
import os
import random
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sagelet.domain.hosts import HostPlan, JobPlan, Pipe
from sagelet.domain.pipes import index_line
from sagelet.execution import feeding
from support.cli import wait_until
from support.recordio import records

FEEDER = "sagelet.execution.feeder"


class Fed:
    """A host with one Pipe channel, ``c``, and its feeder."""

    def __init__(self, folder: Path, **options: object) -> None:
        self.folder = folder
        self.data = folder / "ml" / "input" / "data"
        self.data.mkdir(parents=True, exist_ok=True)
        pipe = Pipe("c", str(folder / "index"), **options)
        self.host = HostPlan("algo-1", str(folder), None, (), {}, (), {}, pipes=(pipe,))
        self.plan = JobPlan("job", "us-east-1", "", None, (self.host,), isolated=False, grace=0)

    def start(self) -> None:
        self.lock = (self.folder / "lock").open("w")
        fcntl.flock(self.lock, fcntl.LOCK_EX)
        feeding.start(self.host, FEEDER, {"lock": self.lock.name})

    def pipe(self, epoch: int) -> Path:
        path = self.data / f"c_{epoch}"
        wait_until(lambda: path.exists() or not feeding.alive(self.host), f"the pipe {path.name}")
        return path

    def read(self, epoch: int) -> bytes:
        return self.pipe(epoch).read_bytes()

    def record(self) -> dict[str, object] | None:
        path = self.folder / "fed.json"
        return json.loads(path.read_bytes()) if path.exists() else None


@contextlib.contextmanager
def feeding_host(folder: Path, items: list[list[tuple[str, ...]]], **options) -> Iterator[Fed]:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "index").write_bytes(b"".join(map(index_line, items)))
    fed = Fed(folder, **options)
    fed.start()
    try:
        yield fed
    finally:
        feeding.end(fed.plan)
        fed.lock.close()
    assert not feeding.alive(fed.host)


def one_file(folder: Path, data: bytes, **options) -> contextlib.AbstractContextManager[Fed]:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "object").write_bytes(data)
    return feeding_host(folder, [[("object", "s3://b/object")]], **options)


sizes = st.sampled_from([0, 1, 3, 4, 1000, 65_536, 65_537, 300_001])
parts = st.one_of(st.tuples(st.just("file"), sizes), st.tuples(st.just("text"), st.text()))


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    items=st.lists(st.lists(parts, min_size=1, max_size=3), min_size=1, max_size=7),
    seed=st.none() | st.integers(0, 99),
    hosts=st.integers(1, 3),
    gzipped=st.booleans(),
    wrapped=st.booleans(),
)
def test_what_comes_out_is_what_the_definition_says(items, seed, hosts, gzipped, wrapped):
    with tempfile.TemporaryDirectory() as place, contextlib.ExitStack() as stack:
        index, whole = [], []
        for number, item in enumerate(items):
            index.append([])
            whole.append([])
            for at, (kind, value) in enumerate(item):
                if kind == "text":
                    index[-1].append((value,))
                    whole[-1].append(value.encode())
                    continue
                data = random.Random(f"{number} {at}").randbytes(value)
                path = Path(place, f"{number}-{at}")
                half = value // 2
                path.write_bytes(
                    gzip.compress(data[:half]) + gzip.compress(data[half:]) if gzipped else data
                )
                index[-1].append((str(path), path.name))
                whole[-1].append(data)
        options = {"seed": seed, "hosts": hosts, "gzipped": gzipped, "wrapped": wrapped}
        fed = [
            stack.enter_context(feeding_host(Path(place, f"h{n}"), index, number=n, **options))
            for n in range(hosts)
        ]
        for epoch in range(2):
            places = list(range(len(items)))
            if seed is not None:
                places.sort(
                    key=lambda p, e=epoch: hashlib.sha256(f"{seed}:{e}:{p}".encode()).digest()
                )
            for number, host in enumerate(fed):
                mine = [part for place in places[number::hosts] for part in whole[place]]
                came = host.read(epoch)
                if wrapped:
                    assert records(came) == mine
                else:
                    assert came == b"".join(mine)


DATA = random.Random(1).randbytes(5_000_000)


def test_a_reader_may_leave_early(tmp_path: Path) -> None:
    with one_file(tmp_path, DATA) as fed:
        for epoch in range(4):
            with fed.pipe(epoch).open("rb", buffering=0) as pipe:
                assert pipe.read(10) == DATA[:10]
            wait_until(lambda e=epoch: not (fed.data / f"c_{e}").exists(), "the end of its name")
        with fed.pipe(4).open("rb"):
            pass  # opened, and nothing read
        assert fed.read(5) == DATA


def test_a_reader_may_leave_epochs_out_and_read_two_at_once(tmp_path: Path) -> None:
    with one_file(tmp_path, DATA) as fed:
        assert fed.read(1) == DATA
        assert fed.read(3) == DATA
        with fed.pipe(4).open("rb") as first, fed.pipe(5).open("rb") as second:
            assert second.read() == DATA
            assert first.read() == DATA
        assert fed.read(0) == DATA
        assert [path.name for path in sorted(fed.data.iterdir())] == ["c_2", "c_6", "c_7"]


def test_pipes_that_nobody_wants_are_given_up_at_last(tmp_path: Path) -> None:
    with one_file(tmp_path, b"data") as fed:
        for epoch in range(1, 40, 2):
            assert fed.read(epoch) == b"data"
        wait_until(lambda: not (fed.data / "c_0").exists(), "the end of the first pipe")
        assert fed.pipe(38).exists()


def test_a_record_too_long_for_one_frame(tmp_path: Path) -> None:
    size = (1 << 29) + 5
    tmp_path.joinpath("object").touch()
    os.truncate(tmp_path / "object", size)
    with feeding_host(tmp_path, [[("object", "o")]], wrapped=True) as fed:
        length, heads = 0, b""
        with fed.pipe(0).open("rb") as pipe:
            while piece := pipe.read(1 << 20):
                length += len(piece)
                heads += piece.replace(b"\0" * 64, b"") if piece.strip(b"\0") else b""
    assert length == size + 2 * 8 + 3
    assert heads.count(bytes.fromhex("0a23d7ce")) == 2


def test_a_packed_record_too_long_to_hold(tmp_path: Path) -> None:
    data = DATA * 5
    with one_file(tmp_path, gzip.compress(data, 1), gzipped=True, wrapped=True) as fed:
        assert records(fed.read(0)) == [data]


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"plain text", "s3://b/object is not gzip ("),
        (b"", "s3://b/object is not gzip (it ends too early)"),
        (gzip.compress(b"x" * 1000)[:-9], "is not gzip (it ends too early)"),
        (gzip.compress(b"x") + b"rest", "s3://b/object is not gzip ("),
        (None, "s3://b/object: No such file or directory"),
    ],
    ids=["text", "empty", "cut off", "more behind it", "gone"],
)
def test_what_cannot_be_streamed_is_said_and_does_not_look_like_the_end(tmp_path, data, says):
    with one_file(tmp_path, data or b"", gzipped=True) as fed:
        if data is None:
            (tmp_path / "object").unlink()
        with fed.pipe(0).open("rb", buffering=0) as pipe:
            wait_until(lambda: fed.record() is not None, "its word")
            os.set_blocking(pipe.fileno(), False)
            while pipe.read(1000):
                pass
            assert pipe.read(1) is None  # and not b"", the end
        assert fed.record()["error"].startswith("channel 'c': ")
        assert says in fed.record()["error"]
        assert feeding.alive(fed.host)


def test_zeros_after_gzip_are_no_data(tmp_path: Path) -> None:
    with one_file(tmp_path, gzip.compress(b"x") + b"\0" * 100_000, gzipped=True) as fed:
        assert fed.read(0) == b"x"


def test_a_link_in_the_place_of_a_pipe_leads_nowhere(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    with one_file(tmp_path / "host", DATA) as fed:
        first = fed.pipe(0)
        fed.pipe(1).rename(fed.data / "aside")
        (fed.data / "c_1").symlink_to(victim)
        with (fed.data / "aside").open("rb") as pipe:
            assert pipe.read() == DATA
        (fed.data / "c_4").symlink_to(victim)
        with fed.pipe(3).open("rb"), first.open("rb"):
            wait_until(lambda: fed.record() is not None, "its word")
        assert "something else is in the place of the pipe c_4" in fed.record()["error"]
    assert victim.read_text() == "precious"


def test_it_ends_with_its_host(tmp_path: Path) -> None:
    with one_file(tmp_path, DATA) as fed:
        fed.pipe(1)
        assert feeding.alive(fed.host)
        fed.lock.close()
        wait_until(lambda: not feeding.alive(fed.host), "its end")
        assert fed.record() == {"error": None}


def test_it_may_be_ended_before_it_began(tmp_path: Path) -> None:
    for number in range(5):
        with one_file(tmp_path / str(number), b"data"):
            pass
