"""Our reading of the service model against botocore's, and the texts of refusals."""

import copy
import gzip
import json
from pathlib import Path

import botocore
import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.validate import ParamValidator
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sagelet.aws.model import load_operation
from sagelet.aws.validation import InvalidRequest, validate
from sagelet.domain.errors import DomainError
from sagelet.domain.hosts import plan
from sagelet.domain.jobs import without_nulls
from sagelet.domain.lifecycle import begin
from sagelet.domain.rules import check
from sagelet.domain.training import TrainingJob


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def operation(cache):
    return load_operation("sagemaker", "CreateTrainingJob", cache)


@pytest.fixture(scope="module")
def theirs():
    model = ServiceModel(Loader().load_service_model("sagemaker", "service-2"), "sagemaker")
    shape = model.operation_model("CreateTrainingJob").input_shape
    return lambda request: not ParamValidator().validate(request, shape).has_errors()


FULL = {
    "TrainingJobName": "digits-1",
    "HyperParameters": {"epochs": "2"},
    "AlgorithmSpecification": {
        "TrainingImage": "mine:1",
        "TrainingInputMode": "File",
        "ContainerEntrypoint": ["/e"],
        "MetricDefinitions": [{"Name": "loss", "Regex": "loss=(.*)"}],
    },
    "RoleArn": "arn:aws:iam::123456789012:role/sagelet",
    "InputDataConfig": [
        {
            "ChannelName": "training",
            "DataSource": {
                "S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://bucket/key"},
                "FileSystemDataSource": {
                    "FileSystemId": "fs-0123456789a",
                    "FileSystemAccessMode": "ro",
                    "FileSystemType": "EFS",
                    "DirectoryPath": "/x",
                },
            },
            "ShuffleConfig": {"Seed": 1},
        },
        {
            "ChannelName": "test",
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "file:///a b"}},
        },
    ],
    "OutputDataConfig": {"S3OutputPath": "s3://bucket/out"},
    "ResourceConfig": {
        "InstanceType": "ml.m5.large",
        "InstanceCount": 1,
        "VolumeSizeInGB": 30,
        "InstanceGroups": [
            {"InstanceType": "ml.m5.large", "InstanceCount": 1, "InstanceGroupName": "g"}
        ],
    },
    "VpcConfig": {"SecurityGroupIds": ["sg-1"], "Subnets": ["subnet-1"]},
    "StoppingCondition": {"MaxRuntimeInSeconds": 60},
    "Tags": [{"Key": "team", "Value": "vision ü"}],
    "EnableNetworkIsolation": False,
    "CheckpointConfig": {"S3Uri": "s3://bucket/c", "LocalPath": "/opt/ml/checkpoints"},
    "Environment": {"A": "1"},
    "RetryStrategy": {"MaximumRetryAttempts": 1},
}


def places(value, path=()):
    """Every place in a document."""
    yield path
    if isinstance(value, dict):
        for key, below in value.items():
            yield from places(below, (*path, key))
    elif isinstance(value, list):
        for index, below in enumerate(value):
            yield from places(below, (*path, index))


PLACES = [path for path in places(FULL) if path]
DELETE, UNKNOWN = object(), object()
# What both validators judge alike; botocore leaves enums, patterns and maxima to the service.
VALUES = st.sampled_from(
    [DELETE, UNKNOWN, [], {}, 1.5, 7, "", "File", [1], ["x"], {"x": "y"}, {"x": 1}]
)


def changed(path, value):
    document = copy.deepcopy(FULL)
    target = document
    for part in path[:-1]:
        target = target[part]
    if value is DELETE:
        del target[path[-1]]
    elif value is UNKNOWN:
        if isinstance(target[path[-1]], dict) and path[-1] not in (
            "HyperParameters",
            "Environment",
        ):
            target[path[-1]]["Unknown"] = 1
    else:
        target[path[-1]] = copy.deepcopy(value)
    return document


