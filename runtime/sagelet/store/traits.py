"""What is kept of an object beside its bytes: headers, metadata, tags, checksum, parts."""

import json
from dataclasses import asdict, dataclass, field

from sagelet.store.object_store import StoredObject


@dataclass(frozen=True, slots=True)
class Checksum:
    """``algorithm`` and ``type`` in S3's words (CRC32, FULL_OBJECT); ``value`` in base64.

    A composite value ends in ``-N``. The value is empty in an upload that is not completed.
    """

    algorithm: str
    type: str
    value: str = ""


@dataclass(frozen=True, slots=True)
class PartTraits:
    """One part of an object that was uploaded in parts; ``size`` in bytes."""

    number: int
    size: int
    checksum: str | None = None


@dataclass(frozen=True, slots=True)
class Traits:
    """``headers``: by their member names in the service model (ContentType, ...)."""

    headers: dict[str, str] = field(default_factory=dict)
    metadata: dict[str, str] = field(default_factory=dict)
    tags: list[tuple[str, str]] = field(default_factory=list)
    checksum: Checksum | None = None
    #: The upload that made it, so that a repeated completion is told from an unknown one.
    upload: str = ""
    parts: list[PartTraits] = field(default_factory=list)

    def dump(self) -> str:
        """As JSON."""
        return json.dumps({key: value for key, value in asdict(self).items() if value})

    @classmethod
    def load(cls, text: str) -> "Traits":
        """From JSON."""
        document = json.loads(text)
        checksum = document.get("checksum")
        return cls(
            document.get("headers", {}),
            document.get("metadata", {}),
            [(key, value) for key, value in document.get("tags", ())],
            Checksum(**checksum) if checksum else None,
            document.get("upload", ""),
            [PartTraits(**part) for part in document.get("parts", ())],
        )


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket; ``created`` in epoch seconds."""

    name: str
    region: str
    created: float
    tags: list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class ObjectVersion(StoredObject):
    """An object with the name of its file and, as JSON, its traits."""

    blob: str
    traits_json: str

    @property
    def traits(self) -> Traits:
        """Its traits, decoded."""
        return Traits.load(self.traits_json)
