"""Every registered operation, and many more, against botocore's own serialiser and parser.

What botocore sends, our protocols read back; what they write, botocore reads back; an error comes
to its caller as the class that the service's model has for it.
"""

import functools
import io
import re

import pytest
from botocore.awsrequest import HeadersDict, create_request_object, prepare_request_dict
from botocore.errorfactory import ClientExceptionsFactory
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.parsers import create_parser
from botocore.serialize import create_serializer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sagelet.aws.model import load_service
from sagelet.aws.operation import Registered
from sagelet.aws.protocol import CODECS
from sagelet.aws.protocol.query import read_form
from sagelet.aws.registry import FixedRegistry, Registry
from sagelet.aws.request import Request
from sagelet.aws.routing import Router
from sagelet.aws.validation import validate
from sagelet.domain.errors import Refusal
from support.shapes import XML_TEXT, Taste, as_botocore, convert, documents

#: Operations that exercise what the protocols can do, whether they exist here or not.
FURTHER = {
    "sagemaker": r".*TrainingJob.*|(Add|List|Delete)Tags|Search|.*TrialComponent",
    "logs": r"(Describe|Get|Put|Filter)Log(Group|Stream|Event)s?|PutLogEvents|TagResource",
    "cloudwatch": r".*Metric(s|Data|Statistics|Alarm)|ListTagsForResource",
    "sts": r".*",
    "iam": r".*Role|.*RolePolicy|SimulatePrincipalPolicy|ListRole.*|UploadServerCertificate",
    "ecr": r".*(Repositories|Image|Images|Token|LayerPart)",
    "sagemaker-metrics": r".*",
    "sagemaker-runtime": r"InvokeEndpoint(Async)?",
}


@functools.cache
def registered():
    """(service, operation) pairs of this program."""
    registry = Registry()
    return {(service, name) for service in registry.services for name in registry.of(service)}


def operations():
    """All registered here, and the further ones."""
    pairs = set(registered())
    for service, pattern in FURTHER.items():
        names = model(service).operation_names
        pairs |= {(service, name) for name in names if re.fullmatch(pattern, name)}
    return sorted(pairs)


@functools.cache
def model(service):
    return ServiceModel(Loader().load_service_model(service, "service-2"), service)


def spoken():
    """(service, operation, protocol) triples."""
    for service, name in operations():
        theirs = model(service).operation_model(name)
        if not theirs.has_event_stream_input and not theirs.has_event_stream_output:
            for protocol in model(service).protocols or [model(service).protocol]:
                yield pytest.param(service, name, protocol, id=f"{service}-{name}-{protocol}")


@pytest.fixture(scope="module")
def router(cache):
    """Routes to every operation of this test."""
    return Router(
        FixedRegistry(
            Registered(service, name, None, quick=True) for service, name in operations()
        ),
        cache,
    )


@pytest.fixture
def service(request, cache):
    return load_service(request.param, cache)


each = pytest.mark.parametrize(
    ("service", "name", "protocol"), list(spoken()), indirect=["service"]
)


