"""Which service, operation and protocol a request's head means."""

import pytest

from sagelet.aws.operation import Registered
from sagelet.aws.registry import FixedRegistry
from sagelet.aws.request import read_request
from sagelet.aws.routing import Router

FORM = "application/x-www-form-urlencoded; charset=utf-8"
SERVICES = (
    "sagemaker",
    "logs",
    "cloudwatch",
    "sts",
    "iam",
    "ecr",
    "sagemaker-metrics",
    "sagemaker-runtime",
)


@pytest.fixture(scope="module")
def router(cache):
    return Router(
        FixedRegistry(Registered(name, "X", None, quick=True) for name in SERVICES), cache
    )


def head(method, target, **headers):
    path, _, query = target.partition("?")
    pairs = [(k.replace("_", "-").encode(), v.encode()) for k, v in headers.items()]
    return read_request(
        {
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": pairs,
            "scheme": "http",
            "state": {"door": "loopback"},
        }
    )


@pytest.mark.parametrize(
    ("request_head", "scope", "expected"),
    [
        (head("POST", "/", x_amz_target="SageMaker.ListTags"), None, "json sagemaker ListTags"),
        (head("POST", "/", x_amz_target="Logs_20140328.X"), "s3", "json logs X"),
        (
            head("POST", "/", x_amz_target="GraniteServiceVersion20100801.ListMetrics"),
            "monitoring",
            "json cloudwatch ListMetrics",
        ),
        (head("POST", "/", x_amz_target="Other.Thing"), None, "json None Other.Thing"),
        (head("POST", "/", x_amz_target=""), None, "json None "),
        (
            head(
                "POST",
                "/service/GraniteServiceVersion20100801/operation/ListMetrics",
                smithy_protocol="rpc-v2-cbor",
            ),
            None,
            "smithy-rpc-v2-cbor cloudwatch ListMetrics",
        ),
        (
            head("POST", "/service/Other/operation/X", smithy_protocol="rpc-v2-cbor"),
            None,
            "smithy-rpc-v2-cbor None Other.X",
        ),
        (head("POST", "/service/a/operation/b"), "s3", "s3 None None"),
        (head("POST", "/", content_type=FORM), "sts", "query None None"),
        (head("POST", "/", content_type=FORM), None, "query None None"),
        (head("POST", "/", content_type=FORM), "s3", "s3 None None"),
        (head("POST", "/bucket", content_type=FORM), None, "s3 None None"),
        (head("GET", "/?Action=GetCallerIdentity"), "sts", "query None None"),
        (head("GET", "/?Action=GetCallerIdentity"), "s3", "s3 None None"),
        (
            head("POST", "/endpoints/a%2Fb/invocations"),
            "sagemaker",
            "rest-json sagemaker-runtime InvokeEndpoint",
        ),
        (
            head("PUT", "/BatchPutMetrics"),
            "sagemaker",
            "rest-json sagemaker-metrics BatchPutMetrics",
        ),
        (head("GET", "/x"), "sagemaker", "rest-json None GET /x (sagemaker)"),
        (head("GET", "/2015/f"), "lambda", "rest-json None GET /2015/f (lambda)"),
        (head("POST", "/endpoints/a/invocations"), None, "s3 None None"),
        (head("POST", "/endpoints/a/invocations"), "s3", "s3 None None"),
        (head("PUT", "/bucket/key"), "s3express", "s3 None None"),
        (head("GET", "/"), None, "s3 None None"),
    ],
    ids=str,
)  # fmt: skip
def test_where_a_request_goes(router, request_head, scope, expected):
    route = router.route(request_head, scope)
    service = route.service.name if route.service else None
    assert f"{route.protocol} {service} {route.operation}" == expected


@pytest.mark.parametrize(
    ("form", "scope", "expected"),
    [
        ({"Action": "GetCallerIdentity", "Version": "2011-06-15"}, "sts", "sts GetCallerIdentity"),
        ({"Action": "GetCallerIdentity", "Version": "2011-06-15"}, None, "sts GetCallerIdentity"),
        ({"Action": "GetRole", "Version": "2010-05-08"}, "iam", "iam GetRole"),
        ({"Action": "X", "Version": "2010-08-01"}, "monitoring", "cloudwatch X"),
        ({"Action": "GetCallerIdentity"}, "sts", "sts GetCallerIdentity"),
        ({"Action": "X", "Version": "2016-11-15"}, "ec2", "None Action=X (Version=2016-11-15)"),
        ({}, "sts", "None Action=None (Version=)"),
    ],
)  # fmt: skip
def test_where_a_form_goes(router, form, scope, expected):
    route = router.action(form, scope)
    assert f"{route.service.name if route.service else None} {route.operation}" == expected


def test_repeated_headers_are_joined():
    scope = {
        "method": "GET",
        "path": "/a b",
        "query_string": b"",
        "headers": [(b"x", b"1"), (b"y", b"2"), (b"x", b"3")],
        "scheme": "http",
    }
    request = read_request(scope)
    assert request.headers == {"x": "1,3", "y": "2"}
    assert (request.path, request.door) == ("/a b", "network")
