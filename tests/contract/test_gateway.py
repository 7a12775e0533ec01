"""The gateway before real clients: doors, signatures, limits, errors, threads."""

import gzip
import hashlib
import http.client
import json
import threading
import xml.etree.ElementTree as ET

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from sagelet import __version__
from sagelet.aws.gateway import MAX_BODY, Key
from sagelet.aws.operation import Registered
from sagelet.aws.paging import page
from sagelet.domain.errors import Refusal, ResourceInUse, ValidationException
from support.wire import plane

NAMES = [f"job-{number:03}" for number in range(25)]


def describe(context, request):
    name = request["TrainingJobName"]
    if name == "unknown":
        raise ValidationException("Requested resource not found.")
    if name == "broken":
        raise RuntimeError("a secret of the house")
    place = f"{context.region}:{context.account}"
    return {
        "TrainingJobName": name,
        "TrainingJobArn": f"arn:aws:sagemaker:{place}:training-job/{name}",
        "ModelArtifacts": {"S3ModelArtifacts": threading.current_thread().name},
        "CreationTime": 1.5,
        "FailureReason": None,
        "FinalMetricDataList": [{"MetricName": "loss", "Value": float("nan"), "Timestamp": 2.0}],
    }


def create(_context, request):
    if request["TrainingJobName"] == "taken":
        raise ResourceInUse("Training job names must be unique")
    name = request.get("HyperParameters", {}).get("thread", threading.current_thread().name)
    return {"TrainingJobArn": name}


def list_jobs(_context, request):
    def fetch(cursor, count):
        rows = [name for name in NAMES if cursor is None or name > cursor]
        return [(name, name) for name in rows[:count]]

    return page(
        "ListTrainingJobs",
        request,
        fetch,
        lambda name: {
            "TrainingJobName": name,
            "TrainingJobArn": name,
            "CreationTime": 1.0,
            "TrainingJobStatus": "Completed",
        },
        result="TrainingJobSummaries",
    )


def stop(_context, request):
    raise Refusal("ResourceNotFound", f"{request['TrainingJobName']} is not there", 404)


def identity(context, _request):
    arn = f"arn:aws:sts::{context.account}:assumed-role/r/{context.access_key}"
    return {"Account": context.account, "Arn": arn, "UserId": str(context.confined)}


def get_role(_context, request):
    raise Refusal("NoSuchEntity", f"The role {request['RoleName']} cannot be found.", 404)


def put_metrics(_context, request):
    assert len(request["MetricData"]) == 500
    return {}


def list_metrics(_context, request):
    raise ValidationException("no")


def invoke(_context, request):
    return {"Body": request["Body"][::-1], "ContentType": request["ContentType"]}


def streams(_context, _request):
    raise Refusal("ResourceNotFoundException", "The specified log group does not exist.")


OPERATIONS = [
    Registered("sagemaker", "DescribeTrainingJob", describe, quick=True),
    Registered("sagemaker", "CreateTrainingJob", create, quick=False),
    Registered("sagemaker", "ListTrainingJobs", list_jobs, quick=True),
    Registered("sagemaker", "StopTrainingJob", stop, quick=False),
    Registered("sts", "GetCallerIdentity", identity, quick=True),
    Registered("iam", "GetRole", get_role, quick=True),
    Registered("cloudwatch", "PutMetricData", put_metrics, quick=False),
    Registered("cloudwatch", "ListMetrics", list_metrics, quick=False),
    Registered("sagemaker-runtime", "InvokeEndpoint", invoke, quick=False),
    Registered("logs", "DescribeLogStreams", streams, quick=False),
]
KEYS = {
    "AKIDMINE": Key("secret"),
    "SAGELETJOB1": Key("jobs-own", confined=True),
}


@pytest.fixture(scope="module")
def served(cache, tmp_path_factory):
    with plane(cache, tmp_path_factory.mktemp("plane"), OPERATIONS, keys=KEYS) as made:
        yield made


