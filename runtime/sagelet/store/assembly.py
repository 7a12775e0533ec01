"""Objects put together while their parts still come, so that a completion has little left to do.

Only a head start: what is not here, or was put together from other parts than the completion
names, is put together then.
"""

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from sagelet.store.blobs import Blobs, Draft

#: Uploads that have a head start at a time; each holds a file open.
LIMIT = 8

#: Parts put together by the thread that brought one: its client waits for that long.
_TURN = 4


class Assemblies:
    """The uploads of one process. Methods may be called from any thread."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs
        self._begun: dict[str, _Assembly] = {}
        self._lock = threading.Lock()

    def add(self, upload: str, number: int, blob: str) -> None:
        """A part is there: the file ``blob``. The latest LIMIT uploads are kept."""
        with self._lock:
            assembly = self._begun.get(upload)
            if assembly is None:
                assembly = self._begun[upload] = _Assembly()
            surplus = list(self._begun)[:-LIMIT]
        self.drop(surplus)
        assembly.arrived[number] = blob
        assembly.grow(self._blobs)

    def take(self, upload: str, blobs: Sequence[str]) -> tuple[Draft, Sequence[str]]:
        """A draft that begins with the first of ``blobs``, and those it lacks.

        Raises:
            OSError: it cannot be made.
        """
        with self._lock:
            assembly = self._begun.pop(upload, None)
        if assembly is not None:
            draft, done = assembly.end()
            if draft is not None and done == blobs[: len(done)]:
                return draft, blobs[len(done) :]
            if draft is not None:
                draft.discard()
        return self._blobs.draft(), blobs

    def drop(self, uploads: Iterable[str]) -> None:
        """Forget these uploads."""
        for upload in uploads:
            with self._lock:
                assembly = self._begun.pop(upload, None)
            if assembly is not None and (draft := assembly.end()[0]) is not None:
                draft.discard()

    def begun(self) -> list[str]:
        """The uploads that have a head start."""
        with self._lock:
            return list(self._begun)


@dataclass(slots=True)
class _Assembly:
    """One upload's: the parts that came, by number, and those that the draft begins with."""

    arrived: dict[int, str] = field(default_factory=dict[int, str])
    _draft: Draft | None = None
    _done: list[str] = field(default_factory=list[str])
    _over: bool = False
    _busy: threading.Lock = field(default_factory=threading.Lock)

    def grow(self, blobs: Blobs) -> None:
        """Append the parts whose turn it is, unless another thread is at it."""
        if not self._busy.acquire(blocking=False):
            return
        try:
            for _ in range(_TURN):
                blob = self.arrived.get(len(self._done) + 1)
                if blob is None or self._over:
                    return
                if self._draft is None:
                    self._draft = blobs.draft()
                blobs.copy(blob, self._draft)
                self._done.append(blob)
                self._draft.flush()
        except OSError:  # the part was replaced meanwhile, or the disk is full
            self._over = True
            if self._draft is not None:
                self._draft.discard()
                self._draft = None
        finally:
            self._busy.release()

    def end(self) -> tuple[Draft | None, list[str]]:
        """The draft, whose owner is the caller from now on, and what it begins with."""
        with self._busy:
            self._over = True
            draft, self._draft = self._draft, None
            return draft, self._done
