"""Two streams of a container become one log of whole lines."""

import struct

from hypothesis import given
from hypothesis import strategies as st

from sagelet.execution.docker.streams import HELD_LIMIT, HOLD, Frames, Merge

LINES = st.lists(st.text("abc", max_size=5).map(lambda t: t.encode() + b"\n"), max_size=20)


def frame(stream, data):
    return struct.pack(">BxxxI", stream, len(data)) + data


@given(st.lists(st.tuples(st.sampled_from([1, 2]), st.binary(max_size=20)), max_size=30), st.data())
def test_frames_survive_any_cut(frames, draw):
    raw = b"".join(frame(*f) for f in frames)
    cutter, got = Frames(), []
    while raw:
        size = draw.draw(st.integers(1, len(raw)))
        got += cutter.feed(raw[:size])
        raw = raw[size:]
    for stream in (1, 2):
        assert b"".join(d for s, d in got if s == stream) == b"".join(
            d for s, d in frames if s == stream
        )


@given(LINES, LINES, st.data())
def test_lines_stay_whole_and_each_stream_in_order(first, second, draw):
    left = {1: b"".join(b"1" + line for line in first), 2: b"".join(b"2" + line for line in second)}
    merge, out = Merge(), b""
    while any(left.values()):
        stream = draw.draw(st.sampled_from([s for s in left if left[s]]))
        size = draw.draw(st.integers(1, len(left[stream])))
        out += merge.feed(stream, left[stream][:size], now=0.0)
        left[stream] = left[stream][size:]
    out += merge.flush()
    lines = out.splitlines(keepends=True)
    assert [line[1:] for line in lines if line.startswith(b"1")] == first
    assert [line[1:] for line in lines if line.startswith(b"2")] == second


def test_one_stream_does_not_wait_for_ever():
    merge = Merge()
    assert merge.feed(2, b"10%", now=0.0) == b"10%"
    assert merge.feed(1, b"line\n", now=0.1) == b""
    assert merge.tick(0.1 + HOLD / 2) == b""
    assert merge.tick(0.2 + HOLD) == b"line\n"
    assert merge.feed(1, b"next\n", now=1.0) == b"next\n"


def test_nor_does_much_of_it():
    merge = Merge()
    merge.feed(2, b"10%", now=0.0)
    assert len(merge.feed(1, b"x" * (HELD_LIMIT + 1), now=0.0)) == HELD_LIMIT + 1
