"""Where S3 is asked: presigned URLs, and buckets in host names."""

import urllib.request

import pytest


def fetch(url, data=None, method="GET", **headers):
    request = urllib.request.Request(url, data, headers, method=method)
    with urllib.request.urlopen(request, timeout=30) as response:
        return response.read(), response.headers


@pytest.mark.parametrize("version", ["s3", "s3v4"])
def test_presigned_urls(connect, bucket, version):
    s3 = connect(signature_version=version)
    key = "ü +&/x"
    url = s3.generate_presigned_url(
        "put_object", {"Bucket": bucket, "Key": key, "Metadata": {"m": "1"}}
    )
    hoisted = {} if version == "s3" else {"x-amz-meta-m": "1"}
    fetch(url, b"data", "PUT", **{"Content-Type": ""}, **hoisted)
    url = s3.generate_presigned_url(
        "get_object", {"Bucket": bucket, "Key": key, "ResponseContentType": "text/x"}
    )
    data, headers = fetch(url)
    assert (data, headers["Content-Type"], headers["x-amz-meta-m"]) == (b"data", "text/x", "1")


def test_buckets_in_host_names(server, s3, bucket):
    s3.put_object(Bucket=bucket, Key="a/b", Body=b"x")
    for host in ("localhost", "s3.amazonaws.com", "s3.eu-west-1.amazonaws.com"):
        data, _ = fetch(f"{server.url}/a/b", Host=f"{bucket}.{host}:4580")
        assert data == b"x"
        listing, _ = fetch(f"{server.url}/?list-type=2", Host=f"{bucket}.{host}")
        assert b"<Key>a/b</Key>" in listing
    everything, _ = fetch(server.url, Host="s3.eu-west-1.amazonaws.com")
    assert b"ListAllMyBucketsResult" in everything
