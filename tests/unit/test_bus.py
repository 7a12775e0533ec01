"""Telling listeners that something changed, and nothing else."""

from sagelet.engine.bus import Bus


def test_a_listener_hears_what_it_wants_once():
    bus, woken = Bus(), []
    with bus.listen(lambda topic: topic[0] == "job", lambda: woken.append(1)) as listener:
        bus.tell("job", "r", "a")
        bus.tell("job", "r", "a")
        bus.tell("job", "r", "b")
        bus.tell("log", "r", "a", "algo-1")
        assert woken == [1]
        assert listener.take() == {("job", "r", "a"), ("job", "r", "b")}
        assert listener.take() == set()
        bus.tell("job", "r", "a")
        assert woken == [1, 1]
    bus.tell("job", "r", "c")
    assert ("job", "r", "c") not in listener.take()


def test_a_bus_that_closes_ends_its_listeners():
    bus, woken = Bus(), []
    early = bus.listen(lambda _topic: True, lambda: woken.append(1))
    bus.close()
    assert early.closed
    assert woken == [1]
    assert bus.listen(lambda _topic: True, lambda: None).closed