@pytest.fixture(scope="module")
def ours(operation):
    """All violations in a request."""

    def violations(request):
        try:
            validate(operation, request)
        except InvalidRequest as refusal:
            return list(refusal.violations)
        return []

    return violations


def shared(violation):
    """Whether botocore checks such a thing too."""
    words = ("not be null", "be of type", "no such member", "greater than or equal")
    return any(text in violation.constraint for text in words)


def test_a_full_request_is_fine(ours, theirs):
    assert ours(FULL) == []
    assert theirs(FULL)


@pytest.mark.parametrize("path", PLACES, ids=lambda path: ".".join(map(str, path)))
def test_leaving_out_is_judged_as_botocore_does(ours, theirs, path):
    request = changed(path, DELETE)
    assert theirs(request) == (not [v for v in ours(request) if shared(v)])


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(PLACES), VALUES)
def test_any_change_is_judged_as_botocore_does(ours, theirs, path, value):
    request = changed(path, value)
    found = ours(request)
    assert theirs(request) == (not [v for v in found if shared(v)])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2)
    ),
    max_leaves=4,
)


def runnable():
    """The full request, less what is refused here."""
    request = copy.deepcopy(FULL)
    channel = request["InputDataConfig"][0]
    del channel["DataSource"]["FileSystemDataSource"], channel["ShuffleConfig"]
    del request["ResourceConfig"]["InstanceGroups"]
    channel["DataSource"]["S3DataSource"] |= {
        "S3Uri": "file:///data",
        "S3DataDistributionType": "FullyReplicated",
    }
    request["OutputDataConfig"]["CompressionType"] = "GZIP"
    return request


RUNNABLE = [path for path in places(runnable()) if path]
NEARLY = (
    JSON
    | st.just(None)
    | st.sampled_from([0, 1, 2, "", "a", "(a", "/", "file:///a", "None", "ml.p3.2xlarge"])
)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.sampled_from(RUNNABLE), NEARLY), max_size=3))
def test_any_document_is_judged_and_a_good_one_can_be_planned(ours, changes):
    request = runnable()
    for path, value in changes:
        target = request
        try:
            for part in path[:-1]:
                target = target[part]
            target[path[-1]] = value
        except (LookupError, TypeError):
            continue
    if ours(request):
        return
    job = TrainingJob(without_nulls(request), "123456789012", "eu-west-1", 0.0, begin(0.0))
    try:
        check(job)
    except DomainError:
        return
    planned = plan(job, "/jobs/j", {channel.name: "/data" for channel in job.channels}, "/c")
    assert [host.name for host in planned.hosts][:1] == ["algo-1"]
    for content in planned.hosts[0].files.values():
        json.loads(content)


@given(JSON)
def test_what_is_no_request_is_refused(ours, value):
    assert ours(value)


IMAGE = ("AlgorithmSpecification", "TrainingImage")
CHANNEL = ("InputDataConfig", 0, "ChannelName")


