"""Stock clients at the door: their signatures, their proxies, what they insist on."""

import hashlib
import os
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from sagelet.aws.guard import check
from sagelet.aws.request import read_request
from sagelet.aws.signature import read_signature, unknown_key, unsigned, verify
from sagelet.domain.errors import Refusal
from sagelet.server.certificates import Certificates
from sagelet.server.issuing import make_authority, make_server
from sagelet.server.listen import Server
from support.door import application, serving

KEY, SECRET = "AKIAEXAMPLE", "wJalr/XUtn+FEMI"
BODY = b"twelve bytes"


async def strict(scope, receive, send):
    """Lets in who has signed with the secret; says in each service's way why not."""
    request = read_request(scope)
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    status, answer, kind = 200, b"", b"application/xml"
    try:
        check(request, ())
        signed = read_signature(request)
        if signed is None:
            raise unsigned(request)
        if signed.access_key != KEY:
            raise unknown_key(request, signed)
        digest = hashlib.sha256(body).hexdigest()
        chunked = "aws-chunked" in request.headers.get("content-encoding", "")
        verify(request, signed, SECRET, time.time(), None if chunked else digest)
        if "x-amz-target" in request.headers:
            answer, kind = b"{}", b"application/x-amz-json-1.1"
        elif b"Action=" in body:
            action = body.partition(b"Action=")[2].partition(b"&")[0]
            answer = b"<%bResponse><%bResult/></%bResponse>" % (action, action, action)
        elif signed.service == "sagemaker":
            answer = b"{}"
    except Refusal as error:
        status = error.status
        if "x-amz-target" in request.headers:
            answer, kind = f'{{"__type":"{error.code}","message":"{error}"}}'.encode(), b"json"
        else:
            text = f"<Error><Code>{error.code}</Code><Message>{error}</Message></Error>"
            query = b"Action=" in body
            answer = (f"<ErrorResponse>{text}</ErrorResponse>" if query else text).encode()
    headers = [(b"content-type", kind), (b"content-length", str(len(answer)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": answer})


@pytest.fixture(scope="module")
def strict_port():
    server = Server(strict)
    port = server.open("127.0.0.1", 0)
    with serving(server):
        yield port


@pytest.fixture
def client(strict_port, monkeypatch):
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name.startswith("AWS_"):
            monkeypatch.delenv(name)
    made = []

    def make(service, key=KEY, secret=SECRET, **config):
        config = {"retries": {"total_max_attempts": 1}, **config}
        client = boto3.client(
            service,
            endpoint_url=f"http://127.0.0.1:{strict_port}",
            region_name="eu-west-1",
            aws_access_key_id=key,
            aws_secret_access_key=secret,
            config=Config(**config),
        )
        made.append(client)
        return client

    yield make
    for each in made:
        each.close()


KEYS = ["a b", "a+b&c=d", "é/ü%20", "//x/../y/", "~._-!*'();:@,$", "sp  ace", "ключ", "a%2Fb"]


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("version", [None, "s3v4", "s3"])
def test_boto3_is_let_in_with_any_key(client, key, version):
    s3 = client("s3", signature_version=version)
    s3.put_object(
        Bucket="bucket",
        Key=key,
        Body=BODY,
        Metadata={"one": "two  words ", "plain": "x"},
        ContentType="text/plain; charset=utf-8",
        Tagging="a=b%20c",
        ServerSideEncryption="aws:kms",
    )
    s3.head_object(Bucket="bucket", Key=key, VersionId="1")
    s3.delete_objects(Bucket="bucket", Delete={"Objects": [{"Key": key}]})
    s3.list_objects_v2(Bucket="bucket", Prefix=key, Delimiter="/", StartAfter="é +&")
    s3.copy_object(Bucket="bucket", Key="copy", CopySource={"Bucket": "bucket", "Key": "k"})


@pytest.mark.parametrize("version", [None, "s3v4", "s3"])
def test_presigned_urls_open_what_they_say_and_nothing_else(client, version):
    s3 = client("s3", signature_version=version)
    for key in KEYS:
        url = s3.generate_presigned_url(
            "get_object",
            {
                "Bucket": "bucket",
                "Key": key,
                "ResponseContentType": "text/x; a=b",
                "VersionId": "3",
            },
        )
        assert curl(url)[0] == "200", key
        assert curl(url.replace("versionId=3", "versionId=4"))[0] == "403"
        assert curl(url, "-X", "DELETE")[0] == "403"
        assert curl(url, "-H", "x-amz-copy-source: /b/k")[0] == "403"
    put = s3.generate_presigned_url(
        "put_object", {"Bucket": "b", "Key": "k", "ContentType": "text/plain"}
    )
    assert curl(put, "-X", "PUT", "-d", "x", "-H", "Content-Type: text/plain")[0] == "200"
    assert curl(put, "-X", "PUT", "-d", "x", "-H", "Content-Type: text/html")[0] == "403"


def test_the_other_services_are_let_in(client):
    client("sagemaker").list_training_jobs(NameContains="é")
    client("logs").describe_log_groups(logGroupNamePrefix="/aws/sagemaker")
    client("sts").get_caller_identity()
    client("iam").get_role(RoleName="a+b=c,d@e")
    client("sagemaker-runtime").invoke_endpoint(
        EndpointName="end", Body=BODY, CustomAttributes="a  b, c"
    )
    client("sagemaker-metrics").batch_put_metrics(
        TrialComponentName="t",
        MetricData=[{"MetricName": "m", "Timestamp": datetime.now(UTC), "Value": 1.0}],
    )


@pytest.mark.parametrize(
    ("service", "wrong_key", "wrong_secret"),
    [
        ("s3", "InvalidAccessKeyId", "SignatureDoesNotMatch"),
        ("sagemaker", "UnrecognizedClientException", "SignatureDoesNotMatch"),
        ("sts", "InvalidClientTokenId", "SignatureDoesNotMatch"),
    ],
)
def test_who_is_not_let_in_is_told_why(client, service, wrong_key, wrong_secret):
    def code(**credentials):
        ask = getattr(client(service, **credentials), ASKED[service])
        with pytest.raises(ClientError) as caught:
            ask()
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
        return caught.value.response["Error"]["Code"]

    assert code(key="AKIASOMEONE") == wrong_key
    assert code(secret="guess") == wrong_secret


ASKED = {"s3": "list_buckets", "sagemaker": "list_models", "sts": "get_caller_identity"}


def test_unsigned_requests_stay_outside(strict_port):
    url = f"http://127.0.0.1:{strict_port}/bucket/key"
    assert "<Code>AccessDenied</Code>" in curl(url)[1]
    assert curl(url, "-H", "Host: evil.example")[0] == "403"


needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")


def curl(url, *options, **environ):
    """Status and text."""
    command = ["curl", "-sS", "--path-as-is", "-m", "30", "-w", "\n%{http_code}", *options, url]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        env={"PATH": os.environ["PATH"], **environ},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    text, _, status = done.stdout.rpartition("\n")
    return status, text


@pytest.fixture(scope="module", params=["uvloop", "asyncio"])
def door(request, tmp_path_factory):
    """A server that speaks as AWS, and the environment that leads clients to it."""
    certificates = Certificates(tmp_path_factory.mktemp("home"))
    certificates.prepare()
    server = Server(application, context=certificates.context, uvloop=request.param == "uvloop")
    port = server.open("127.0.0.1", 0)
    with serving(server):
        yield {
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path_factory.mktemp("user")),
            "HTTPS_PROXY": f"http://127.0.0.1:{port}",
            "AWS_CA_BUNDLE": str(certificates.bundle),
            "REQUESTS_CA_BUNDLE": str(certificates.bundle),
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
            "AWS_ACCESS_KEY_ID": "any",
            "AWS_SECRET_ACCESS_KEY": "any",
            "AWS_DEFAULT_REGION": "us-west-2",
        }


@contextmanager
def elsewhere(folder):
    """A host elsewhere, with TLS and files of its own; gives its URL and whom to trust."""
    now = datetime.now(UTC)
    authority = make_authority(now, 10, ["localhost"])
    (folder / "ca.pem").write_bytes(authority[: authority.index(b"-----BEGIN PRIVATE")])
    (folder / "host.pem").write_bytes(make_server(authority, ["localhost"], now, 5, ""))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "host.pem")
    from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

    class Quiet(SimpleHTTPRequestHandler):
        def __init__(self, *arguments):
            super().__init__(*arguments, directory=folder)

        def log_message(self, *_):
            pass

    class Encrypted(ThreadingHTTPServer):
        daemon_threads = False
        address_family = socket.AF_INET

        def get_request(self):
            sock, address = super().get_request()
            return context.wrap_socket(sock, server_side=True), address

    with Encrypted(("127.0.0.1", 0), Quiet) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"https://localhost:{server.server_port}", folder / "ca.pem"
        finally:
            server.shutdown()
            thread.join(30)


BOTO = """
import boto3
sts = boto3.client("sts", endpoint_url="https://sts.us-west-2.amazonaws.com")
print(sts.get_caller_identity()["Arn"])
print(boto3.client("sts").get_caller_identity()["Account"])
"""


def test_boto3_reaches_us_although_it_insists_on_aws(door):
    done = subprocess.run(
        [sys.executable, "-c", BOTO], env=door, capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    assert done.stdout.split() == [
        "arn:aws:sts::123456789012:assumed-role/sagelet/session",
        "123456789012",
    ]


@needs_curl
def test_curl_and_the_standard_library_tunnel_through_us(door, tmp_path):
    content = os.urandom(3_000_000).hex()
    (tmp_path / "file").write_text(content)
    with elsewhere(tmp_path) as (url, authority):
        status, text = curl(f"{url}/file", "--cacert", str(authority), "--noproxy", "", **door)
        assert (status, text) == ("200", content)
        program = (
            "import ssl, sys, urllib.request;"
            "context = ssl.create_default_context(cafile=sys.argv[2]);"
            "print(urllib.request.urlopen(sys.argv[1], context=context).read().decode(), end='')"
        )
        command = [sys.executable, "-c", program, f"{url}/file", str(authority)]
        done = subprocess.run(command, env=door, capture_output=True, text=True, check=True)
        assert done.stdout == content
    sts = "https://sts.eu-west-1.amazonaws.com/"
    status, text = curl(
        sts, "--cacert", door["AWS_CA_BUNDLE"], "-d", "Action=GetCallerIdentity", **door
    )
    assert status == "200"
    assert "<Account>123456789012</Account>" in text


SDK = """
import logging, sagemaker
from sagemaker.telemetry import telemetry_logging
session = sagemaker.Session()
print(session.account_id())
print(session.get_caller_identity_arn())
url = telemetry_logging._construct_url(
    accountId="1", region="us-west-2", status="1", feature="1", failure_reason=None,
    failure_type=None, extra_info=None)
answer = telemetry_logging.requests.get(url, timeout=20)
print(answer.status_code, len(answer.content))
"""


def sdk_python():
    """An environment with the SageMaker SDK 2, where one was made."""
    clients = Path(os.environ.get("SAGELET_CLIENTS") or Path.home() / ".cache/sagelet/clients")
    found = sorted(clients.glob("sagemaker2*/bin/python"))
    return found[-1] if found else None


@pytest.mark.slow
@pytest.mark.skipif(sdk_python() is None, reason="needs an environment with sagemaker 2")
def test_the_sagemaker_sdk_learns_its_account(door, tmp_path):
    done = subprocess.run(
        [sdk_python(), "-W", "ignore", "-c", SDK],
        env=door,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    *_, account, arn, telemetry = done.stdout.splitlines()
    assert account == "123456789012", done.stderr
    assert arn == "arn:aws:iam::123456789012:role/sagelet"
    assert telemetry == "200 0"


@pytest.mark.slow
@pytest.mark.skipif(sdk_python() is None, reason="needs an environment with pip")
def test_pip_and_requests_tunnel_through_us(door, tmp_path):
    name = "tunnelled-1.0-py3-none-any.whl"
    index = tmp_path / "files" / "simple" / "tunnelled"
    index.mkdir(parents=True)
    (index / "index.html").write_text(f'<a href="{name}">{name}</a>')
    import zipfile

    with zipfile.ZipFile(index / name, "w") as wheel:
        about = "Metadata-Version: 2.1\nName: tunnelled\nVersion: 1.0\n"
        wheel.writestr("tunnelled-1.0.dist-info/METADATA", about)
        kind = "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        wheel.writestr("tunnelled-1.0.dist-info/WHEEL", kind)
        wheel.writestr("tunnelled-1.0.dist-info/RECORD", "")
    with elsewhere(tmp_path / "files") as (url, authority):
        environ = {**door, "REQUESTS_CA_BUNDLE": str(authority), "PIP_CERT": str(authority)}
        environ["PIP_CONFIG_FILE"] = os.devnull
        download = ["-m", "pip", "download", "-q", "--no-deps", "--no-cache-dir"]
        subprocess.run(
            [sdk_python(), *download, "-i", f"{url}/simple", "tunnelled", "-d", str(tmp_path)],
            env=environ,
            check=True,
            timeout=120,
        )
        assert (tmp_path / name).exists()
        program = "import requests, sys; print(requests.get(sys.argv[1]).status_code)"
        done = subprocess.run(
            [sdk_python(), "-c", program, f"{url}/simple/tunnelled/"],
            env=environ,
            check=True,
            capture_output=True,
            text=True,
        )
        assert done.stdout == "200\n"
