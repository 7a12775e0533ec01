"""Log files as lines: complete, exact, in any rhythm of arrival."""

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sagelet.store.logs import EVENT_LIMIT, Log, LogEvent, TimesWriter, events

BYTES = st.lists(
    st.sampled_from([b"\n", b"\n", b"a", b"\r\n", b"\x00\xff", "ü".encode(), b"long " * 20])
).map(b"".join)


def expected(data):
    """Every line with its offset, pieces of at most EVENT_LIMIT bytes."""
    lines, offset = [], 0
    for line in data.split(b"\n"):
        lines += [
            (offset + i, line[i : i + EVENT_LIMIT]) for i in range(0, len(line) or 1, EVENT_LIMIT)
        ]
        offset += len(line) + 1
    return lines[:-1] if not lines[-1][1] else lines  # nothing after the last newline


def lines_of(log, data):
    log.write_bytes(data)
    return [(event.offset, event.message) for event in events(log)]


def decoded(lines):
    return [(offset, line.decode("utf-8", "replace")) for offset, line in lines]


@settings(deadline=None)
@given(BYTES)
def test_lines_have_their_offsets(tmp_path_factory, data):
    log = tmp_path_factory.getbasetemp() / "any.log"
    assert lines_of(log, data) == decoded(expected(data))


@pytest.mark.parametrize("extra", [-1, 0, 1])
def test_long_lines_come_in_pieces(tmp_path, extra):
    data = b"short\n" + b"x" * (2 * EVENT_LIMIT + extra) + b"\nend"
    assert lines_of(tmp_path / "log", data) == decoded(expected(data))


def begins(log, data, places):
    log.write_bytes(data)
    with Log(log, ended=True) as opened:
        return [opened.begin(place) for place in places]


@settings(deadline=None)
@given(BYTES)
def test_a_place_within_an_event_is_where_it_begins(tmp_path_factory, data):
    log = tmp_path_factory.getbasetemp() / "any.log"
    offsets = [offset for offset, _ in expected(data)] + [len(data)]
    where = [max(offset for offset in offsets if offset <= place) for place in range(len(data) + 1)]
    assert begins(log, data, range(len(data) + 1)) == where


@pytest.mark.parametrize("extra", [-1, 0, 1])
def test_a_place_within_a_piece_is_where_the_piece_begins(tmp_path, extra):
    data = b"short\n" + b"x" * (2 * EVENT_LIMIT + extra) + b"\nend"
    offsets = [offset for offset, _ in expected(data)]
    assert begins(tmp_path / "log", data, offsets) == offsets
    assert begins(tmp_path / "log", data, [each + 2 for each in offsets[:3]]) == offsets[:3]


@pytest.mark.parametrize("end", [b"", b"\n"])
def test_ten_megabytes_without_a_newline_come_in_pieces(tmp_path, end):
    data = bytes(range(1, 10)) * 1_200_000 + b"x"
    lines = lines_of(tmp_path / "log", data + end)
    assert "".join(piece for _, piece in lines) == data.decode()
    assert [offset for offset, _ in lines] == [i * EVENT_LIMIT for i in range(len(lines))]


def test_a_log_that_is_not_there_is_empty(tmp_path):
    assert list(events(tmp_path / "log")) == []


def mark(log, *marks):
    writer = TimesWriter(log)
    for offset, time in marks:
        writer.mark(offset, time)
    writer.close()


def test_events_have_the_time_their_last_byte_came(tmp_path):
    log = tmp_path / "log"
    log.write_bytes(b"a\nbb\nccc\nd")
    mark(log, (1, 1.0), (4, 2.0), (5, 2.5), (10, 3.0))
    assert list(events(log)) == [
        LogEvent(2000, 0, "a"),
        LogEvent(2500, 2, "bb"),
        LogEvent(3000, 5, "ccc"),
        LogEvent(3000, 9, "d"),
    ]


def test_events_of_any_bytes_are_text(tmp_path):
    log = tmp_path / "log"
    log.write_bytes(b"\xff\x00ok\n\n\xc3\xbc\r\n")
    assert [event.message for event in events(log)] == ["\ufffd\0ok", "", "ü\r"]


def test_all_lines_of_a_big_log_come(tmp_path):
    log, lines = tmp_path / "log", [f"line {number} " + "x" * 200 for number in range(30_000)]
    log.write_text("".join(line + "\n" for line in lines))
    assert [event.message for event in events(log)] == lines


def records(log):
    return [*struct.iter_unpack("<QQ", log.with_name("log.times").read_bytes())]


def test_one_record_a_millisecond(tmp_path):
    log = tmp_path / "log"
    mark(log, (5, 1.0), (9, 1.0001), (12, 1.002))
    assert records(log) == [(1000, 9), (1002, 12)]


def test_bytes_told_again_keep_their_first_time(tmp_path):
    log = tmp_path / "log"
    mark(log, (10, 1.0), (12, 2.0))
    mark(log, (10, 7.0), (12, 8.0), (15, 9.0))
    assert records(log) == [(1000, 10), (2000, 12), (9000, 15)]


def test_times_never_go_back(tmp_path):
    log = tmp_path / "log"
    mark(log, (1, 5.0), (2, 3.0), (3, 6.0))
    assert records(log) == [(5000, 2), (6000, 3)]
    mark(log, (4, 1.0))
    assert records(log) == [(5000, 2), (6000, 4)]


