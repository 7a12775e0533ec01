"""Metric files of trackers: every point once, whatever else lies in the folder."""

import json
import math
import os

import pytest

from sagelet.domain.metrics import Datum
from sagelet.engine.metric_files import MetricFiles, point


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "ml/output/metrics/sagemaker"
    place.mkdir(parents=True)
    return place


@pytest.fixture
def files(tmp_path, folder):
    return MetricFiles(tmp_path)


def line(name, value, step=None, time=1.0):
    record = {"MetricName": name, "Value": value, "Timestamp": time}
    return json.dumps(record | ({} if step is None else {"IterationNumber": step}))


def test_each_point_is_read_once(files, folder):
    path = folder / "7.json"
    assert files.read() == []
    path.write_text(line("a", 1, 0) + "\n" + line("a", 2, 1)[:10])
    assert files.read() == [Datum("a", 1.0, 1.0, 0)]
    assert files.read() == []
    with path.open("a") as file:
        file.write(line("a", 2, 1)[10:] + "\n" + line("b", 3))
    assert files.read() == [Datum("a", 2.0, 1.0, 1)]
    (folder / "8.json").write_text(line("c", 4) + "\n")
    assert files.read(whole=True) == [Datum("b", 3.0, 1.0), Datum("c", 4.0, 1.0)]
    assert files.read(whole=True) == []


def test_long_files_are_read_whole(files, folder):
    lines = [line("m" * 200, number, number) for number in range(12_000)]
    (folder / "1.json").write_text("\n".join(lines) + "\n")
    assert [datum.step for datum in files.read()] == list(range(12_000))


def test_a_line_without_end_stops_nothing(files, folder):
    (folder / "1.json").write_bytes(b"x" * 3_000_000 + b"\n" + line("m", 1).encode() + b"\n")
    assert files.read() == [Datum("m", 1.0, 1.0)]


def test_no_link_and_no_pipe_is_followed(files, folder, tmp_path):
    (tmp_path / "secret.json").write_text(line("m", 1) + "\n")
    (folder / "1.json").symlink_to(tmp_path / "secret.json")
    os.mkfifo(folder / "2.json")
    (folder / "3.json").mkdir()
    (folder / "4.txt").write_text(line("m", 1) + "\n")
    assert files.read(whole=True) == []


def test_a_folder_that_is_a_link_is_not_read(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/1.json").write_text(line("m", 1) + "\n")
    (tmp_path / "ml/output/metrics").mkdir(parents=True)
    (tmp_path / "ml/output/metrics/sagemaker").symlink_to(tmp_path / "elsewhere")
    assert MetricFiles(tmp_path).read(whole=True) == []


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
def test_what_is_no_number_survives(value):
    assert repr(point(line("m", value).encode()).value) == repr(value)


@pytest.mark.parametrize(
    "text",
    [
        "", "{", "[]", "7", "null", '{"MetricName": "m"}', line("", 1), line("m" * 256, 1),
        line("m", "high"), line("m", None), line("m", 1, -1), line("m", 1, 2**63),
        line("m", 1, time=math.nan), '{"MetricName": "m", "Value": 1, "Timestamp": {}}',
        "[" * 100_000,
    ],
)  # fmt: skip
def test_other_lines_are_passed_over(text):
    assert point(text.encode()) is None