@pytest.mark.parametrize(
    ("path", "value", "constraint", "place"),
    [
        (("TrainingJobName",), "a_b", "regular expression pattern: ", "TrainingJobName"),
        (("TrainingJobName",), "-a", "regular expression pattern: ", "TrainingJobName"),
        (("TrainingJobName",), "a\n", "regular expression pattern: ", "TrainingJobName"),
        (("TrainingJobName",), "a" * 64, "length less than or equal to 63", "TrainingJobName"),
        (CHANNEL, "", "length greater than or equal to 1", "InputDataConfig[0].ChannelName"),
        (CHANNEL, "a/b", "regular expression pattern: ", "InputDataConfig[0].ChannelName"),
        (
            IMAGE,
            "x" * 256,
            "length less than or equal to 255",
            "AlgorithmSpecification.TrainingImage",
        ),
        (
            ("OutputDataConfig", "S3OutputPath"),
            "/out",
            "regular expression pattern: ",
            "OutputDataConfig.S3OutputPath",
        ),
        (
            ("OutputDataConfig", "S3OutputPath"),
            "file:///" + "x" * 1024,
            "less than or equal to 1024",
            "OutputDataConfig.S3OutputPath",
        ),
        (
            ("ResourceConfig", "InstanceType"),
            "ml.none",
            "enum value set: [",
            "ResourceConfig.InstanceType",
        ),
        (
            ("ResourceConfig", "InstanceCount"),
            -1,
            "value greater than or equal to 0",
            "ResourceConfig.InstanceCount",
        ),
        (
            ("RetryStrategy", "MaximumRetryAttempts"),
            31,
            "value less than or equal to 30",
            "RetryStrategy.MaximumRetryAttempts",
        ),
        (
            ("StoppingCondition", "MaxRuntimeInSeconds"),
            0,
            "value greater than or equal to 1",
            "StoppingCondition.MaxRuntimeInSeconds",
        ),
        (
            ("StoppingCondition", "MaxRuntimeInSeconds"),
            "60",
            "of type integer",
            "StoppingCondition.MaxRuntimeInSeconds",
        ),
        (
            ("StoppingCondition", "MaxRuntimeInSeconds"),
            True,
            "of type integer",
            "StoppingCondition.MaxRuntimeInSeconds",
        ),
        (("EnableNetworkIsolation",), "yes", "of type boolean", "EnableNetworkIsolation"),
        (("Environment", "1A"), "x", "regular expression pattern: ", "Environment.1A"),
        (("HyperParameters", "epochs"), 2, "of type string", "HyperParameters.epochs"),
        (("HyperParameters", "epochs"), None, "of type string", "HyperParameters.epochs"),
        (
            ("HyperParameters",),
            {str(n): "" for n in range(101)},
            "length less than or equal to 100",
            "HyperParameters",
        ),
        (("Tags", 0, "Value"), "a;b", "regular expression pattern: ", "Tags[0].Value"),
        (("Environment", "A"), "a\0b", "without NUL", "Environment.A"),
        (("HyperParameters", "epochs"), "\udcff", "Unicode text", "HyperParameters.epochs"),
        (("RoleArn",), None, "must not be null", "RoleArn"),
        (("TrainingJobname",), "a", "Did you mean TrainingJobName?", "TrainingJobname"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_mistake_is_found_at_its_place(ours, path, value, constraint, place):
    found = ours(changed(path, value))
    assert {violation.place for violation in found} == {place}
    assert [violation for violation in found if constraint in violation.constraint]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("TrainingJobName",), "a" * 63),
        (("TrainingJobName",), "A--b-1"),
        (("Environment", "A"), "any\nthing \N{SNOWMAN} " * 20),
        (("HyperParameters", "epochs"), "x" * 2500),
        (("Tags", 0, "Value"), "größe/a:b=c+d-e@f 数"),
        (("OutputDataConfig", "S3OutputPath"), "file:///a%20b"),
        (("VpcConfig",), None),
        (("StoppingCondition", "MaxRuntimeInSeconds"), None),
    ],
    ids=lambda value: str(value)[:30],
)
def test_what_is_allowed(ours, path, value):
    assert ours(changed(path, value)) == []


def test_the_message_is_aws_s_own(operation):
    with pytest.raises(InvalidRequest) as caught:
        validate(operation, changed(CHANNEL, "a b"))
    assert str(caught.value) == (
        "1 validation error detected: Value 'a b' at 'inputDataConfig.1.member.channelName' failed "
        r"to satisfy constraint: Member must satisfy regular expression pattern: [A-Za-z0-9\.\-_]+"
    )
    assert (caught.value.code, caught.value.status) == ("ValidationException", 400)


