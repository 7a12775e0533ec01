"""Where the answers of the people's door come from: handed in by the composition root."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sagelet.engine.bus import Bus
from sagelet.store import Store
from sagelet.store.calls import Calls
from sagelet.web.answers import Token

if TYPE_CHECKING:
    from sagelet.engine.engine import Engine


@dataclass(frozen=True, slots=True)
class Sources:
    """See the module.

    ``context_for`` gives a region's store and engine; ``settings`` are shown as they are: name,
    value, what set it, if anything did; ``findings`` examines this machine, which takes up to some
    seconds: a check, its state, what was found, what to do; ``backend`` is what jobs run on that
    do not say it, and why that does not answer if it does not; ``about`` is what the control plane
    says of itself;
    ``storage`` is false where objects are kept elsewhere; ``reset`` forgets everything and is
    there in test mode only.
    """

    account: str
    region: str
    home: Path
    context_for: Callable[[str], "tuple[Store, Engine]"]
    bus: Bus
    calls: Calls
    about: Mapping[str, Any]
    settings: Callable[[], Iterable[tuple[str, str, str]]]
    findings: Callable[[], list[dict[str, str]]] = list
    backend: Callable[[], tuple[str, str | None]] = lambda: ("process", None)
    storage: bool = True
    reset: Callable[[], None] | None = None
    token: Token = field(default_factory=Token)

    def region_of(self, region: str | None) -> "tuple[Store, Engine]":
        """The store and the engine of a region, or of the control plane's own."""
        return self.context_for(region or self.region)
