"""Logs side by side: in the order of time, from any place, in both directions."""

import pytest

from sagelet.domain.lifecycle import Event, advance
from sagelet.store import open_store
from sagelet.store.logs import TimesWriter
from sagelet.web.lanes import ERROR, Lanes, compile_search, view_document


@pytest.fixture
def store(tmp_path, job_of):
    store = open_store(tmp_path / "home", "eu-west-1")
    job = job_of(TrainingJobName="j", ResourceConfig={"InstanceCount": 2, "VolumeSizeInGB": 30})
    store.training_jobs.add(job)
    life = job.life
    for event in (Event.PREPARED, Event.STAGED):
        life, _ = advance(life, event, 100.0)
    store.training_jobs.save_life("j", life, 100.0)
    for host, texts in {
        "algo-1": {1: "one a", 3: "one b", 5: "one ValueError: c", 7: "one d"},
        "algo-2": {2: "two a", 4: "two b", 6: "two c"},
    }.items():
        log = store.home.log("j", host)
        log.parent.mkdir(parents=True)
        log.touch()
        writer = TimesWriter(log)
        end = 0
        for second, text in texts.items():
            with log.open("ab") as file:
                file.write(text.encode() + b"\n")
            end += len(text) + 1
            writer.mark(end, 100.0 + second)
        writer.close()
    yield store
    store.database.close()


def texts(view):
    return [line.event.message for line in view.lines]


ALL = ["one a", "two a", "one b", "two b", "one ValueError: c", "two c", "one d"]


def test_lines_come_in_the_order_of_their_times(store):
    with Lanes(store.logs, "j") as lanes:
        assert texts(lanes.forward({}, 100)) == ALL
        assert texts(lanes.backward(lanes.sizes(), 100)) == ALL


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_pages_fit_together_in_both_directions(store, count):
    with Lanes(store.logs, "j") as lanes:
        places, read = {}, []
        while (view := lanes.forward(places, count)).lines:
            read += texts(view)
            places = view.end
        assert read == ALL
        places, read = lanes.sizes(), []
        while (view := lanes.backward(places, count)).lines:
            read = texts(view) + read
            places = view.start
        assert read == ALL


def test_one_lane_alone(store):
    with Lanes(store.logs, "j") as lanes:
        first = next(iter(lanes.all))
    with Lanes(store.logs, "j", [first]) as lanes:
        assert texts(lanes.forward({}, 100)) == [text for text in ALL if text.startswith("one")]


def test_a_place_in_one_lane_is_a_moment_in_the_others(store):
    with Lanes(store.logs, "j") as lanes:
        first = next(iter(lanes.all))
        places = lanes.completed({first: len("one a\n")})
        assert texts(lanes.forward(places, 3)) == ALL[2:5]


def test_a_place_within_a_line_is_where_the_line_begins(store):
    with Lanes(store.logs, "j") as lanes:
        first, second = lanes.all
        one, two = len("one a\n"), len("two a\n")
        assert lanes.completed({first: one + 2, second: two}) == {first: one, second: two}
        within = lanes.completed({first: one + 2, second: two + 5})
        assert texts(lanes.backward(within, 1)) == ["two a"]
        assert texts(lanes.forward(within, 2)) == ["one b", "two b"]
        assert lanes.completed(lanes.sizes()) == lanes.sizes()


def test_search_goes_on_where_it_stopped(store):
    pattern = compile_search("two", plain=True)
    with Lanes(store.logs, "j") as lanes:
        places, found, over = {}, [], False
        while not over:
            view, over = lanes.search(pattern, places, 1)
            found += texts(view)
            places = view.end
        assert found == ["two a", "two b", "two c"]
        view, _ = lanes.search(ERROR, {}, 1)
        assert texts(view) == ["one ValueError: c"]


@pytest.fixture
def print_more(store):
    """Add a line to the log of the first host."""

    def add(text, second):
        log = store.home.log("j", "algo-1")
        with log.open("ab") as file:
            file.write(text.encode() + b"\n")
        writer = TimesWriter(log)
        writer.mark(log.stat().st_size, 100.0 + second)
        writer.close()

    return add