def test_what_is_wrong_in_a_map_is_said_of_the_map_on_the_wire(operation):
    values = {"lr": "0.1", "text": "x" * 2501}
    request = changed(("HyperParameters",), values)
    with pytest.raises(InvalidRequest) as caught:
        validate(operation, request, wire=True)
    assert str(caught.value) == (
        f"1 validation error detected: Value '{{lr=0.1, text={'x' * 186}...' at 'hyperParameters' "
        "failed to satisfy constraint: Map value must satisfy constraint: [Member must have length "
        "less than or equal to 2500, Member must have length greater than or equal to 0, Member "
        "must satisfy regular expression pattern: .*]"
    )
    with pytest.raises(InvalidRequest) as caught:
        validate(operation, changed(("Environment",), {"1X": "", "A": "b"}), wire=True)
    assert (
        "Value '{1X=, A=b}' at 'environment' failed to satisfy constraint: Map keys must satisfy "
        "constraint: [Member must have length less than or equal to 512, "
    ) in str(caught.value)
    with pytest.raises(InvalidRequest) as caught:
        validate(operation, request)
    (violation,) = caught.value.violations
    assert violation.place == "HyperParameters.text"


def test_all_mistakes_are_told_at_once(operation):
    request = changed(CHANNEL, "a b")
    del request["RoleArn"]
    with pytest.raises(InvalidRequest) as caught:
        validate(operation, request)
    text = str(caught.value)
    assert text.startswith(
        "2 validation errors detected: Value null at 'roleArn' failed to satisfy"
    )
    assert "; Value 'a b' at 'inputDataConfig.1.member.channelName' failed" in text


def test_a_long_value_is_shown_in_part(ours):
    (violation,) = ours(changed(IMAGE, "x" * 100_000))
    assert len(str(violation)) < 500


@pytest.fixture(scope="module")
def whole():
    data = Path(botocore.__file__).parent / "data" / "sagemaker"
    return json.loads(gzip.decompress((max(data.iterdir()) / "service-2.json.gz").read_bytes()))


@pytest.mark.parametrize("name", ["CreateTrainingJob", "DescribeTrainingJob", "StopTrainingJob"])
def test_the_cut_is_the_whole_model_s_and_complete(cache, whole, name):
    for _ in ("cut", "from the cache"):
        cut = load_operation("sagemaker", name, cache)
        assert cut.input == whole["operations"][name]["input"]["shape"]
        assert (cut.output is None) == ("output" not in whole["operations"][name])
        for shape_name, shape in cut.shapes.items():
            assert shape == undocumented(whole["shapes"][shape_name])
            for reference in references(shape):
                assert reference in cut.shapes


def undocumented(value):
    if isinstance(value, dict):
        return {k: undocumented(v) for k, v in value.items() if k != "documentation"}
    return value


def references(shape):
    sides = [shape[side] for side in ("member", "key", "value") if side in shape]
    return [member["shape"] for member in [*shape.get("members", {}).values(), *sides]]


@pytest.mark.parametrize("content", [b"", b"{", b"{}", b"[]", b"null", b"\xff", b'{"input": 1}'])
def test_a_spoiled_cache_is_rebuilt(tmp_path, operation, content):
    load_operation("sagemaker", "CreateTrainingJob", tmp_path)
    (kept,) = (tmp_path / "models").iterdir()
    kept.write_bytes(content)
    assert load_operation("sagemaker", "CreateTrainingJob", tmp_path) == operation
    assert json.loads(kept.read_bytes())["input"] == operation.input


def test_a_cache_that_cannot_be_written_costs_time_only(tmp_path, operation):
    (tmp_path / "file").touch()
    assert load_operation("sagemaker", "CreateTrainingJob", tmp_path / "file") == operation


def test_no_such_operation(tmp_path):
    with pytest.raises(KeyError):
        load_operation("sagemaker", "TrainMyModel", tmp_path)


def test_describe_gives_back_what_create_was_told(cache):
    describe = load_operation("sagemaker", "DescribeTrainingJob", cache)
    echoed = describe.echo(FULL)
    assert set(FULL) - set(echoed) == {"Tags"}
    assert all(echoed[member] == FULL[member] for member in echoed)