@pytest.fixture(scope="module")
def strict(cache, tmp_path_factory):
    folder = tmp_path_factory.mktemp("strict")
    with plane(cache, folder, OPERATIONS, keys=KEYS, anyone=False) as made:
        yield made


def test_a_call_and_its_region(served):
    with served.client("sagemaker", region="ap-south-1") as client:
        answer = client.describe_training_job(TrainingJobName="a")
    assert answer["TrainingJobArn"] == "arn:aws:sagemaker:ap-south-1:123456789012:training-job/a"
    assert answer["CreationTime"].timestamp() == 1.5
    assert "FailureReason" not in answer
    assert answer["FinalMetricDataList"][0]["Value"] == "NaN"
    metadata = answer["ResponseMetadata"]
    assert metadata["RequestId"] == metadata["HTTPHeaders"]["x-amzn-requestid"]


def test_quick_ones_run_on_the_loop_and_others_in_threads(served):
    with served.client("sagemaker") as client:
        quick = client.describe_training_job(TrainingJobName="a")
    thread = served.call("SageMaker.CreateTrainingJob", minimal())[2]["TrainingJobArn"]
    assert not quick["ModelArtifacts"]["S3ModelArtifacts"].startswith("sagelet-call")
    assert thread.startswith("sagelet-call")