@pytest.mark.parametrize(
    "text",
    ["\x1b[31mERROR\x1b[0m it broke", "\x1b[?25l\x1b[1;31mit broke", "\x1b]0;t\x07it \x1b(Bbroke"],
)
def test_colours_do_not_hide_what_is_searched(store, print_more, text):
    print_more(text, 8)
    with Lanes(store.logs, "j") as lanes:
        view, _ = lanes.search(compile_search("it broke", plain=True), {}, 5)
        assert texts(view) == [text]
        view, _ = lanes.search(compile_search("^(ERROR )?it", plain=False), {}, 5)
        assert texts(view) == [text]


def test_a_coloured_error_is_one(store, print_more):
    print_more("\x1b[31mERROR\x1b[0m", 8)
    with Lanes(store.logs, "j") as lanes:
        view, _ = lanes.search(ERROR, {}, 5)
        assert texts(view) == ["one ValueError: c", "\x1b[31mERROR\x1b[0m"]


@pytest.mark.parametrize("back", [False, True])
def test_a_search_whose_time_is_up_stops_at_a_line_and_goes_on(store, monkeypatch, back):
    monkeypatch.setattr("sagelet.web.lanes.SEARCH", -1.0)
    pattern = compile_search("[bc]$", plain=False)
    with Lanes(store.logs, "j") as lanes:
        places, found, looked, over = lanes.sizes() if back else {}, [], 0, False
        while not over:
            view, over = lanes.search(pattern, places, 100, back=back)
            found += texts(view)
            places = view.start if back else view.end
            looked += not over
    assert looked == len(ALL)  # one at a time
    wanted = [text for text in ALL if text[-1] in "bc"]
    assert found == (wanted[::-1] if back else wanted)


def test_where_a_line_matches_is_said_as_a_browser_counts(store, print_more):
    print_more("\x1b[31m\U0001f680 lift \x1b[0moff, off", 8)
    with Lanes(store.logs, "j") as lanes:
        view, _ = lanes.search(compile_search("o(f+)", plain=False), {}, 5)
        [[lane, _, _, text, marks]] = view_document(view)["lines"]
        assert view_document(lanes.forward({}, 1))["lines"] == [[lane, 0, 101000, "one a"]]
    shown = "\U0001f680 lift off, off".encode("utf-16-le")
    assert [shown[2 * start : 2 * end].decode("utf-16-le") for start, end in marks] == ["off"] * 2
    assert text.endswith("off, off")


def test_an_expression_that_takes_for_ever_is_given_up(store, print_more):
    print_more("x " + "a" * 60, 8)
    with Lanes(store.logs, "j") as lanes:
        places, found, over = {}, [], False
        while not over:
            view, over = lanes.search(compile_search("x|(a|a|a)+!", plain=False), places, 100)
            found += view.lines
            places = view.end
        assert [line.marks for line in found] == [((0, 1),)]


def test_what_looks_like_an_error():
    for text in ("ERROR: x", "ValueError: y", "Traceback (most recent call last):", "Killed"):
        assert ERROR.search(text), text
    for text in ("<img onerror=x>", "error_rate=0.1", "val_error=3", "mirror", "terror"):
        assert not ERROR.search(text), text


def test_patterns_are_texts_unless_said_otherwise():
    assert compile_search("a.c", plain=True).search("abc") is None
    assert compile_search("a.c", plain=False).search("xABCx")
    assert compile_search("Ab", plain=True).search("ab") is None
    with pytest.raises(ValueError, match="not a regular expression"):
        compile_search("(", plain=False)


def test_all_lanes_are_one_file(store, monkeypatch):
    monkeypatch.setattr("sagelet.web.lanes._MERGED", 2)
    with Lanes(store.logs, "j") as lanes:
        lines = b"".join(lanes.merged()).decode().splitlines()
    assert [line.partition(" | ")[2] for line in lines] == ALL
    assert lines[1].startswith("1970-01-01T00:01:42.000Z algo-2-")
