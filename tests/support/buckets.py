"""Objects for tests, put into a home's own store."""

import hashlib
from pathlib import Path

from sagelet.store import Store


def fill(store: Store, bucket: str, objects: dict[str, bytes], folder: Path) -> None:
    """Make the bucket if need be, and the objects: key -> bytes."""
    if store.objects.find_bucket(bucket) is None:
        store.objects.create_bucket(bucket, "us-east-1")
    for key, data in objects.items():
        source = folder / f"object-{hashlib.sha1(key.encode()).hexdigest()}"
        source.write_bytes(data)
        store.objects.put(bucket, key, source)
        source.unlink()


def read(store: Store, bucket: str, key: str, folder: Path) -> bytes | None:
    """An object's bytes."""
    found = store.objects.find(bucket, key)
    if found is None:
        return None
    target = folder / "fetched"
    target.unlink(missing_ok=True)
    store.objects.fetch(found, target)
    data = target.read_bytes()
    target.unlink()
    return data


class Quiet:
    """The Progress of a step nobody watches."""

    def __init__(self, *, cancelled: bool = False) -> None:
        self.told: list[str] = []
        self._cancelled = cancelled

    def __call__(self, text: str) -> None:
        self.told.append(text)

    def cancelled(self) -> bool:
        return self._cancelled
