"""CONNECT: TLS with us as AWS, and tunnels to everywhere else."""

import base64
import hashlib
import http.client
import select
import socket
import ssl
import struct
import threading
from contextlib import contextmanager

import pytest

from sagelet.server.certificates import Certificates
from sagelet.server.listen import Server
from sagelet.server.upstream import Proxy, Upstream
from support.door import STS_ANSWER, application, connect, read_answer, serving

STS = "sts.us-east-1.amazonaws.com"
KEY, SECRET = "SAGELETJOB1", "job:secret"
BASIC = f"Proxy-Authorization: Basic {base64.b64encode(f'{KEY}:{SECRET}'.encode()).decode()}\r\n"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    made = Certificates(tmp_path_factory.mktemp("home"), trusted=())
    made.prepare()
    return made


@pytest.fixture(params=["uvloop", "asyncio"])
def make(request, certificates):
    servers = []

    def make_server(**options):
        server = Server(
            application,
            context=certificates.context,
            uvloop=request.param == "uvloop",
            secret_of={KEY: SECRET}.get,
            **options,
        )
        servers.append(server)
        return server

    yield make_server
    for server in servers:
        server.close()


@pytest.fixture
def trust(certificates):
    context = ssl.create_default_context(cafile=certificates.bundle)
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    return context


