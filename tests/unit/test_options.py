"""Command-line values as members of a request."""

import json
import os
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sagelet.aws.model import load_operation
from sagelet.cli import options
from sagelet.domain.errors import ValidationException
from sagelet.domain.options import read_options
from sagelet.domain.training import base_name
from sagelet.store.home import Home


@pytest.fixture(scope="module")
def job_name_shape(tmp_path_factory):
    operation = load_operation("sagemaker", "CreateTrainingJob", tmp_path_factory.mktemp("cache"))
    return operation.shapes["TrainingJobName"]


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused(call, *arguments):
    with pytest.raises(ValidationException) as caught:
        call(*arguments)
    return str(caught.value)


def test_pairs_split_at_the_first_equals_sign():
    assert options.pairs("--hp", ["a=1", "b=x=y", "c="]) == {"a": "1", "b": "x=y", "c": ""}


@pytest.mark.parametrize("value", ["a", "=1", ""])
def test_a_pair_needs_a_name_and_a_value(value):
    assert refused(options.pairs, "--hp", [value]) == f"--hp {value}: write --hp NAME=VALUE."


def test_a_name_is_given_once():
    assert refused(options.pairs, "--env", ["a=1", "a=2"]) == "--env a is given twice."


PARTS = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1)


@settings(deadline=None)
@given(st.lists(PARTS.filter(lambda part: part not in (".", "..")), min_size=1, max_size=4))
def test_a_path_s_uri_leads_back_to_it(tmp_path_factory, parts):
    place = tmp_path_factory.getbasetemp() / "nowhere"
    path = place.joinpath(*parts)
    if "://" in str(path):
        return
    uri = options.file_uri(path)
    assert re.fullmatch(r"file:///[!-~]+", uri)
    assert Home(tmp_path_factory.getbasetemp() / "uri-home", "eu-west-1").path_of(uri) == path


@pytest.mark.parametrize("name", [b"a b", b"100%", b"%41", "ü".encode(), b"a?b#c", b"\xff\xfe"])
def test_any_file_name_has_a_uri(here, name):
    Path(os.fsdecode(name)).mkdir()
    uri = options.file_uri(os.fsdecode(name))
    assert Home(here / "home", "eu-west-1").path_of(uri).samefile(here / os.fsdecode(name))


@pytest.mark.parametrize("uri", ["s3://bucket/a b", "file:///a%20b", "https://x/y"])
def test_a_uri_stays_as_it_is(uri):
    assert options.file_uri(uri) == uri


def test_relative_and_home_paths_become_absolute(here, monkeypatch):
    monkeypatch.setenv("HOME", str(here / "me"))
    assert options.file_uri("a/../b") == f"file://{here}/b"
    assert options.file_uri("~/data") == f"file://{here}/me/data"
    assert options.file_uri("~nobody-of-that-name/x") == f"file://{here}/~nobody-of-that-name/x"


def test_a_path_in_a_circle_is_still_a_path(here):
    Path("loop").symlink_to("loop")
    assert options.file_uri("loop").startswith("file:///")


def test_channels(here):
    assert options.channels(["training=data", "test=file:///t"]) == [
        {
            "ChannelName": name,
            "DataSource": {
                "S3DataSource": {
                    "S3DataType": "S3Prefix",
                    "S3Uri": uri,
                    "S3DataDistributionType": "FullyReplicated",
                }
            },
        }
        for name, uri in (("training", f"file://{here}/data"), ("test", "file:///t"))
    ]


def test_a_script_alone(here):
    Path("train.py").touch()
    assert options.script_hyperparameters("train.py", None) == {
        "sagemaker_program": '"train.py"',
        "sagemaker_submit_directory": f'"file://{here}/train.py"',
    }


def test_a_script_that_is_a_link_is_named_as_the_file_it_leads_to(here):
    Path("v2.py").touch()
    Path("train.py").symlink_to("v2.py")
    found = options.script_hyperparameters("train.py", None)
    program = json.loads(found["sagemaker_program"])
    assert json.loads(found["sagemaker_submit_directory"]).endswith(f"/{program}")


@pytest.mark.parametrize("script", ["train.py", "src/train.py", "{here}/src/train.py"])
def test_a_script_in_its_source_folder(here, script):
    Path("src").mkdir()
    Path("src/train.py").touch()
    found = options.script_hyperparameters(script.format(here=here), "src")
    assert found == {
        "sagemaker_program": '"train.py"',
        "sagemaker_submit_directory": f'"file://{here}/src"',
    }


def test_a_script_below_its_source_folder_may_be_a_link_out_of_it(here):
    Path("src/deep").mkdir(parents=True)
    Path("shared.py").touch()
    Path("src/deep/train.py").symlink_to("../../shared.py")
    found = options.script_hyperparameters("src/deep/train.py", "src")
    assert found["sagemaker_program"] == '"deep/train.py"'


