"""Lines that mpirun cut into labelled pieces come out whole, in order, under SageMaker's labels."""

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from sagelet_toolkit.labels import LONGEST_PART, Relay

lines = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\r\n[]<>"), max_size=20
).map(str.encode)
writers = st.tuples(st.integers(0, 3), st.sampled_from(["stdout", "stderr"]))


def tag(rank, stream):
    return f"[1,{rank}]<{stream}>:".encode()


def label(rank, stream):
    return f"[1,mpirank:{rank},algo-{rank // 2 + 1}]<{stream}>:".encode()


def relayed(data, cuts=()):
    relay = Relay(["algo-1", "algo-2"], 2)
    relay.started()
    places = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    for start, end in itertools.pairwise(places):
        relay.take(data[start:end])
    return relay.finish()


@settings(deadline=None)
@given(
    st.lists(st.tuples(writers, st.lists(lines, min_size=1, max_size=3)), max_size=8),
    st.lists(st.integers(0, 400), max_size=8),
)
def test_pieces_become_lines(written, cuts):
    # Every process writes its first piece, then every process its second, and so on.
    turns, expected = [], {}
    for writer, pieces in written:
        expected.setdefault(writer, []).append(b"".join(pieces))
        turns.append([(writer, piece) for piece in [*pieces[:-1], pieces[-1] + b"\n"]])
    streams = {}
    for turn in turns:  # lines of one stream follow each other; those of two mix
        streams.setdefault(turn[0][0], []).extend(turn)
    data = b""
    while streams:
        for writer in list(streams):
            _, piece = streams[writer].pop(0)
            if piece:
                data += tag(*writer) + piece
            if not streams[writer]:
                del streams[writer]
    shown = relayed(data, cuts).split(b"\n")[:-1]
    for writer, whole in expected.items():
        own = label(*writer)
        assert [line[len(own) :] for line in shown if line.startswith(own)] == whole
    assert len(shown) == sum(map(len, expected.values()))


def test_what_mpirun_says_itself_stays_as_it_is():
    said = b"\n ===== JOB MAP =====\n[algo-1:00033] a warning [1,0]\n"
    assert relayed(said) == said


def test_what_has_no_end_is_shown_at_the_end():
    assert relayed(tag(0, "stdout") + b"half") == label(0, "stdout") + b"half\n"
    assert relayed(b"mpirun: [") == b"mpirun: [\n"


def test_progress_bars_move_and_endless_lines_are_not_kept():
    own = label(3, "stderr")
    assert relayed(tag(3, "stderr") + b" 10%\r 20%\r") == own + b" 10%\r" + own + b" 20%\r"
    long = b"x" * (LONGEST_PART + 1)
    relay = Relay(["algo-1", "algo-2"], 2)
    relay.started()
    relay.take(tag(3, "stderr") + long)
    assert bytes(relay._kept) == own + long
    relay.finish()
