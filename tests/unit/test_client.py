"""The command line's client, against answers byte by byte."""

import io
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from sagelet.aws.client import Client, read_answer
from sagelet.domain.errors import Refusal, ResourceInUse, Unavailable, ValidationException


def answer(status: int, body: bytes, *, chunked: bool = False) -> bytes:
    if not chunked:
        return b"HTTP/1.1 %d Fine\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body)
    pieces = [body[i : i + 3] for i in range(0, len(body), 3)]
    coded = b"".join(b"%x;why=not\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
    head = b"HTTP/1.1 %d Fine\r\ntransfer-encoding: chunked\r\n\r\n" % status
    return head + coded + b"0\r\nX-Trailer: 1\r\n\r\n"


@contextmanager
def client_of(*connections: list[bytes]) -> Iterator[tuple[Client, list[bytes]]]:
    """A client whose n-th connection gets these answers, one a request, and is then closed."""
    waiting = list(connections)
    asked: list[bytes] = []
    threads = []

    def connect() -> socket.socket:
        here, there = socket.socketpair()
        answers = waiting.pop(0)

        def serve() -> None:
            with there:
                for each in answers:
                    asked.append(there.recv(1 << 20))
                    there.sendall(each)

        threads.append(threading.Thread(target=serve))
        threads[-1].start()
        return here

    client = Client(connect, "eu-west-1")
    yield client, asked
    client.close()
    for thread in threads:
        thread.join()


@pytest.mark.parametrize("chunked", [True, False])
def test_an_answer_is_read_to_its_end_and_no_further(chunked: bool) -> None:
    stream = io.BufferedReader(
        io.BytesIO(
            b"HTTP/1.1 100 Continue\r\n\r\n"
            + answer(200, b"first one", chunked=chunked)
            + answer(404, b"")
        )
    )
    assert read_answer(stream) == (200, b"first one")
    assert read_answer(stream) == (404, b"")


@pytest.mark.parametrize("chunked", [True, False])
def test_an_answer_cut_short_is_none(chunked: bool) -> None:
    whole = answer(200, b"0123456789", chunked=chunked)
    for end in range(len(whole)):
        with pytest.raises(ConnectionError):
            read_answer(io.BufferedReader(io.BytesIO(whole[:end])))


def test_a_request_names_its_operation_and_its_region() -> None:
    with client_of([answer(200, b"{}")]) as (client, asked):
        assert client.call("sagemaker", "StopTrainingJob", {"TrainingJobName": "x"}) == {}
    head, _, body = asked[0].partition(b"\r\n\r\n")
    assert b"X-Amz-Target: SageMaker.StopTrainingJob\r\n" in head
    assert b"/eu-west-1/sagemaker/aws4_request, " in head
    assert json.loads(body) == {"TrainingJobName": "x"}


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("ValidationException", ValidationException),
        ("com.amazonaws.sagemaker#ResourceInUse", ResourceInUse),
        ("ResourceNotFoundException", Refusal),
    ],
)
def test_errors_come_back_as_ours(code: str, kind: type[Exception]) -> None:
    body = json.dumps({"__type": code, "message": "what was wrong"}).encode()
    with (
        client_of([answer(400, body)]) as (client, _),
        pytest.raises(kind, match="what was wrong") as caught,
    ):
        client.call("logs", "GetLogEvents", {})
    assert caught.value.code == code.rpartition("#")[2]


def test_an_error_that_is_no_document_is_shown() -> None:
    with client_of([answer(502, b"<html>")]) as (client, _), pytest.raises(Refusal, match="<html>"):
        client.get("/_cli/about")


def test_a_broken_connection_is_made_again_once() -> None:
    with client_of([answer(200, b"{}")], [answer(200, b'{"a": 1}')]) as (client, asked):
        client.get("/_cli/about")
        assert client.get("/_cli/about") == {"a": 1}
    assert len(asked) == 2
    with client_of([], []) as (client, _), pytest.raises(Unavailable, match="went away"):
        client.get("/_cli/about")


def test_what_must_not_be_done_twice_is_not() -> None:
    with client_of([], [answer(200, b"{}")]) as (client, asked):
        with pytest.raises(Unavailable):
            client.call("sagemaker", "CreateTrainingJob", {}, repeatable=False)
        assert asked == []
        assert client.get("/_cli/about") == {}
