"""In which order the items of a channel come, and which host gets which.

Items are keys, manifest entries or lines; here they are places, counted from 0 in the order they
were found. With a ShuffleConfig they are sorted by the SHA-256 of "<seed>:<epoch>:<place>" in
decimal digits: the same on every machine, another order in every epoch. They are dealt like cards:
of N hosts, the first gets the first item and every N-th after it.
"""

import hashlib
from collections.abc import Sequence


def order(count: int, seed: int | None, epoch: int = 0) -> Sequence[int]:
    """The places 0 .. count - 1 in the order of an epoch; as they are without a seed."""
    if seed is None:
        return range(count)
    start = hashlib.sha256(f"{seed}:{epoch}:".encode())

    def rank(place: int) -> bytes:
        digest = start.copy()
        digest.update(b"%d" % place)
        return digest.digest()

    return sorted(range(count), key=rank)


def deal(ordered: Sequence[int], number: int, hosts: int) -> Sequence[int]:
    """What host ``number`` (from 0) of ``hosts`` gets."""
    return ordered[number::hosts]
