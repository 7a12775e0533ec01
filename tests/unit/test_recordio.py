"""RecordIO frames, read by a reader written from the format's description."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagelet.domain.recordio import PART, frames
from support.recordio import records


def framed(data: bytes, longest: int) -> bytes:
    stream, at = b"", 0
    for header, length, padding in frames(len(data), longest):
        stream += header + data[at : at + length] + padding
        at += length
    return stream


@given(st.lists(st.binary(max_size=40)), st.sampled_from([4, 8, 1000]))
def test_what_is_framed_is_read_again(given_records, longest):
    stream = b"".join(framed(data, longest) for data in given_records)
    assert records(stream) == given_records


@pytest.mark.parametrize(
    ("data", "stream"),
    [
        (b"", "0a23d7ce00000000"),
        (b"abcd", "0a23d7ce0400000061626364"),
        (b"abcde", "0a23d7ce050000006162636465000000"),
    ],
)
def test_a_record_byte_for_byte(data, stream):
    assert framed(data, PART).hex() == stream


def test_a_record_beyond_29_bits_comes_in_parts():
    heads = [(struct.unpack("<II", header), length) for header, length, _ in frames(2**30 + 3)]
    assert [(flag >> 29, flag & 2**29 - 1, length) for (_, flag), length in heads] == [
        (1, PART, PART), (2, PART, PART), (3, 11, 11)
    ]  # fmt: skip
    assert [f[0] for f in frames(PART)] == [struct.pack("<II", 0xCED7230A, PART)]