@pytest.mark.parametrize(
    ("script", "source", "says"),
    [
        ("trian.py", None, "The script trian.py does not exist. Did you mean train.py?"),
        ("zzz", None, "The script zzz does not exist."),
        ("no/folder.py", None, "The script no/folder.py does not exist."),
        ("src", None, "The script src is a folder; name the file to run."),
        ("train.py", "nowhere", "--source-dir nowhere is not a folder."),
        (
            "train.py",
            "src",
            "The script train.py is not in --source-dir src. Did you mean src/train2.py?",
        ),
    ],
)
def test_a_script_that_is_not_there(here, script, source, says):
    Path("train.py").touch()
    Path("src").mkdir()
    Path("src/train2.py").touch()
    assert refused(options.script_hyperparameters, script, source) == says


def written(content):
    Path("job.json").write_bytes(content if isinstance(content, bytes) else content.encode())
    return "job.json"


def test_local_paths_in_a_request_become_uris(here):
    document = {
        "InputDataConfig": [{"DataSource": {"S3DataSource": {"S3Uri": "data"}}}],
        "OutputDataConfig": {"S3OutputPath": "out dir"},
        "CheckpointConfig": {"S3Uri": "s3://bucket/x"},
        "HyperParameters": {"S3Uri": "data"},
        "Environment": {"S3OutputPath": "out"},
    }
    found = options.read_request(written(json.dumps(document)))
    assert (
        found["InputDataConfig"][0]["DataSource"]["S3DataSource"]["S3Uri"] == f"file://{here}/data"
    )
    assert found["OutputDataConfig"]["S3OutputPath"] == f"file://{here}/out%20dir"
    for member in ("CheckpointConfig", "HyperParameters", "Environment"):
        assert found[member] == document[member]


def test_a_request_from_an_editor_that_marks_utf_8(here):
    assert options.read_request(written(b'\xef\xbb\xbf{"TrainingJobName": "a"}')) == {
        "TrainingJobName": "a"
    }


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("{", "is not JSON: Expecting property name"),
        ("", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        (b"\xff\xfe{}", "it is not UTF-8 text"),
        ("[]", "a CreateTrainingJob request is an object"),
        ("null", "a CreateTrainingJob request is an object"),
    ],
    ids=["open", "empty", "deep", "bytes", "list", "null"],
)
def test_a_request_that_is_none(here, content, says):
    message = refused(options.read_request, written(content))
    assert message.startswith("--request job.json")
    assert says in message


@pytest.mark.parametrize(("path", "says"), [("none.json", "No such file"), (".", "Is a directory")])
def test_a_request_that_cannot_be_read(here, path, says):
    assert says in refused(options.read_request, path)


@given(st.text() | st.just("x" * 300) | st.just("-" * 80), st.integers(0, 2**32))
def test_a_stamped_name_is_always_a_job_name(job_name_shape, base, second):
    now = datetime.fromtimestamp(second, UTC)
    name = options.stamped(base, now)
    assert len(name) <= job_name_shape["max"]
    assert re.fullmatch(job_name_shape["pattern"], name)
    assert options.stamped(base_name(name), now) == name


def test_a_stamp_is_the_time_to_the_millisecond():
    now = datetime(2024, 1, 2, 3, 4, 5, 6999, tzinfo=UTC)
    assert options.stamped("my_train.v2", now) == "my-train-v2-2024-01-02-03-04-05-006"


def test_tags_are_read_back_as_options():
    made = options.tags({"gpus": "2", "grace": 3, "model": None, "backend": "docker"})
    assert {tag["Key"] for tag in made} == {"sagelet:gpus", "sagelet:grace", "sagelet:backend"}
    found = read_options({"Tags": made})
    assert (found.gpus, found.grace, found.model, found.backend) == (2, 3.0, None, "docker")


def test_input_modes_of_the_job_and_of_single_channels():
    assert options.input_modes([]) == ("File", {})
    assert options.input_modes(["pipe"]) == ("Pipe", {})
    assert options.input_modes(["test=File", "FastFile"]) == ("FastFile", {"test": "File"})
    documents = options.channels(["a=file:///a", "b=file:///b"], {"b": "Pipe"})
    assert [document.get("InputMode") for document in documents] == [None, "Pipe"]


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (["Stream"], "--input-mode Stream: no such mode; use File, FastFile, Pipe."),
        (["a=Stream"], "--input-mode Stream: no such mode"),
        (["Pipe", "File"], "for a channel write NAME=File."),
        (["a=Pipe", "a=File"], "--input-mode a is given twice"),
    ],
)
def test_input_modes_that_there_are_not(values, says):
    with pytest.raises(ValidationException, match=re.escape(says)):
        options.input_modes(values)


def test_an_input_mode_is_of_a_channel_that_there_is():
    with pytest.raises(ValidationException, match="there is no --channel b"):
        options.channels(["a=file:///a"], {"b": "Pipe"})