def minimal(**members):
    return {
        "TrainingJobName": "a",
        "AlgorithmSpecification": {"TrainingInputMode": "File", "TrainingImage": "i"},
        "RoleArn": "arn:aws:iam::123456789012:role/sagelet",
        "OutputDataConfig": {"S3OutputPath": "s3://bucket/out"},
        "ResourceConfig": {"InstanceCount": 1, "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        **members,
    }


def test_pages_of_a_list(served):
    with served.client("sagemaker") as client:
        pages = list(client.get_paginator("list_training_jobs").paginate())
        names = [job["TrainingJobName"] for part in pages for job in part["TrainingJobSummaries"]]
        assert (len(pages), names) == (3, NAMES)
        token = pages[0]["NextToken"]
        assert client.list_training_jobs(NextToken=token, MaxResults=15)["TrainingJobSummaries"]
        for wrong in (token[:-3], "x", "ü", "W10"):
            with pytest.raises(ClientError, match="Invalid pagination token") as caught:
                client.list_training_jobs(NextToken=wrong)
            assert caught.value.response["Error"]["Code"] == "ValidationException"
        with pytest.raises(ClientError, match="made for another request"):
            client.list_training_jobs(NextToken=token, NameContains="job")


def test_errors_are_the_classes_clients_catch(served):
    with served.client("sagemaker") as client:
        with pytest.raises(client.exceptions.ResourceInUse):
            client.create_training_job(**minimal(TrainingJobName="taken"))
        with pytest.raises(client.exceptions.ResourceNotFound) as caught:
            client.stop_training_job(TrainingJobName="gone")
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404
        with pytest.raises(ClientError) as caught:
            client.describe_training_job(TrainingJobName="unknown")
        assert caught.value.response["Error"]["Code"] == "ValidationException"
        assert caught.value.response["Error"]["Message"] == "Requested resource not found."
    with served.client("iam") as client, pytest.raises(client.exceptions.NoSuchEntityException):
        client.get_role(RoleName="r")
    with (
        served.client("logs") as client,
        pytest.raises(client.exceptions.ResourceNotFoundException),
    ):
        client.describe_log_streams(logGroupName="g")


def test_services_name_a_broken_constraint_in_their_own_way(served):
    def refused(service, operation, **parameters):
        with served.client(service, parameter_validation=False) as client:
            with pytest.raises(ClientError) as caught:
                getattr(client, operation)(**parameters)
            return caught.value.response["Error"]["Code"], str(caught.value)

    code, text = refused("sagemaker", "describe_training_job", TrainingJobName="a_b")
    assert code == "ValidationException"
    assert "1 validation error detected: Value 'a_b' at 'trainingJobName' failed to satisfy" in text
    assert refused("iam", "get_role", RoleName="a b")[0] == "ValidationError"
    assert refused("logs", "describe_log_streams", logGroupName="a b")[0] == (
        "InvalidParameterException"
    )
    assert refused("cloudwatch", "list_metrics")[0] == "ValidationError"


def test_an_error_of_ours_tells_the_log_and_not_the_client(served, caplog):
    status, headers, document = served.call(
        "SageMaker.DescribeTrainingJob", {"TrainingJobName": "broken"}
    )
    assert (status, document["__type"]) == (500, "InternalFailure")
    assert "secret" not in document["message"]
    assert headers["x-amzn-requestid"] in document["message"]
    (record,) = [record for record in caplog.records if record.name == "sagelet.gateway"]
    assert headers["x-amzn-requestid"] in record.getMessage()
    assert "a secret of the house" in str(record.exc_info[1])


def test_what_is_not_served_is_named_in_the_client_s_protocol(served):
    def refused(service, operation, **parameters):
        with served.client(service) as client:
            with pytest.raises(ClientError) as caught:
                getattr(client, operation)(**parameters)
            error = caught.value.response
            assert error["ResponseMetadata"]["HTTPStatusCode"] == 501
            assert error["Error"]["Code"] == "NotImplemented"
            assert "docs/reference/operations.md" in error["Error"]["Message"]
            return error["Error"]["Message"]

    assert "sagemaker ListHubs" in refused("sagemaker", "list_hubs")
    assert "iam ListUsers" in refused("iam", "list_users")
    assert "DynamoDB_20120810.ListTables" in refused("dynamodb", "list_tables")
    assert "ListTopics" in refused("sns", "list_topics")
    assert "/2015-03-31/functions" in refused("lambda", "list_functions")
    assert "sagemaker-runtime InvokeEndpointAsync" in refused(
        "sagemaker-runtime", "invoke_endpoint_async", EndpointName="e", InputLocation="s3://a/b"
    )


def test_bytes_go_through_an_endpoint(served):
    with served.client("sagemaker-runtime") as client:
        body = bytes(range(256))
        answer = client.invoke_endpoint(
            EndpointName="e", Body=body, ContentType="application/x-npy"
        )
        assert answer["Body"].read() == body[::-1]
        assert answer["ContentType"] == "application/x-npy"


def test_compressed_bodies(served):
    with served.client("cloudwatch") as client:
        datum = {"MetricName": "m" * 100, "Value": 1.0}
        client.put_metric_data(Namespace="n", MetricData=[datum] * 500)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"no gzip", 400),
        (gzip.compress(b'{"Namespace": "n", "MetricData": []}')[:20], 400),
        (gzip.compress(b" " * (MAX_BODY + 1)), 413),
    ],
    ids=["no gzip", "cut off", "too large"],
)
def test_compressed_bodies_that_are_broken_or_too_large(served, body, status):
    target = "GraniteServiceVersion20100801.PutMetricData"
    assert served.call(target, body, **{"Content-Encoding": "gzip"})[0] == status