@contextmanager
def listening(serve):
    """A host of its own: ``serve`` is called with the first connection, in a thread."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(30)

        def run():
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            with sock:
                sock.settimeout(30)
                serve(sock)

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield f"localhost:{listener.getsockname()[1]}"
        finally:
            thread.join(30)
            assert not thread.is_alive()


def tcp(port):
    return socket.create_connection(("127.0.0.1", port), timeout=30)


def echo(sock):
    while data := sock.recv(65536):
        sock.sendall(data)


def read_all(sock):
    parts = []
    while data := sock.recv(65536):
        parts.append(data)
    return b"".join(parts)


def through(port, host, context):
    client = http.client.HTTPSConnection("127.0.0.1", port, context=context, timeout=30)
    client.set_tunnel(host, 443)
    return client


@pytest.mark.parametrize(
    "host",
    [
        "sts.amazonaws.com",
        STS,
        "sts-fips.us-west-2.amazonaws.com",
        "sts.us-gov-west-1.amazonaws.com",
        "sts.cn-north-1.amazonaws.com.cn",
        "sm-pysdk-t-eu-west-1.s3.eu-west-1.amazonaws.com",
    ],
)
def test_we_answer_for_sts_and_the_sdks_telemetry(make, trust, host):
    server = make()
    port = server.open("127.0.0.1", 0)
    with serving(server):
        client = through(port, host, trust)
        client.request("POST", "/", body=b"Action=GetCallerIdentity")
        answer = client.getresponse()
        assert answer.status == 200
        assert answer.read() == (b"" if host.startswith("sm-") else STS_ANSWER.encode())
        client.close()


def test_an_encrypted_connection_is_like_any_other(make, trust):
    server = make()
    port = server.open("127.0.0.1", 0)
    body = b"0123456789abcdef" * 200_000
    with serving(server):
        client = through(port, STS, trust)
        for _ in range(3):  # kept alive
            client.request("GET", "/")
            said = client.getresponse().read()
            assert b'"scheme": "https"' in said
            assert b'"door": "loopback"' in said
            client.request("PUT", "/echo", body=body)
            assert hashlib.sha256(client.getresponse().read()).digest() == (
                hashlib.sha256(body).digest()
            )
        assert server.connections == 1
        client.close()


def test_a_client_that_keeps_its_connection_does_not_hold_the_server_up(make, trust):
    server = make()
    port = server.open("127.0.0.1", 0)
    with serving(server):
        client = through(port, STS, trust)
        client.request("GET", "/")
        client.getresponse().read()
        server.stop()  # and its goodbye is not heard: ``serving`` waits for the end
    client.close()


def test_a_request_may_follow_the_handshake_at_once(make, trust):
    """Its bytes come with the last ones of the handshake."""
    server = make()
    port = server.open("127.0.0.1", 0)
    with serving(server):
        for _ in range(20):
            sock, status, _ = connect(port, f"{STS}:443")
            assert status == 200
            incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
            tls = trust.wrap_bio(incoming, outgoing, server_hostname=STS)
            done = False
            while not done:
                try:
                    tls.do_handshake()
                    done = True
                    tls.write(b"GET / HTTP/1.1\r\nHost: sts.amazonaws.com\r\n\r\n")
                except ssl.SSLWantReadError:
                    sock.sendall(outgoing.read())
                    incoming.write(sock.recv(65536))
            sock.sendall(outgoing.read())
            said = b""
            while b'"scheme": "https"' not in said:
                incoming.write(sock.recv(65536))
                try:
                    while part := tls.read(65536):
                        said += part
                except ssl.SSLWantReadError:
                    continue
            sock.close()


def test_who_does_not_trust_us_goes_away_and_nothing_is_left(make):
    server = make()
    port = server.open("127.0.0.1", 0)
    with serving(server):
        for _ in range(5):
            sock, status, _ = connect(port, f"{STS}:443")
            assert status == 200
            with pytest.raises(ssl.SSLCertVerificationError):
                ssl.create_default_context().wrap_socket(sock, server_hostname=STS)
            sock.close()
        sock, _, _ = connect(port, f"{STS}:443")
        sock.sendall(b"this is no TLS at all" * 10)
        read_until_closed(sock)
        with socket.create_connection(("127.0.0.1", port)) as probe:
            probe.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            with probe.makefile("rb") as file:
                assert read_answer(file)[0] == 200
            assert server.connections == 1


def read_until_closed(sock):
    with sock:
        try:
            while sock.recv(4096):
                pass
        except ConnectionError:
            pass


def test_without_certificates_every_host_is_tunnelled():
    server = Server(application)
    port = server.open("127.0.0.1", 0)
    with serving(server):
        sock, status, said = connect(port, "sts.no-such-region.amazonaws.com.invalid:443")
        sock.close()
        assert status == 502
        assert b"cannot find" in said


def test_a_tunnel_carries_much_both_ways_and_keeps_little(make):
    server = make()
    port = server.open("127.0.0.1", 0)
    block = bytes(range(256)) * 256
    with serving(server), listening(echo) as target:
        sock, status, _ = connect(port, target)
        with sock:
            assert status == 200
            sent = 0
            # Nobody reads the echo, so all comes to a stand, unless something grows without bounds.
            while sent < 128 << 20 and select.select([], [sock], [], 2)[1]:
                sent += sock.send(block[sent % len(block) :], socket.MSG_DONTWAIT)
            assert sent < 128 << 20
            received = threading.Thread(target=lambda: parts.append(read_all(sock)))
            parts: list[bytes] = []
            received.start()
            end = sent + (8 << 20)
            while sent < end:
                sent += sock.send(block[sent % len(block) :])
            sock.shutdown(socket.SHUT_WR)
            received.join(60)
    whole = block * (sent // len(block)) + block[: sent % len(block)]
    assert len(parts[0]) == len(whole)
    assert parts[0] == whole


def test_each_direction_ends_for_itself(make):
    server = make()
    port = server.open("127.0.0.1", 0)

    def answer_after_the_end(sock):
        asked = read_all(sock)
        sock.sendall(b"you said " + asked)

    with serving(server), listening(answer_after_the_end) as target:
        sock, _, _ = connect(port, target)
        sock.sendall(b"all")
        sock.shutdown(socket.SHUT_WR)
        assert read_all(sock) == b"you said all"
        sock.close()

    def hang_up_first(sock):
        sock.sendall(b"bye")
        sock.shutdown(socket.SHUT_WR)
        heard.append(read_all(sock))

    heard = []
    server = make()
    port = server.open("127.0.0.1", 0)
    with serving(server):
        with listening(hang_up_first) as target:
            sock, _, _ = connect(port, target)
            assert read_all(sock) == b"bye"
            sock.sendall(b"still here")
            sock.close()
        assert heard == [b"still here"]


def test_who_speaks_first_is_heard(make):
    server = make()
    port = server.open("127.0.0.1", 0)

    def greet(sock):
        sock.sendall(b"220 ready\r\n")
        echo(sock)

    with serving(server), listening(greet) as target, tcp(port) as sock:
        sock.sendall(f"CONNECT {target} HTTP/1.1\r\n\r\nearly".encode())
        sock.shutdown(socket.SHUT_WR)
        received = read_all(sock)
    head, _, rest = received.partition(b"\r\n\r\n")
    assert b"200" in head
    assert rest == b"220 ready\r\nearly"


def test_a_broken_end_breaks_the_other(make):
    server = make()
    port = server.open("127.0.0.1", 0)

    def reset(sock):
        sock.recv(1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    with serving(server):
        with listening(reset) as target:
            sock, _, _ = connect(port, target)
            sock.sendall(b"x")
            read_until_closed(sock)
        with listening(read_until_closed) as target:
            sock, _, _ = connect(port, target)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            sock.sendall(b"x")
            sock.close()


def test_a_tunnel_does_not_hold_the_server_up(make):
    server = make()
    port = server.open("127.0.0.1", 0)
    with listening(read_until_closed) as target, serving(server):
        sock, _, _ = connect(port, target)
        assert server.connections == 1
        server.stop()
        read_until_closed(sock)


@pytest.mark.parametrize(
    ("target", "status", "says"),
    [
        ("localhost:1", 502, b"cannot reach localhost:1"),
        ("no-such-host.invalid:443", 502, b"cannot find no-such-host.invalid:443"),
        ("localhost", 400, b"host:port"),
        ("localhost:99999", 400, b"host:port"),
        ("local_host<>:80", 400, b"host:port"),
    ],
)
def test_what_cannot_be_reached_is_said(make, target, status, says):
    server = make()
    port = server.open("127.0.0.1", 0)
    with serving(server):
        sock, got, said = connect(port, target)
        sock.close()
        assert got == status
        assert says in said


def test_a_head_without_end_is_refused(make):
    server = make()
    port = server.open("127.0.0.1", 0)
    with serving(server), socket.create_connection(("127.0.0.1", port), timeout=30) as sock:
        sock.sendall(b"CONN")
        try:
            sock.sendall(b"ECT a:1 HTTP/1.1\r\nX: ")
            while True:
                sock.sendall(b"a" * 1000)
        except ConnectionError:
            pass


def test_containers_speak_to_us_and_tunnel_with_their_jobs_credentials(make, trust):
    server = make()
    with serving(server), listening(read_until_closed) as target:
        port = server.add("127.0.0.1", 0)
        client = through(port, STS, trust)
        client.request("GET", "/")
        assert b'"door": "containers"' in client.getresponse().read()
        client.close()
        sock, status, said = connect(port, "no-such-host.invalid:443")
        sock.close()
        assert status == 407
        assert b"Proxy-Authenticate: Basic" in said
        wrong = base64.b64encode(f"{KEY}:wrong".encode()).decode()
        for authorization in (f"Basic {wrong}", "Basic %%", "Basic", "Bearer x"):
            header = f"Proxy-Authorization: {authorization}\r\n"
            sock, status, _ = connect(port, "no-such-host.invalid:443", header)
            sock.close()
            assert status == 407
        sock, status, _ = connect(port, "no-such-host.invalid:443", BASIC)
        sock.close()
        assert status == 502
        number = target.rpartition(":")[2]
        for host in ("localhost", "127.0.0.1", "127.1", "0.0.0.0", "[::1]", "[::ffff:127.0.0.1]"):
            sock, status, said = connect(port, f"{host}:{number}", BASIC)
            sock.close()
            assert (host, status) == (host, 403)
        socket.create_connection(("127.0.0.1", int(number))).close()


def proxy_for(asked, answer=b"HTTP/1.1 200 OK\r\nX: y\r\n\r\nfirst "):
    """A proxy elsewhere, which answers for the host itself."""

    def serve(sock):
        head = b""
        while b"\r\n\r\n" not in head:
            head += sock.recv(1)
        asked.append(head.decode())
        for byte in answer:
            sock.sendall(bytes([byte]))
        if answer.startswith(b"HTTP/1.1 200"):
            echo(sock)

    return serve


def test_tunnels_go_through_the_servers_own_proxy(make):
    asked = []
    with listening(proxy_for(asked)) as proxy:
        environ = {"HTTPS_PROXY": f"http://me:p%40ss@{proxy}", "NO_PROXY": "other.example"}
        server = make(upstream=Upstream.from_environ(environ))
        port = server.open("127.0.0.1", 0)
        with serving(server):
            sock, status, _ = connect(port, "far.example:443")
            assert status == 200
            sock.sendall(b"hello")
            sock.shutdown(socket.SHUT_WR)
            assert read_all(sock) == b"first hello"
            sock.close()
    assert asked[0].startswith("CONNECT far.example:443 HTTP/1.1\r\nHost: far.example:443\r\n")
    assert f"Basic {base64.b64encode(b'me:p@ss').decode()}\r\n" in asked[0]


def test_a_proxy_that_refuses_is_quoted(make):
    for answer, says in (
        (b"HTTP/1.1 403 Not you\r\n\r\n", b"403 Not you"),
        (b"", b"hung up"),
    ):
        with listening(proxy_for([], answer)) as proxy:
            server = make(upstream=Upstream.from_environ({"https_proxy": proxy}))
            port = server.open("127.0.0.1", 0)
            with serving(server):
                sock, status, said = connect(port, "far.example:443")
                sock.close()
        assert status == 502
        assert says in said


def test_we_are_not_our_own_proxy(make):
    probe = make()
    port = probe.open("127.0.0.1", 0)
    probe.close()
    server = make(upstream=Upstream.from_environ({"HTTPS_PROXY": f"http://127.0.0.1:{port}"}))
    assert server.open("127.0.0.1", port) == port
    with serving(server), listening(echo) as target:
        sock, status, _ = connect(port, target)
        assert status == 200
        sock.sendall(b"x")
        sock.shutdown(socket.SHUT_WR)
        assert read_all(sock) == b"x"
        sock.close()


def test_proxies_as_the_environment_names_them():
    assert Proxy.parse("proxy:3128") == Proxy("proxy", 3128, tls=False, authorization=None)
    assert Proxy.parse("https://proxy") == Proxy("proxy", 443, tls=True, authorization=None)
    assert Proxy.parse("socks5://proxy:1080") is None
    assert Proxy.parse("http://proxy:port") is None
    given = Upstream.from_environ(
        {"HTTPS_PROXY": "http://p:1", "NO_PROXY": ".corp.example, 10.0.0.0/8,*.lan,::1,host:8080"}
    )
    for host in ("a.corp.example", "corp.example", "10.2.3.4", "nas.lan", "::1", "HOST"):
        assert given.proxy_for(host, ()) is None, host
    for host in ("xcorp.example", "11.0.0.1", "lan.example", "far.example"):
        assert given.proxy_for(host, ()) is given.proxy, host
    assert Upstream.from_environ({"HTTPS_PROXY": "p:1", "no_proxy": "*"}).proxy_for("a", ()) is None
    assert Upstream.from_environ({}).proxy_for("a", ()) is None
