"""aws-chunked bodies, however the network cuts them."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagelet.aws.chunked import Chunked
from sagelet.domain.errors import Refusal


class Seen:
    """Keeps what it is given to verify."""

    def __init__(self):
        self.chunks = []
        self.trailer = None

    def check_hash(self, signature, chunk_sha256):
        self.chunks.append((signature, chunk_sha256))

    def check_trailer(self, signature, trailer):
        self.trailer = (signature, trailer)


def encode(chunks, trailers=(), *, signed=False):
    out = b""
    for number, chunk in enumerate([*chunks, b""]):
        extension = f";chunk-signature=s{number}" if signed else ""
        out += f"{len(chunk):x}{extension}\r\n".encode() + chunk + (b"\r\n" if chunk else b"")
    return out + b"".join(f"{name}:{value}\r\n".encode() for name, value in trailers) + b"\r\n"


def decode(data, cuts, verifier=None):
    chunked = Chunked(verifier)
    pieces, last = [], 0
    for cut in [*sorted(cuts), len(data)]:
        pieces += chunked.feed(data[last:cut])
        last = cut
    return b"".join(pieces), chunked


@given(st.lists(st.binary(min_size=1, max_size=50), max_size=5), st.data())
def test_any_cut_gives_the_same(chunks, data):
    trailers = [("x-amz-checksum-crc32", "AAAA=="), ("a", "b"), ("x-amz-trailer-signature", "t")]
    encoded = encode(chunks, trailers, signed=True)
    cuts = data.draw(st.lists(st.integers(0, len(encoded))))
    seen = Seen()
    payload, chunked = decode(encoded, cuts, seen)
    assert payload == b"".join(chunks)
    assert chunked.complete
    assert chunked.trailers == {"x-amz-checksum-crc32": "AAAA==", "a": "b"}
    assert seen.chunks == [
        (f"s{number}", hashlib.sha256(chunk).hexdigest())
        for number, chunk in enumerate([*chunks, b""])
    ]
    assert seen.trailer == ("t", b"x-amz-checksum-crc32:AAAA==\na:b\n")


def test_trailers_of_a_signed_body_are_signed():
    with pytest.raises(Refusal):
        decode(encode([b"x"], [("x-amz-checksum-crc32", "AAAA==")], signed=True), [], Seen())
    decode(encode([b"x"], signed=True), [], Seen())


@given(st.lists(st.binary(min_size=1, max_size=20), max_size=3), st.data())
def test_what_is_cut_off_is_not_complete(chunks, data):
    encoded = encode(chunks)
    end = data.draw(st.integers(0, len(encoded) - 1))
    _, chunked = decode(encoded[:end], [])
    assert not chunked.complete


@pytest.mark.parametrize(
    "data",
    [b"zz\r\n", b"-1\r\n", b"1\r\nab\r\n", b"0\r\nno colon\r\n\r\n", b"f" * 20_000,
     b"0\r\n" + b"a:b\r\n" * 10_000],
)  # fmt: skip
def test_nonsense_is_refused(data):
    with pytest.raises(Refusal):
        decode(data, [])