def test_a_record_cut_short_spoils_no_other(tmp_path):
    log = tmp_path / "log"
    log.write_bytes(b"a\nb\nc\n")
    mark(log, (2, 1.0))
    with log.with_name("log.times").open("ab") as file:
        file.write(b"\x07" * 5)
    mark(log, (4, 2.0), (6, 3.0))
    assert [event.time for event in events(log)] == [1000, 2000, 3000]


def test_a_log_without_times_has_lines_all_the_same(tmp_path):
    (tmp_path / "log").write_bytes(b"a\n")
    assert list(events(tmp_path / "log")) == [LogEvent(0, 0, "a")]


def pages_forward(log, start=0, **limits):
    """Every event, and the ends of the pages."""
    found, ends = [], []
    page = log.forward(start, **limits)
    while page.events:
        assert page.start == page.events[0].offset
        found += page.events
        ends.append(page.end)
        page = log.forward(page.end, **limits)
    return found, ends


def pages_backward(log, **limits):
    found = []
    page = log.backward(log.end, **limits)
    while page.events:
        assert page.start == page.events[0].offset
        found[:0] = page.events
        page = log.backward(page.start, **limits)
    return found


CHUNKS = st.lists(
    st.lists(
        st.sampled_from([b"\n", b"a", "ü".encode(), b"x" * 1000, b"y" * EVENT_LIMIT]), max_size=6
    ).map(b"".join),
    max_size=6,
)


@settings(deadline=None)
@given(CHUNKS, st.integers(1, 7), st.sampled_from([1, 2000, EVENT_LIMIT + 5, 1 << 20]))
def test_pages_in_both_directions_hold_every_event_once(tmp_path_factory, chunks, count, size):
    path = tmp_path_factory.getbasetemp() / "paged"
    path.write_bytes(b"".join(chunks))
    path.with_name("paged.times").unlink(missing_ok=True)
    ends = [sum(map(len, chunks[: n + 1])) for n in range(len(chunks))]
    mark(path, *((end, float(n)) for n, end in enumerate(ends, start=1)))
    everything = expected(b"".join(chunks))
    with Log(path, ended=True) as log:
        found, _ = pages_forward(log, count=count, size=size)
        assert [event.offset for event in found] == [offset for offset, _ in everything]
        assert pages_backward(log, count=count, size=size) == found
        for time in range(len(chunks) * 1000 + 1000):
            if time % 500 == 0:
                later = [event.offset for event in found if event.time >= time]
                assert log.since(time) == (later[0] if later else log.end)


@settings(deadline=None)
@given(CHUNKS)
def test_what_is_read_while_the_log_grows_is_what_is_read_at_the_end(tmp_path_factory, chunks):
    """Lines, offsets and times alike, whatever came between two looks."""
    path = tmp_path_factory.getbasetemp() / "grown"
    path.write_bytes(b"")
    path.with_name("grown.times").unlink(missing_ok=True)
    writer, found, place, size = TimesWriter(path), [], 0, 0

    def look(*, ended=False):
        nonlocal place
        with Log(path, ended=ended) as log:
            more, ends = pages_forward(log, place, count=3)
        found.extend(more)
        place = ends[-1] if ends else place

    for second, chunk in enumerate(chunks, start=1):
        with path.open("ab") as file:
            file.write(chunk)
        look()  # its arrival is not known yet
        size += len(chunk)
        writer.mark(size, float(second))
        look()
    look(ended=True)
    writer.close()
    assert [event.offset for event in found] == [n for n, _ in expected(b"".join(chunks))]
    assert found == list(events(path))


def test_a_page_is_read_from_its_own_place(tmp_path):
    path = tmp_path / "log"
    path.write_bytes(b"".join(b"line %d\n" % n for n in range(100_000)))
    mark(path, (500, 1.0), (path.stat().st_size, 2.0))
    with Log(path, ended=False) as log:
        page = log.backward(log.end, count=2)
        assert [event.message for event in page.events] == ["line 99998", "line 99999"]
        assert log.forward(page.start).events == page.events
        assert log.forward(page.end) == ([], page.end, page.end)
        assert len(log.forward(0).events) == 10_000


def test_a_page_counts_bytes(tmp_path):
    path = tmp_path / "log"
    path.write_bytes((b"x" * 200_000 + b"\n") * 12)
    with Log(path, ended=True) as log:
        assert len(log.forward(0).events) == 5
        assert len(log.backward(log.end).events) == 5


@given(
    st.lists(st.tuples(st.binary(min_size=1, max_size=20), st.integers(1, 5)), max_size=12),
    st.integers(1, 30),
    st.binary(max_size=9),
)
def test_what_is_read_again_keeps_the_time_it_came_at(tmp_path_factory, batches, block, more):
    """Told in blocks of any size, each byte has the time that the first writer gave its batch."""
    log = tmp_path_factory.mktemp("arrivals") / "log"
    writer, offset, now, expected = TimesWriter(log), 0, 1000.0, []
    for data, seconds in batches:
        now += seconds
        offset += len(data)
        writer.mark(offset, now)
        expected += [now] * len(data)
    writer.close()
    content = b"".join(data for data, _ in batches)
    again, found, told = TimesWriter(log), [], b""
    for start in range(0, len(content), block):
        for piece, when in again.arrivals(start, content[start : start + block], 9000.0):
            told += piece
            found += [when] * len(piece)
    assert told == content
    assert found == expected
    if more:
        assert list(again.arrivals(len(content), more, 9000.0)) == [(more, 9000.0)]
    again.close()