def some(service, name):
    """How much is tried: more of what is served here."""
    return settings(
        max_examples=20 if (service.name, name) in registered() else 6,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


TASTES = {
    "json": Taste(),
    "rest-json": Taste(),
    "query": Taste(full=True),
    "smithy-rpc-v2-cbor": Taste(),
}
ANSWERS = {
    "json": Taste(infinities=False, patterns=False),
    "rest-json": Taste(infinities=False, patterns=False),
    "query": Taste(text=XML_TEXT, patterns=False),
    "smithy-rpc-v2-cbor": Taste(patterns=False),
}


def sent(service, name, protocol, parameters):
    """The HTTP request that botocore makes."""
    theirs = model(service.name).operation_model(name)
    serialised = create_serializer(protocol).serialize_to_request(parameters, theirs)
    prepare_request_dict(serialised, "http://127.0.0.1:4580", user_agent="test")
    prepared = create_request_object(serialised).prepare()
    headers = {
        key.lower(): value if isinstance(value, str) else value.decode("latin-1")
        for key, value in prepared.headers.items()
    }
    path, _, query = prepared.url.removeprefix("http://127.0.0.1:4580").partition("?")
    body = prepared.body or b""
    return (
        Request(prepared.method, path, query, headers, "http", "loopback"),
        body if isinstance(body, bytes) else body.encode(),
    )


@each
def test_what_botocore_sends_is_read_back(router, service, name, protocol):
    operation = service.operation(name)

    @some(service, name)
    @given(st.data())
    def check(data):
        shape = operation.input
        document = data.draw(documents(operation, shape, TASTES[protocol])) if shape else {}
        given = convert(operation, shape, document, as_botocore) if shape else {}
        payload = operation.shapes[shape].get("payload") if shape else None
        if document.get(payload) == b"" and payload not in operation.shapes[shape]["required"]:
            del document[payload]  # nothing looks like none
        request, body = sent(service, name, protocol, given)
        route = router.route(request, service.signing_name)
        if route.protocol == "query":
            route = router.action(read_form(request, body), service.signing_name)
        assert (route.protocol, route.service.name, route.operation) == (
            protocol,
            service.name,
            name,
        )
        read = CODECS[protocol].parse(service, operation, request, body)
        validate(operation, read, wire=True)
        assert read == document

    check()


def received(response):
    """An HTTP response as botocore's parsers get it."""
    return {
        "status_code": response.status,
        "headers": HeadersDict((key.decode(), value.decode()) for key, value in response.headers),
        "body": response.body,
        "context": {},
    }


@each
def test_what_is_answered_botocore_reads(service, name, protocol):
    operation = service.operation(name)
    theirs = model(service.name).operation_model(name)

    @some(service, name)
    @given(st.data())
    def check(data):
        shape = operation.output
        document = data.draw(documents(operation, shape, ANSWERS[protocol])) if shape else {}
        response = CODECS[protocol].serialise(service, operation, document, "id-1")
        answer = received(response)
        streamed = theirs.has_streaming_output
        if streamed:
            answer["body"] = io.BytesIO(response.body)
        parsed = create_parser(protocol).parse(answer, theirs.output_shape)
        metadata = parsed.pop("ResponseMetadata")
        assert metadata["HTTPStatusCode"] == 200
        if shape or protocol != "smithy-rpc-v2-cbor":
            assert metadata["RequestId"] == "id-1"
        if streamed:
            payload = operation.shapes[shape]["payload"]
            parsed[payload] = parsed[payload].read()
            document.setdefault(payload, b"")
        assert parsed == (convert(operation, shape, document, as_botocore) if shape else {})

    check()


@pytest.mark.parametrize(
    ("service", "name", "protocol"),
    [
        triple
        for triple in spoken()
        if model(triple.values[0]).operation_model(triple.values[1]).error_shapes
    ],
    indirect=["service"],
)
def test_errors_arrive_as_their_classes(service, name, protocol):
    operation = service.operation(name)
    theirs = model(service.name).operation_model(name)
    classes = ClientExceptionsFactory().create_client_exceptions(model(service.name))
    parser = create_parser(protocol)

    @some(service, name)
    @given(st.data(), st.sampled_from(theirs.error_shapes), XML_TEXT)
    def check(data, shape, message):
        members = data.draw(documents(operation, shape.name, ANSWERS[protocol]))
        members = {key: value for key, value in members.items() if key.lower() != "message"}
        code = data.draw(st.sampled_from([shape.name, shape.error_code]))
        refusal = Refusal(code, message, 400, **members)
        answer = received(CODECS[protocol].refuse(service, operation, refusal, "id-1"))
        parsed = parser.parse(answer, theirs.output_shape)
        status = shape.metadata.get("error", {}).get("httpStatusCode", 400)
        assert parsed["ResponseMetadata"]["RequestId"] == "id-1"
        assert parsed["ResponseMetadata"]["HTTPStatusCode"] == status
        assert (parsed["Error"].get("Message") or "") == message
        assert classes.from_code(parsed["Error"]["Code"]).__name__ == shape.name
        modelled = parser.parse(answer, shape)
        for key, value in convert(operation, shape.name, members, as_botocore).items():
            assert modelled[key] == value
        for key in shape.members:
            assert key.lower() != "message" or modelled[key] == message

    check()


@pytest.mark.parametrize(
    ("service", "protocol"),
    [("sagemaker", "json"), ("sts", "query"), ("sagemaker-runtime", "rest-json"),
     ("cloudwatch", "smithy-rpc-v2-cbor")],
    indirect=["service"],
)  # fmt: skip
def test_an_error_without_a_model_arrives_too(service, protocol):
    for operation in (None, next(iter(service.uris))):
        found = operation and service.operation(operation)
        refusal = Refusal("NotImplemented", "<no> & 'never'", 501)
        answer = received(CODECS[protocol].refuse(service, found, refusal, "id-1"))
        parsed = create_parser(protocol).parse(answer, None)
        assert parsed["Error"]["Code"] == "NotImplemented"
        assert parsed["Error"]["Message"] == "<no> & 'never'"
        assert parsed["ResponseMetadata"]["HTTPStatusCode"] == 501
