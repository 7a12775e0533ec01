"""Names we are known by, and pages that may not call us."""

import pytest

from sagelet.aws.guard import check, is_telemetry
from sagelet.aws.request import Request
from sagelet.domain.errors import Refusal


def request(method="POST", path="/", scheme="http", door="loopback", **headers):
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return Request(method, path, "", {"host": "127.0.0.1:4580", **named}, scheme, door)


def refused(asked, allowed=()):
    with pytest.raises(Refusal) as caught:
        check(asked, allowed)
    assert (caught.value.code, caught.value.status) == ("AccessDenied", 403)
    assert "SAGELET_ALLOWED_HOSTS" in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1:4580",
        "127.0.0.1",
        "127.9.9.9:80",
        "localhost:4580",
        "LocalHost",
        "localhost.:4580",
        "bucket.s3.localhost:1",
        "[::1]:4580",
        "[::1]",
        "host.docker.internal:4580",
    ],
)
def test_we_are_known_by_our_own_names(host):
    check(request(host=host), ())


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example:4580",
        "localhost.evil.example",
        "127.0.0.1.evil.example:4580",
        "notlocalhost",
        "8.8.8.8:4580",
        "127.0.0.1,evil.example",
        "evil.example:4580:127.0.0.1",
        "localhost:x",
        "sts.amazonaws.com",
        "[::2]:4580",
        "127.0.0.1@evil.example",
        "user@localhost",
    ],
)
def test_other_names_are_refused(host):
    assert f"'{host}'" in refused(request(host=host))


def test_a_request_without_a_host_is_refused():
    refused(Request("GET", "/", "", {}, "http", "loopback"))


def test_names_can_be_configured():
    allowed = ("Box.example", "*.s3.example")
    check(request(host="box.example:4580"), allowed)
    check(request(host="bucket.s3.example"), allowed)
    refused(request(host="s3.example"), allowed)
    refused(request(host="xbox.example"), allowed)
    refused(request(host=""), ("",))


def test_on_other_doors_we_are_known_by_any_address():
    check(request(host="172.17.0.1:4580", door="containers"), ())
    check(request(host="[fd00::1]:4580", door="network"), ())
    refused(request(host="evil.example", door="containers"))
    refused(request(host="evil.example", door="network"))


def test_behind_our_certificate_we_are_aws():
    check(request(host="sts.us-east-1.amazonaws.com", scheme="https"), ())
    check(request(host="sts.cn-north-1.amazonaws.com.cn:443", scheme="https"), ())
    refused(request(host="amazonaws.com.evil.example", scheme="https"))


def test_the_control_socket_knows_no_names():
    check(request(host="whatever", door="local"), ())
    check(Request("GET", "/", "", {}, "http", "local"), ())


@pytest.mark.parametrize("method", ["POST", "GET", "OPTIONS", "PUT"])
@pytest.mark.parametrize(
    "origin",
    ["null", "https://evil.example", "http://localhost:4580", "http://127.0.0.1:8888", "", "x"],
)
def test_pages_of_others_are_refused(method, origin):
    assert "page" in refused(request(method, origin=origin))


def test_our_own_pages_may_call_us():
    check(request(origin="http://127.0.0.1:4580", sec_fetch_site="same-origin"), ())
    check(request("GET", "/_ui", sec_fetch_site="none"), ())


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_fetches_of_others_are_refused(site):
    """Another port of localhost is another server, though of the same site."""
    for mode, dest in (("no-cors", "image"), ("cors", "empty"), ("navigate", "iframe")):
        fetch = {"sec_fetch_site": site, "sec_fetch_mode": mode, "sec_fetch_dest": dest}
        refused(request("GET", "/_ui", **fetch))
        refused(request("GET", "/bucket/key", **fetch))


def test_a_link_to_one_of_our_pages_can_be_followed():
    link = {
        "sec_fetch_site": "cross-site",
        "sec_fetch_mode": "navigate",
        "sec_fetch_dest": "document",
    }
    check(request("GET", "/_ui/jobs/a", **link), ())
    refused(request("POST", "/_ui/jobs/a", **link))
    refused(request("GET", "/bucket/key", **link))


def test_telemetry_is_known_by_its_host():
    host = "sm-pysdk-t-us-east-1.s3.us-east-1.amazonaws.com"
    assert is_telemetry(request(host=host, scheme="https"))
    assert not is_telemetry(request())
