"""The server's sockets: which there are, who may come in, how it stops."""

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from sagelet.domain.errors import ValidationException
from sagelet.server.listen import Server, door_of
from sagelet.server.sockets import PortTaken, connect_unix
from support.door import SLOW, application, get, read_answer, serving


@pytest.fixture(params=["uvloop", "asyncio"])
def server(request):
    made = Server(application, uvloop=request.param == "uvloop")
    yield made
    made.close()


def tcp(port, host="127.0.0.1"):
    return socket.create_connection((host, port), timeout=30)


def own_address():
    """An address of this machine that others reach, if it has one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            pytest.skip("this machine has loopback only")
        return probe.getsockname()[0]


def test_each_socket_is_a_door(server, tmp_path):
    path = tmp_path / "control.sock"
    port = server.open("127.0.0.1", 0)
    server.open_unix(path)
    with serving(server):
        bridge = server.add("127.0.0.2", 0)
        with tcp(port) as near, connect_unix(path, 30) as control, tcp(bridge, "127.0.0.2") as far:
            answers = [get(near), get(control), get(far)]
            assert [answer["door"] for answer in answers] == ["loopback", "local", "containers"]
            assert [answer["server"][1] for answer in answers] == [port, None, bridge]
            assert server.connections == 3
            get(near)
    assert server.connections == 0
    assert not path.exists()
    assert door_of({"state": {"door": "local"}}) == "local"


def test_the_control_socket_is_its_owners(server, tmp_path):
    path = tmp_path / "control.sock"
    stale = socket.socket(socket.AF_UNIX)
    stale.bind(str(path))
    stale.close()
    server.open_unix(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]
    with serving(server), connect_unix(path, 30) as control:
        assert get(control)["door"] == "local"


def test_homes_with_long_names_have_a_control_socket_too(server, tmp_path):
    folder = tmp_path / ("long" * 40)
    folder.mkdir()
    server.open_unix(folder / "control.sock")
    with serving(server), connect_unix(folder / "control.sock", 30) as control:
        assert get(control)["door"] == "local"
    with pytest.raises(OSError):
        connect_unix(folder / "control.sock")


def test_others_are_not_let_in_without_credentials(server):
    for host in ("0.0.0.0", "::", own_address()):
        with pytest.raises(ValidationException, match="SAGELET_ACCESS_KEY_ID"):
            server.open(host, 0)
    with pytest.raises(ValidationException, match="no such address"):
        server.open("no-such-host.invalid", 0)
    with pytest.raises(ValidationException, match="Cannot listen"):
        server.add("203.0.113.77", 0)


def test_with_credentials_they_come_through_a_door_of_their_own():
    server = Server(application, demands_credentials=True)
    port = server.open("0.0.0.0", 0)
    with serving(server), tcp(port) as near, tcp(port, own_address()) as far:
        assert get(near)["door"] == "loopback"
        assert get(far)["door"] == "network"


def test_a_taken_port_is_named_with_who_has_it(server):
    port = server.open("127.0.0.1", 0)
    with pytest.raises(PortTaken, match=rf"Port {port} .* \(pid {os.getpid()}\)"):
        Server(application).open("127.0.0.1", port)


def test_requests_in_flight_are_finished(server):
    port = server.open("127.0.0.1", 0)
    SLOW.asked.clear()
    SLOW.go_on.clear()
    answers = []
    with serving(server), tcp(port) as idle:
        get(idle)
        with tcp(port) as busy:
            asking = threading.Thread(target=lambda: answers.append(get(busy, "/slow")))
            asking.start()
            assert SLOW.asked.wait(30)
            server.stop()
            assert idle.recv(1) == b""  # closed at once
            with pytest.raises(OSError):
                tcp(port)
            SLOW.go_on.set()
            asking.join(30)
    assert answers[0]["door"] == "loopback"


def test_a_server_can_be_stopped_before_it_runs(server):
    server.open("127.0.0.1", 0)
    server.stop()
    server.run()


def test_it_runs_once_its_clients_can_be_answered(server):
    """Whoever connects before ``ready`` waits in the queue."""
    port = server.open("127.0.0.1", 0)
    with tcp(port) as early, serving(server):
        assert get(early)["door"] == "loopback"


SCRIPT = """
import signal, sys, time
sys.path.insert(0, sys.argv[1])
from support.door import application
from sagelet.server.listen import Server
server = Server(application, uvloop=sys.argv[2] == "uvloop")
port = server.open("127.0.0.1", 0)
signal.signal(signal.SIGTERM, lambda *_: server.stop())
server.run(lambda: print(port, flush=True))
print("over", flush=True)
"""


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
def test_signals_are_left_to_the_program(loop):
    tests = Path(__file__).parents[1]
    program = [sys.executable, "-c", SCRIPT, str(tests), loop]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as process:
        port = int(process.stdout.readline())
        with tcp(port) as sock:
            get(sock)
            process.send_signal(signal.SIGTERM)
            assert process.stdout.read() == "over\n"
        assert process.wait(30) == 0


def test_many_requests_on_one_connection(server):
    port = server.open("127.0.0.1", 0)
    with serving(server), tcp(port) as sock, sock.makefile("rb") as file:
        head = b"GET / HTTP/1.1\r\nHost: x\r\nX-Pad: " + b"p" * 5000 + b"\r\n\r\n"
        sock.sendall(head * 100)  # pipelined
        for _ in range(100):
            status, headers, _ = read_answer(file)
            assert status == 200
            assert "server" not in headers
            assert headers["date"].endswith("GMT")


def test_a_request_may_come_byte_by_byte(server):
    port = server.open("127.0.0.1", 0)
    body = b"CONNECT in a body"
    lines = [b"COPY /echo HTTP/1.1", b"Host: x", b"Content-Length: %d" % len(body), b"", body]
    with serving(server), tcp(port) as sock, sock.makefile("rb") as file:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in b"\r\n".join(lines):
            sock.sendall(bytes([byte]))
        assert read_answer(file)[2] == body


@pytest.mark.parametrize(
    "start",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: ",
        b"GET /",
        b"PUT /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX-T: ",
    ],
    ids=["head", "path", "trailer"],
)
def test_heads_without_end_are_refused(server, start):
    port = server.open("127.0.0.1", 0)
    with serving(server), tcp(port) as sock:
        sock.sendall(start)
        try:
            while True:
                sock.sendall(b"a" * 10_000)
        except ConnectionError:
            pass
        with tcp(port) as other:
            get(other)


def test_large_bodies_are_not_bounded_here(server):
    port = server.open("127.0.0.1", 0)
    with serving(server), tcp(port) as sock, sock.makefile("rb") as file:
        size = 8 << 20
        sock.sendall(b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % size)
        sock.sendall(bytes(size))
        assert f'"length": {size}'.encode() in read_answer(file)[2]
        sock.sendall(b"PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        sock.sendall(b"1\r\na\r\n" * 100_000 + b"0\r\n\r\n")
        assert b'"length": 100000' in read_answer(file)[2]


@pytest.mark.parametrize("size", [10, 5 << 20, 30 << 20])
def test_an_early_answer_reaches_a_client_that_sends_on(server, size):
    """It asked for the connection's end; what it has still to say is taken in first."""
    port = server.open("127.0.0.1", 0)
    with serving(server), tcp(port) as sock, sock.makefile("rb") as file:
        head = b"PUT /early HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
        sock.sendall(head % size)
        sock.sendall(bytes(size))
        status, _, answer = read_answer(file)
        assert (status, json.loads(answer)["length"]) == (200, 0)
        assert file.read() == b""


def test_who_was_answered_early_cannot_send_for_ever(server, monkeypatch):
    monkeypatch.setattr("sagelet.server.protocol.LINGER", 0.2)
    port = server.open("127.0.0.1", 0)

    def pour(sock):
        sock.sendall(b"PUT /early HTTP/1.1\r\nHost: x\r\nConnection: close\r\n")
        sock.sendall(b"Content-Length: 1000000000000\r\n\r\n")
        while True:
            sock.sendall(bytes(1 << 20))

    with serving(server), tcp(port) as sock, pytest.raises(ConnectionError):
        pour(sock)


def test_what_is_not_http_is_refused(server):
    port = server.open("127.0.0.1", 0)
    with serving(server), tcp(port) as sock, sock.makefile("rb") as file:
        sock.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
        assert read_answer(file)[0] == 400
