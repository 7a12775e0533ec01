"""What the protocols make of what no client of AWS sends."""

import contextlib

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sagelet.aws.model import load_operation, load_service
from sagelet.aws.patterns import compile_pattern
from sagelet.aws.protocol import CODECS, cbor, xml
from sagelet.aws.protocol.times import read_time, write_time
from sagelet.aws.request import Request
from sagelet.aws.validation import InvalidRequest, validate
from sagelet.domain.errors import Refusal


def parsed(cache, service, name, protocol, body, path="/", query="", **headers):
    operation = load_operation(service, name, cache)
    request = Request("POST", path, query, headers, "http", "loopback")
    document = CODECS[protocol].parse(load_service(service, cache), operation, request, body)
    validate(operation, document, wire=True)
    return document


@pytest.mark.parametrize(
    ("service", "name", "protocol"),
    [
        ("sagemaker", "CreateTrainingJob", "json"),
        ("cloudwatch", "PutMetricData", "json"),
        ("cloudwatch", "PutMetricData", "query"),
        ("cloudwatch", "PutMetricData", "smithy-rpc-v2-cbor"),
        ("sts", "AssumeRole", "query"),
        ("iam", "CreateRole", "query"),
        ("sagemaker-metrics", "BatchPutMetrics", "rest-json"),
        ("sagemaker-runtime", "InvokeEndpoint", "rest-json"),
    ],
)
def test_any_body_is_read_or_refused(cache, service, name, protocol):
    @settings(deadline=None)
    @given(st.binary(max_size=60) | st.text(max_size=30).map(str.encode))
    @example(b"A..B=1&A=2&=3&.=4&A.=5")
    @example(b"MetricData.member.1=x&MetricData.member.x.MetricName=y&MetricData=z")
    @example(b"Tags.member.1.Key.x=1&Tags.member.99999999999999999999.Key=y&DurationSeconds=1_0x")
    @example(b"[" * 5000)
    @example(b"\x81" * 5000)
    @example(b"\xa1\x6aMetricData\x81\xa1\x69Timestamp\xc1\xf9\x7c\x00")
    @example(b"\xbf\x61a\xff")
    @example(b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff")
    def check(body):
        with contextlib.suppress(Refusal, InvalidRequest):
            parsed(cache, service, name, protocol, body)

    check()


@given(st.binary(max_size=40))
def test_any_cbor_ends(data):
    with contextlib.suppress(ValueError):
        cbor.decode(data)


@pytest.mark.parametrize(
    ("data", "value"),
    [
        ("00", 0), ("1818", 24), ("3903e7", -1000), ("1bffffffffffffffff", 2**64 - 1),
        ("f93c00", 1.0), ("fb3ff199999999999a", 1.1), ("f4", False), ("f6", None), ("f7", None),
        ("c11a514b67b0", 1363896240), ("43010203", b"\1\2\3"),
        ("5f42010243030405ff", b"\1\2\3\4\5"),
        ("7f657374726561646d696e67ff", "streaming"), ("9f018202039f0405ffff", [1, [2, 3], [4, 5]]),
        ("bf61610161629f0203ffff", {"a": 1, "b": [2, 3]}), ("a0", {}),
    ],
)  # fmt: skip
def test_cbor_as_its_specification_has_it(data, value):
    assert cbor.decode(bytes.fromhex(data)) == value


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (1.5, 1.5),
        (0, 0.0),
        ("2.5", 2.5),
        ("2020-01-01T00:00:00Z", 1577836800.0),
        ("2020-01-01T00:00:00.250Z", 1577836800.25),
        ("2020-01-01T02:00:00+02:00", 1577836800.0),
        ("2020-01-01", 1577836800.0),
        ("Wed, 01 Jan 2020 00:00:00 GMT", 1577836800.0),
        ("1e3", 1000.0),
    ],
)
def test_times_are_read(value, seconds):
    assert read_time(value) == seconds


@pytest.mark.parametrize("value", ["", "soon", "nan", "inf", "2020-13-01", True, None, [], "1e999"])
def test_what_is_no_time(value):
    with pytest.raises(ValueError):
        read_time(value)


@given(st.integers(-30_000_000_000_000, 253_402_300_799_999))
def test_times_come_back(milliseconds):
    seconds = milliseconds / 1000
    assert read_time(write_time(seconds, "iso8601")) == seconds
    assert read_time(write_time(seconds, "unixTimestamp")) == seconds
    assert 0 <= seconds - read_time(write_time(seconds, "rfc822")) < 1


def test_times_of_a_request_may_be_texts(cache):
    body = b'{"CreationTimeAfter": "2020-01-01T00:00:00Z", "CreationTimeBefore": 1.5}'
    assert parsed(cache, "sagemaker", "ListTrainingJobs", "json", body) == {
        "CreationTimeAfter": 1577836800.0,
        "CreationTimeBefore": 1.5,
    }
    with pytest.raises(Refusal, match="'soon' is not a timestamp") as caught:
        parsed(cache, "sagemaker", "ListTrainingJobs", "json", b'{"CreationTimeAfter": "soon"}')
    assert caught.value.code == "SerializationException"


def test_text_that_xml_cannot_hold_does_not_break_it():
    assert xml.text("a\0\x1b<&>\r\n\ud800") == "a\ufffd\ufffd&lt;&amp;&gt;&#13;\n\ufffd"


@pytest.mark.parametrize(
    ("pattern", "good", "bad"),
    [
        (r"([\p{L}\p{Z}\p{N}_.:/=+\-@]*)", "größe a/b 数 Ⅷ", "a;b"),
        (r"[\p{L}\p{M}\p{S}\p{N}\p{P}]+", "a-b+c!…\u00e9", "\x07"),
        (r"\p{ASCII}*", "abc", "ä"),
        (r"\A\S[\p{Print}]*\z", "a b", " a"),
        (r"arn:[\p{Alnum}\-]+:x", "arn:aws-cn:x", "arn:ä:x"),
        (r"[\w-_]*", "a-_", "a b"),
        (r"[\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF\t]*", "a\t\U0001f600", "a\n"),
    ],
)
def test_patterns_written_for_java(pattern, good, bad):
    compiled = compile_pattern(pattern)
    assert compiled.fullmatch(good)
    assert not compiled.fullmatch(bad)


def test_a_pattern_that_cannot_be_read_checks_nothing():
    assert compile_pattern("a)") is None


def test_numbers_that_do_not_fit(cache):
    body = b'{"MaxResults": 99999999999999999999}'
    with pytest.raises(Refusal, match="cannot be converted to Integer"):
        parsed(cache, "sagemaker", "ListTrainingJobs", "json", body)


def test_header_values_cannot_begin_another_header(cache):
    operation = load_operation("sagemaker-runtime", "InvokeEndpoint", cache)
    service = load_service("sagemaker-runtime", cache)
    document = {"Body": b"", "ContentType": "a\r\nset-cookie: b"}
    response = CODECS["rest-json"].serialise(service, operation, document, "id")
    assert (b"content-type", b"a  set-cookie: b") in response.headers
