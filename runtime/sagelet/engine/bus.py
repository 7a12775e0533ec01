"""Who wants to hear that something changed, within this process.

What is told is only *that* something changed; what it is now stands in the store, and of hosts
with the engine. So a listener that is slow misses nothing: all it did not hear yet is one set of
topics.
"""

import threading
from collections.abc import Callable
from typing import Self

#: ``("job", region, key)``, ``("log", region, key, host)``, ``("metrics", region, key)``,
#: ``("usage", region, key)``, ``("hosts", region, key)`` with a job's key, which no job of another
#: kind has; ``("tuning", region, name)`` with a tuning job's name; ``("calls",)``; ``("tracked",
#: region)``; ``("storage",)``, for what jobs do not store.
Topic = tuple[str, ...]


class Listener:
    """What one listener has not heard yet. A context manager."""

    def __init__(
        self, bus: "Bus", wants: Callable[[Topic], bool], wake: Callable[[], None]
    ) -> None:
        self._bus = bus
        self.wants = wants
        self._wake = wake
        self._changed: set[Topic] = set()
        self._lock = threading.Lock()
        self.closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._bus.leave(self)

    def hear(self, topic: Topic) -> None:
        """Remember the topic; the first one since ``take`` wakes the listener."""
        with self._lock:
            first = not self._changed
            self._changed.add(topic)
        if first:
            self._wake()

    def take(self) -> set[Topic]:
        """What changed since the last time."""
        with self._lock:
            changed, self._changed = self._changed, set()
        return changed

    def end(self) -> None:
        """Nothing more will come."""
        self.closed = True
        self._wake()


class Bus:
    """Tells listeners. Methods may be called from any thread; ``tell`` costs next to nothing."""

    def __init__(self) -> None:
        self._listeners: tuple[Listener, ...] = ()
        self._lock = threading.Lock()
        self._closed = False

    def listen(self, wants: Callable[[Topic], bool], wake: Callable[[], None]) -> Listener:
        """Hear of topics that ``wants`` likes; ``wake`` is called from any thread."""
        listener = Listener(self, wants, wake)
        with self._lock:
            self._listeners = (*self._listeners, listener)
            if self._closed:
                listener.closed = True
        return listener

    def leave(self, listener: Listener) -> None:
        """Tell it nothing more."""
        with self._lock:
            self._listeners = tuple(each for each in self._listeners if each is not listener)

    def tell(self, *topic: str) -> None:
        """Something about ``topic`` is new in the store."""
        for listener in self._listeners:
            if listener.wants(topic):
                listener.hear(topic)

    def close(self) -> None:
        """End every listener: the process is on its way out."""
        with self._lock:
            self._closed = True
            listeners = self._listeners
        for listener in listeners:
            listener.end()
