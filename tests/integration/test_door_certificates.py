"""Certificates: what they are good for, and how their files live."""

import ssl
import stat
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.verification import DNSName, PolicyBuilder, Store, VerificationError

from sagelet.server.certificates import AUTHORITY_DAYS, SERVER_DAYS, Certificates
from sagelet.server.issuing import make_authority, make_server

DAY = 86_400


def read(path):
    """The certificates of a file."""
    return x509.load_pem_x509_certificates(path.read_bytes())


def speaks_for(authority, server, name):
    verifier = PolicyBuilder().store(Store([authority])).build_server_verifier(DNSName(name))
    try:
        verifier.verify(server, [])
    except VerificationError:
        return False
    return True


def test_they_speak_for_aws(tmp_path):
    made = Certificates(tmp_path, regions=["mars-1"])
    made.prepare()
    server = read(tmp_path / "tls" / "server.pem")[0]
    authority = read(tmp_path / "tls" / "authority.pem")[0]
    for name in (
        "sts.amazonaws.com",
        "sts.eu-west-3.amazonaws.com",
        "sts-fips.us-gov-west-1.amazonaws.com",
        "sts.cn-northwest-1.amazonaws.com.cn",
        "sts.mars-1.amazonaws.com",
        "sm-pysdk-t-us-west-2.s3.us-west-2.amazonaws.com",
    ):
        assert speaks_for(authority, server, name), name
    for name in ("amazon.com", "example.com", "a.b.c.amazonaws.com", "amazonaws.com.example.com"):
        assert not speaks_for(authority, server, name), name


def test_the_authority_can_speak_for_nobody_else(tmp_path):
    now = datetime.now(UTC)
    authority = make_authority(now, 10, ["amazonaws.com"])
    public = x509.load_pem_x509_certificate(authority)
    for names, sound in ((["a.amazonaws.com"], True), (["example.com"], False)):
        made = make_server(authority, names, now, 5, "")
        server = x509.load_pem_x509_certificate(made)
        assert speaks_for(public, server, names[0]) is sound
        # And as OpenSSL sees it, which clients use.
        for content, file in ((authority, "ca"), (made, "leaf")):
            (tmp_path / file).write_bytes(content)
        command = ["openssl", "verify", "-x509_strict", "-CAfile", "ca", "leaf"]
        checked = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert (checked.returncode == 0) is sound, checked.stderr
        if not sound:
            assert "permitted subtree violation" in checked.stdout + checked.stderr


def test_keys_are_private_and_the_rest_is_readable(tmp_path):
    made = Certificates(tmp_path)
    made.prepare()
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in (tmp_path / "tls").iterdir()}
    assert modes == {
        "lock": 0o600,
        "authority.pem": 0o600,
        "server.pem": 0o600,
        "ca-bundle.pem": 0o644,
    }
    assert b"PRIVATE" not in made.bundle.read_bytes()
    authority = read(tmp_path / "tls" / "authority.pem")[0]
    constraints = authority.extensions.get_extension_for_class(x509.NameConstraints)
    assert constraints.critical
    life = authority.not_valid_after_utc - authority.not_valid_before_utc
    assert life == timedelta(days=AUTHORITY_DAYS + 1)
    server = read(tmp_path / "tls" / "server.pem")[0]
    assert server.not_valid_after_utc - server.not_valid_before_utc <= timedelta(days=397)


def test_they_are_made_once_and_again_when_they_grow_old(tmp_path):
    now = [time.time()]
    made = Certificates(tmp_path, clock=lambda: now[0])
    folder = tmp_path / "tls"

    def state():
        made.prepare()
        return [(folder / name).read_bytes() for name in ("authority.pem", "server.pem")]

    first = state()
    context = made.context()
    assert made.context() is context
    now[0] += (SERVER_DAYS - 31) * DAY
    assert state() == first
    now[0] += 2 * DAY
    second = state()
    assert second[0] == first[0]
    assert second[1] != first[1]
    assert made.context() is not context  # also in a server that runs for a year
    now[0] += (AUTHORITY_DAYS - SERVER_DAYS) * DAY
    third = state()
    assert third[0] != first[0]
    assert speaks_for_now(folder, now[0])


def speaks_for_now(folder, now):
    authority, server = read(folder / "authority.pem")[0], read(folder / "server.pem")[0]
    builder = PolicyBuilder().store(Store([authority])).time(datetime.fromtimestamp(now, UTC))
    return builder.build_server_verifier(DNSName("sts.amazonaws.com")).verify(server, [])


def test_a_new_region_makes_a_new_certificate(tmp_path):
    Certificates(tmp_path).prepare()
    before = (tmp_path / "tls" / "server.pem").read_bytes()
    Certificates(tmp_path, regions=["mars-1"]).prepare()
    assert (tmp_path / "tls" / "server.pem").read_bytes() != before


@pytest.mark.parametrize("name", ["authority.pem", "server.pem"])
def test_a_damaged_file_is_made_anew(tmp_path, name):
    made = Certificates(tmp_path)
    made.prepare()
    file = tmp_path / "tls" / name
    whole = file.read_bytes()
    middle = len(whole) // 2
    for damaged in (b"", whole[:-20], whole[:middle] + b"AAAA" + whole[middle + 4 :], b"{}"):
        file.write_bytes(damaged)
        Certificates(tmp_path).context()
        assert len(read(file)) == 1
    file.unlink()
    Certificates(tmp_path).context()


def test_the_bundle_has_what_clients_trusted_before(tmp_path):
    now = datetime.now(UTC)
    corporate = tmp_path / "corporate.pem"
    folder = tmp_path / "folder"
    folder.mkdir()
    for file in (corporate, folder / "a.crt", folder / "b.0"):
        file.write_bytes(make_authority(now, 10, ["corp.example"]))
    (folder / "notes.txt").write_text("nothing")
    missing = tmp_path / "missing.pem"
    home = tmp_path / "home"
    own = home / "tls" / "ca-bundle.pem"
    made = Certificates(home, trusted=[corporate, folder, missing, own])
    made.prepare()
    trusted = made.bundle.read_bytes()
    for file in (corporate, folder / "a.crt", folder / "b.0", home / "tls" / "authority.pem"):
        (certificate,) = read(file)
        assert certificate.public_bytes(Encoding.PEM) in trusted
    system = ssl.create_default_context().cert_store_stats()["x509_ca"]
    assert (
        ssl.create_default_context(cafile=made.bundle).cert_store_stats()["x509_ca"] >= system + 4
    )
    before = made.bundle.stat()
    made.prepare()
    assert made.bundle.stat() == before  # not grown by itself, not even written


def test_many_processes_make_them_at_once(tmp_path):
    program = (
        "import sys, pathlib; from sagelet.server.certificates import Certificates;"
        "Certificates(pathlib.Path(sys.argv[1])).context()"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    processes = [subprocess.Popen(command) for _ in range(4)]
    assert [process.wait(60) for process in processes] == [0, 0, 0, 0]
    folder = tmp_path / "tls"
    assert {file.name for file in folder.iterdir()} == {
        "lock",
        "authority.pem",
        "server.pem",
        "ca-bundle.pem",
    }
    authority, server = read(folder / "authority.pem")[0], read(folder / "server.pem")[0]
    assert speaks_for(authority, server, "sts.amazonaws.com")


def test_nothing_slow_is_loaded_when_they_are_there(tmp_path):
    Certificates(tmp_path).prepare()
    program = (
        "import sys, pathlib; from sagelet.server.certificates import Certificates;"
        "Certificates(pathlib.Path(sys.argv[1])).context();"
        "sys.exit('cryptography' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True)
