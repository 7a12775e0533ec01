"""Calls at a time: in order, each once, whatever one of them does."""

import queue
import time

from sagelet.engine.alarm import Alarm


def test_calls_come_in_the_order_of_their_times():
    heard, alarm, now = queue.Queue(), Alarm(), time.time()
    alarm.set(now + 0.06, lambda: heard.put("last"))
    alarm.set(now + 0.03, lambda: heard.put("second"))
    alarm.set(now - 5, lambda: heard.put("late"))
    assert [heard.get(timeout=5) for _ in range(3)] == ["late", "second", "last"]
    assert heard.empty()


def test_a_call_that_fails_does_not_end_the_others():
    heard, after = queue.Queue(), queue.Queue()
    alarm = Alarm(after=lambda: after.put(1))

    def fail():
        raise ValueError("told to")

    alarm.set(0.0, fail)
    alarm.set(1.0, lambda: heard.put("next"))
    assert heard.get(timeout=5) == "next"
    assert [after.get(timeout=5) for _ in range(2)] == [1, 1]
