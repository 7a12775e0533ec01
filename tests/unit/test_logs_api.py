"""CloudWatch Logs: groups, streams and events, while jobs print and afterwards."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sagelet.domain.errors import Refusal
from sagelet.domain.lifecycle import Event, advance, begin
from sagelet.domain.training import TrainingJob
from sagelet.store.logs import TimesWriter, move_log

GROUP = "/aws/sagemaker/TrainingJobs"
BEGUN = 1_700_000_000


class Printer:
    """A job whose hosts print; times in seconds after BEGUN."""

    def __init__(self, store, request, begun=BEGUN):
        self.store, self.name = store, request["TrainingJobName"]
        self.begun = begun
        job = TrainingJob(request, "123456789012", "eu-west-1", begun - 9, begin(begun - 9))
        store.training_jobs.add(job)
        self.life = job.life
        self._go(Event.PREPARED, begun - 5)
        self._go(Event.STAGED, begun)
        self.writers = {}

    def _go(self, event, now):
        self.life, _ = advance(self.life, event, now, "why")
        self.store.training_jobs.save_life(self.name, self.life, now)

    def stream(self, host="algo-1"):
        return f"{self.name}/{host}-{self.begun}"

    def prints(self, text, at, host="algo-1", *, noted=True):
        log = self.store.home.log(self.name, host)
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as file:
            file.write(text.encode())
            size = file.tell()
        if noted:
            if host not in self.writers:
                self.writers[host] = TimesWriter(log)
            self.writers[host].mark(size, self.begun + at)

    def ends(self, at=1000):
        self._go(Event.HOSTS_SUCCEEDED, self.begun + at)
        self._go(Event.STORED, self.begun + at)
        self.close()

    def close(self):
        for writer in self.writers.values():
            writer.close()


@pytest.fixture
def job(ask, request_of):
    made = []

    def job(name, **members):
        made.append(Printer(ask.store, request_of(TrainingJobName=name), **members))
        return made[-1]

    yield job
    for printer in made:
        printer.close()


@pytest.fixture
def logs(ask):
    return lambda name, **request: ask("logs", name, **{"logGroupName": GROUP} | request)


def texts(answer):
    return [event["message"] for event in answer["events"]]


def test_the_group_is_there_once_a_job_has_printed(logs, ask, job):
    one = job("one")
    for name, request in (
        ("DescribeLogStreams", {}),
        ("GetLogEvents", {"logStreamName": one.stream()}),
        ("FilterLogEvents", {}),
    ):
        with pytest.raises(Refusal, match=r"^The specified log group does not exist\.$") as caught:
            logs(name, **request)
        assert caught.value.code == "ResourceNotFoundException"
    assert ask("logs", "DescribeLogGroups") == {"logGroups": []}

    one.prints("x\n", 1)
    (group,) = ask("logs", "DescribeLogGroups", logGroupNamePrefix="/aws/sagemaker")["logGroups"]
    assert (group["logGroupName"], group["creationTime"]) == (GROUP, BEGUN * 1000)
    assert group["arn"] == f"arn:aws:logs:eu-west-1:123456789012:log-group:{GROUP}:*"
    assert ask("logs", "DescribeLogGroups", logGroupNamePattern="Processing") == {"logGroups": []}
    with pytest.raises(Refusal, match="log group does not exist"):
        logs("DescribeLogStreams", logGroupName="/aws/sagemaker/ProcessingJobs")
    with pytest.raises(Refusal, match="log stream does not exist"):
        logs("GetLogEvents", logStreamName="one/algo-2-1700000000")


def test_regions_are_kept_apart(logs, job):
    one = job("one")
    one.prints("x\n", 1)
    with pytest.raises(Refusal, match="log group does not exist"):
        logs("GetLogEvents", logStreamName=one.stream(), region="us-east-1")


def test_streams_say_when_their_events_came(logs, job):
    one = job("one")
    one.prints("a\nb\n", 1)
    one.prints("c\n", 2.5)
    (stream,) = logs("DescribeLogStreams", logStreamNamePrefix="one/", limit=1)["logStreams"]
    assert stream["logStreamName"] == "one/algo-1-1700000000"
    assert stream["firstEventTimestamp"] == BEGUN * 1000 + 1000
    assert stream["lastEventTimestamp"] == BEGUN * 1000 + 2500
    arn = f"arn:aws:logs:eu-west-1:123456789012:log-group:{GROUP}"
    assert stream["arn"] == f"{arn}:log-stream:{stream['logStreamName']}"
    same = logs("DescribeLogStreams", logGroupName=None, logGroupIdentifier=f"{arn}:*")
    assert same["logStreams"] == [stream]


def all_streams(logs, **request):
    names, token = [], {}
    while True:
        page = logs("DescribeLogStreams", **request, **token)
        names += [stream["logStreamName"] for stream in page["logStreams"]]
        if "nextToken" not in page:
            return names
        token = {"nextToken": page["nextToken"]}


def test_streams_come_in_order_and_in_pages(logs, job):
    for number, name in enumerate(("a", "a-1", "b", "a0")):
        printer = job(name)
        for host in ("algo-2", "algo-10", "algo-1"):
            printer.prints("x\n", number * 10 + int(host[5:]), host)
    names = all_streams(logs)
    assert len(names) == 12
    assert names == sorted(names)
    for limit in (1, 3, 5, 12):
        assert all_streams(logs, limit=limit) == names
        assert all_streams(logs, limit=limit, descending=True) == names[::-1]
    assert all_streams(logs, logStreamNamePrefix="a/") == [n for n in names if n[:2] == "a/"]
    assert all_streams(logs, logStreamNamePrefix="a/algo-10-") == ["a/algo-10-1700000000"]
    assert all_streams(logs, logStreamNamePrefix="a") == [n for n in names if n[0] == "a"]
    by_time = all_streams(logs, orderBy="LastEventTime", limit=5)
    assert sorted(by_time) == names
    assert by_time[:4] == [f"a/algo-{n}-{BEGUN}" for n in (1, 2, 10)] + [f"a-1/algo-1-{BEGUN}"]
    assert all_streams(logs, orderBy="LastEventTime", limit=7, descending=True) == by_time[::-1]
    with pytest.raises(Refusal, match="Cannot order by LastEventTime with a logStreamNamePrefix"):
        logs("DescribeLogStreams", orderBy="LastEventTime", logStreamNamePrefix="a/")
    token = logs("DescribeLogStreams", limit=1)["nextToken"]
    for request in ({"nextToken": "nonsense"}, {"nextToken": token, "descending": True}):
        with pytest.raises(Refusal, match="nextToken is invalid") as caught:
            logs("DescribeLogStreams", **request)
        assert caught.value.code == "InvalidParameterException"


def test_a_growing_stream_is_read_with_forward_tokens(logs, job):
    one = job("one")
    request = {"logStreamName": one.stream(), "startFromHead": True}
    one.prints("a\nb\nunfin", 1)
    page = logs("GetLogEvents", **request)
    assert page["events"] == [
        {"timestamp": BEGUN * 1000 + 1000, "message": text, "ingestionTime": BEGUN * 1000 + 1000}
        for text in ("a", "b")
    ]
    token = page["nextForwardToken"]
    again = logs("GetLogEvents", **request, nextToken=token)
    assert (again["events"], again["nextForwardToken"]) == ([], token)
    one.prints("ished\nnot noted yet\n", 2, noted=False)
    assert logs("GetLogEvents", **request, nextToken=token)["events"] == []
    one.prints("\rbar 1\rbar 2\r\n\nend without newline", 3)
    page = logs("GetLogEvents", **request, nextToken=token)
    assert texts(page) == ["unfinished", "not noted yet", "\rbar 1\rbar 2\r", ""]
    one.ends()
    token = page["nextForwardToken"]
    page = logs("GetLogEvents", **request, nextToken=token)
    assert texts(page) == ["end without newline"]
    last = logs("GetLogEvents", **request, nextToken=page["nextForwardToken"])
    assert (last["events"], last["nextForwardToken"]) == ([], page["nextForwardToken"])


def test_a_stream_is_read_backwards_by_default(logs, job):
    one = job("one")
    one.prints("".join(f"{n}\n" for n in range(10)), 1)
    request = {"logStreamName": one.stream(), "limit": 4}
    page = logs("GetLogEvents", **request)
    found = [texts(page)]
    assert logs("GetLogEvents", **request, nextToken=page["nextForwardToken"])["events"] == []
    while page["events"]:
        before = page["nextBackwardToken"]
        page = logs("GetLogEvents", **request, nextToken=before)
        found.append(texts(page))
    assert page["nextBackwardToken"] == before
    assert found == [list("6789"), list("2345"), list("01"), []]
    with pytest.raises(Refusal, match="nextToken is invalid"):
        logs("GetLogEvents", **request, nextToken="x/1")
    two = job("two")
    two.prints("a\nb\n", 1)
    theirs = logs("GetLogEvents", logStreamName=two.stream())["nextForwardToken"]
    with pytest.raises(Refusal, match="nextToken is invalid"):
        logs("GetLogEvents", **request, nextToken=theirs)


def test_a_stream_is_read_by_time(logs, job):
    one = job("one")
    for second in range(10):
        one.prints(f"{second}\n", second)
    at = lambda second: (BEGUN + second) * 1000  # noqa: E731
    request = {"logStreamName": one.stream()}
    assert texts(logs("GetLogEvents", **request, startTime=at(4), endTime=at(7))) == list("456")
    assert texts(logs("GetLogEvents", **request, startTime=at(8) + 1, startFromHead=True)) == ["9"]
    assert texts(logs("GetLogEvents", **request, endTime=at(2), limit=1)) == ["1"]
    assert texts(logs("GetLogEvents", **request, startTime=at(99))) == []
    # CloudWatch leaves the end out here, and not there.
    assert texts(logs("FilterLogEvents", startTime=at(4), endTime=at(7))) == list("4567")


def filtered(logs, **request):
    """All pages; each event is told once and in order."""
    found, pages, token = [], 0, {}
    while True:
        page = logs("FilterLogEvents", **request, **token)
        assert page["searchedLogStreams"] == []
        found += page["events"]
        pages += 1
        if "nextToken" not in page:
            break
        token = {"nextToken": page["nextToken"]}
    assert [e["timestamp"] for e in found] == sorted(e["timestamp"] for e in found)
    assert len({e["eventId"] for e in found}) == len(found)
    return found, pages


def test_events_of_many_streams_are_interleaved(logs, job):
    one, two = job("one"), job("two", begun=BEGUN + 40)
    for second in range(30):
        one.prints(f"one 1 {second}\n", second, "algo-1")
        one.prints(f"one 2 {second}\nERROR {second}\n", second, "algo-2")
        two.prints(f"two {second}\n", second - 30)
    one.ends()
    two.ends()
    found, _ = filtered(logs)
    assert len(found) == 120
    for limit in (1, 7, 40, 120):
        assert filtered(logs, limit=limit)[0] == found
    assert [e["logStreamName"] for e in found[:3]] == [one.stream()] + [one.stream("algo-2")] * 2
    errors, _ = filtered(logs, filterPattern="ERROR", limit=4)
    assert [e["message"] for e in errors] == [f"ERROR {n}" for n in range(30)]
    assert (
        filtered(logs, logStreamNamePrefix="two/")[0]
        == filtered(logs, logStreamNames=[two.stream()])[0]
    )
    assert len(filtered(logs, logStreamNames=[one.stream(), two.stream()])[0]) == 60
    late, _ = filtered(logs, startTime=(BEGUN + 35) * 1000)
    assert {e["logStreamName"] for e in late} == {two.stream()}


def test_what_filter_log_events_refuses(logs, job):
    one = job("one")
    one.prints("x\n", 1)
    for request, code in (
        ({"logStreamNames": ["one/algo-9-1"]}, "ResourceNotFoundException"),
        (
            {"logStreamNames": [one.stream()], "logStreamNamePrefix": "o"},
            "InvalidParameterException",
        ),
        ({"filterPattern": "{ $.a = 1 }"}, "InvalidParameterException"),
        ({"nextToken": "?"}, "InvalidParameterException"),
        ({"startFromHead": False}, "InvalidParameterException"),
        ({"logGroupIdentifier": GROUP}, "InvalidParameterException"),
    ):
        with pytest.raises(Refusal) as caught:
            logs("FilterLogEvents", **request)
        assert caught.value.code == code


def test_events_of_the_last_moment_wait_for_those_printed_beside_them(logs, job):
    """Who follows by the time of the newest event must not miss one that is noted late."""
    now = time.time()
    one = job("one", begun=int(now) - 100)
    one.prints("old\n", 50)
    one.prints("new\n", now + 60 - one.begun)
    assert [e["message"] for e in filtered(logs)[0]] == ["old"]
    assert texts(logs("GetLogEvents", logStreamName=one.stream())) == ["old", "new"]
    one.ends(at=200)
    assert [e["message"] for e in filtered(logs)[0]] == ["old", "new"]


def test_a_page_of_the_search_ends_after_a_while(logs, job):
    one = job("one")
    one.prints("x\n" * 150_000 + "needle\n", 1)
    one.ends()
    found, pages = filtered(logs, filterPattern="needle")
    assert [e["message"] for e in found] == ["needle"]
    assert pages == 2


def test_each_attempt_has_streams_of_its_own(logs, job):
    one = job("one")
    one.prints("first attempt\nunfin", 1)
    first = one.stream()
    log = one.store.home.log("one", "algo-1")
    one.close()
    one.writers.clear()
    one._go(Event.RETRIED, BEGUN + 10)
    assert texts(logs("GetLogEvents", logStreamName=first)) == ["first attempt"]
    aside = one.store.home.job("one") / "attempts/1/algo-1.log"
    aside.parent.mkdir(parents=True)
    move_log(log, aside)
    assert texts(logs("GetLogEvents", logStreamName=first)) == ["first attempt"]
    one._go(Event.RESET, BEGUN + 11)
    one._go(Event.PREPARED, BEGUN + 12)
    one._go(Event.STAGED, BEGUN + 13)
    one.prints("second attempt\n", 14)
    assert all_streams(logs) == [first, f"one/algo-1-{BEGUN + 13}"]
    assert texts(logs("GetLogEvents", logStreamName=first)) == ["first attempt", "unfin"]
    assert [e["message"] for e in filtered(logs)[0]] == ["first attempt", "unfin", "second attempt"]


@settings(deadline=None, max_examples=25)
@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(1, 4), st.integers(0, 3)), max_size=25),
    st.integers(1, 6),
)
def test_followers_see_every_event_once(tmp_path_factory, request_of, steps, limit):
    """As ``aws logs tail --follow`` and the SDK do it, whatever is printed in between."""
    from sagelet.aws.operation import OPERATIONS, Context
    from sagelet.store import open_store

    store = open_store(tmp_path_factory.mktemp("home"), "eu-west-1")
    context = Context("123456789012", "eu-west-1", "AKIA", "r", store, None)
    printer = Printer(store, request_of(TrainingJobName="one"))
    expected, seen, since, latest = [], [], 0, set()
    position, followed = {}, []

    def tail():
        nonlocal since, latest
        token = {}
        while True:
            page = OPERATIONS["logs", "FilterLogEvents"].handler(
                context, {"logGroupName": GROUP, "startTime": since, "limit": limit, **token}
            )
            for event in page["events"]:
                if event["eventId"] in latest:
                    continue
                if event["timestamp"] > since:
                    since, latest = event["timestamp"], set()
                latest.add(event["eventId"])
                seen.append(event["message"])
            if "nextToken" not in page:
                return
            token = {"nextToken": page["nextToken"]}

    def follow(stream):
        """The SDK: from the last time on, without as many events as it had of that time."""
        start, skip = position.get(stream, (0, 0))
        token = {}
        while True:
            page = OPERATIONS["logs", "GetLogEvents"].handler(
                context,
                {
                    "logGroupName": GROUP,
                    "logStreamName": stream,
                    "startTime": start,
                    "startFromHead": True,
                    "limit": limit,
                    **token,
                },
            )
            if not page["events"]:
                return
            events, skip = page["events"][skip:], max(0, skip - len(page["events"]))
            for event in events:
                last, count = position.get(stream, (0, 0))
                same = event["timestamp"] == last
                position[stream] = event["timestamp"], count + 1 if same else 1
                followed.append(event["message"])
            token = {"nextToken": page["nextForwardToken"]}

    clock = 0
    for number, (passed, lines, host) in enumerate(steps):
        clock += passed
        texts = [f"{number}.{line}" for line in range(lines)]
        expected += texts
        printer.prints("".join(text + "\n" for text in texts), clock, f"algo-{host + 1}")
        if number % 3 == 2:
            # What is printed in the same millisecond after a look belongs to the next one.
            clock += 1
            tail()
            for stream in list(store.logs.named()):
                follow(stream.name)
    printer.ends()
    if expected:
        tail()
        for stream in list(store.logs.named()):
            follow(stream.name)
    store.database.close()
    assert sorted(seen) == sorted(expected)
    assert sorted(followed) == sorted(expected)