def test_large_bodies_are_refused(served):
    with served.client("sagemaker") as client, pytest.raises(ClientError) as caught:
        client.create_training_job(**minimal(HyperParameters={"a": "x" * MAX_BODY}))
    assert caught.value.response["Error"]["Code"] == "RequestEntityTooLarge"

    def endless():
        for _ in range(MAX_BODY // 65536 + 2):
            yield b" " * 65536

    headers = {"X-Amz-Target": "SageMaker.DescribeTrainingJob"}
    try:
        status = served.ask("POST", "/", endless(), headers, local=True)[0]
    except (BrokenPipeError, ConnectionResetError, http.client.BadStatusLine):
        return  # answered and hung up before the client had sent all
    assert status == 413


@pytest.mark.parametrize(
    "body",
    [b"{", b"[]", b'"a"', b"\xff", b'{"TrainingJobName": NaN}', b"[" * 100_000,
     b'{"TrainingJobName": 1}', b'{"TrainingJobName": ["a"]}', b'{"TrainingJobName": {}}',
     b'{"TrainingJobName": true}'],
)  # fmt: skip
def test_what_cannot_be_read_is_a_serialisation_exception(served, body):
    status, _, document = served.call("SageMaker.DescribeTrainingJob", body)
    assert (status, document["__type"]) == (400, "SerializationException")


def test_unknown_members_and_nulls_are_left_out(served):
    document = {"TrainingJobName": "a", "Unknown": {"A": 1}, "unknown": None}
    assert served.call("SageMaker.DescribeTrainingJob", document)[0] == 200
    document = minimal(
        HyperParameters=None,
        ResourceConfig={"InstanceCount": 1, "VolumeSizeInGB": 1, "InstanceType": None, "New": 1},
    )
    assert served.call("SageMaker.CreateTrainingJob", document)[0] == 200


def test_the_control_socket_is_trusted_and_others_must_sign(served):
    assert served.call("SageMaker.DescribeTrainingJob", {"TrainingJobName": "a"})[0] == 200
    status, _, document = served.call(
        "SageMaker.DescribeTrainingJob", {"TrainingJobName": "a"}, local=False
    )
    assert (status, document["__type"]) == (403, "MissingAuthenticationToken")


def test_without_a_signature_the_region_is_the_server_s(served):
    document = served.call("SageMaker.DescribeTrainingJob", {"TrainingJobName": "a"})[2]
    assert ":eu-central-1:" in document["TrainingJobArn"]


def test_s3_without_a_signature_is_denied(served):
    for method in ("GET", "PUT", "HEAD", "DELETE"):
        status, headers, body = served.ask(method, "/bucket/key")
        assert status == 403
        assert headers["content-type"] == "application/xml"
        if method != "HEAD":
            assert ET.fromstring(body).findtext("Code") == "AccessDenied"


def test_known_keys_are_verified_even_where_anyone_may_call(served):
    with served.client("sts", key=("AKIDMINE", "secret")) as client:
        assert client.get_caller_identity()["Arn"].endswith("/AKIDMINE")
    with served.client("sts", key=("AKIDMINE", "guess")) as client:
        with pytest.raises(ClientError) as caught:
            client.get_caller_identity()
        assert caught.value.response["Error"]["Code"] == "SignatureDoesNotMatch"
    with served.client("sts", key=("SAGELETJOB1", "jobs-own")) as client:
        assert client.get_caller_identity()["UserId"] == "True"


@pytest.mark.parametrize("service", ["sagemaker", "sts"])
def test_where_credentials_are_demanded_unknown_keys_are_refused(strict, service):
    operation = {"sagemaker": "list_training_jobs", "sts": "get_caller_identity"}[service]
    with strict.client(service, key=("AKIDMINE", "secret")) as client:
        getattr(client, operation)()
    with strict.client(service) as client, pytest.raises(ClientError) as caught:
        getattr(client, operation)()
    assert caught.value.response["Error"]["Code"] in (
        "UnrecognizedClientException",
        "InvalidClientTokenId",
    )
    with strict.client("s3", url=strict.url) as client, pytest.raises(ClientError) as caught:
        client.list_buckets()
    assert caught.value.response["Error"]["Code"] == "InvalidAccessKeyId"


def test_a_form_s_upload_is_said_not_to_be_served(strict):
    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    status, _, body = strict.ask("POST", "/bucket", b"--x--", kind)
    assert status == 501
    assert b"<Code>NotImplemented</Code>" in body
    assert b"PostObject" in body


def test_containers_need_the_key_of_a_job(served):
    url = f"http://127.0.0.2:{served.containers}"
    with served.client("sts", key=("SAGELETJOB1", "jobs-own"), url=url) as client:
        client.get_caller_identity()
    with served.client("sts", url=url) as client, pytest.raises(ClientError) as caught:
        client.get_caller_identity()
    assert caught.value.response["Error"]["Code"] == "InvalidClientTokenId"


def test_a_signed_call_cannot_be_sent_again_with_another_body(strict):
    """The hash of the body may be said in a header that no signature covers."""
    body = json.dumps({"TrainingJobName": "a"}).encode()
    call = AWSRequest(
        "POST",
        strict.url + "/",
        data=body,
        headers={
            "X-Amz-Target": "SageMaker.DescribeTrainingJob",
            "Content-Type": "application/x-amz-json-1.1",
        },
    )
    SigV4Auth(Credentials("AKIDMINE", "secret"), "sagemaker", "eu-west-1").add_auth(call)
    said = {**call.headers, "X-Amz-Content-Sha256": hashlib.sha256(body).hexdigest()}
    assert strict.ask("POST", "/", body, said)[0] == 200
    status, _, answer = strict.ask("POST", "/", body.replace(b'"a"', b'"b"'), said)
    assert (status, json.loads(answer)["__type"]) == (403, "SignatureDoesNotMatch")


def test_a_presigned_call(served):
    with served.client("sts") as client:
        url = client.generate_presigned_url("get_caller_identity", ExpiresIn=60)
    status, _, body = served.ask("GET", url.removeprefix(served.url))
    assert status == 200
    assert b"<Account>123456789012</Account>" in body


def test_a_web_page_of_others_is_refused(served):
    for headers in ({"Host": "evil.example"}, {"Origin": "https://evil.example"}):
        for path in ("/", "/_health", "/bucket"):
            status, _, body = served.ask("GET", path, headers=headers)
            assert status == 403, path
            assert b"AccessDenied" in body


def test_health_and_a_hint(served):
    status, headers, body = served.ask("GET", "/_health")
    assert (status, headers["content-type"]) == (200, "application/json")
    assert json.loads(body) == {"status": "ok", "version": __version__}
    for method in ("GET", "HEAD"):
        status, headers, body = served.ask(method, "/")
        assert (status, headers["content-type"]) == (200, "text/plain; charset=utf-8")
        assert (b"sagelet env" in body) is (method == "GET")


def test_a_browser_is_shown_the_page(served):
    status, headers, _ = served.ask("GET", "/", headers={"Accept": "text/html,*/*"})
    assert (status, headers["location"]) == (302, "/_ui/")


def test_people_s_pages_only_where_no_credentials_are_demanded(strict):
    status, _, body = strict.ask("GET", "/_api/health")
    assert (status, json.loads(body)["code"]) == (403, "AccessDenied")
    assert strict.ask("GET", "/_health")[0] == 200


def test_relaxed_leaves_out_patterns(cache, tmp_path):
    with plane(cache, tmp_path, OPERATIONS, relaxed=True) as served:
        call = "SageMaker.DescribeTrainingJob"
        assert served.call(call, {"TrainingJobName": "a_b"})[0] == 200
        assert served.call(call, {"TrainingJobName": "a" * 64})[0] == 400


def test_many_clients_at_once(served):
    found = []

    def ask():
        with served.client("sagemaker") as client:
            for _ in range(5):
                found.append(client.create_training_job(**minimal())["TrainingJobArn"])
                client.describe_training_job(TrainingJobName="a")

    threads = [threading.Thread(target=ask) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 100


def test_an_abandoned_upload_is_forgotten(served):
    connection = http.client.HTTPConnection("127.0.0.1", served.port)
    connection.putrequest("POST", "/")
    connection.putheader("X-Amz-Target", "SageMaker.DescribeTrainingJob")
    connection.putheader("Content-Length", "100")
    connection.endheaders(b"{")
    connection.close()
    assert served.ask("GET", "/_health")[0] == 200
