"""Where the operations are found: in the modules of ``sagelet.aws.services``."""

import importlib
import pkgutil
from collections.abc import Iterable

from sagelet.aws import services as service_modules
from sagelet.aws.operation import OPERATIONS, Registered

#: S3 streams, so it is served as a whole and not by operations.
S3 = "s3"


class Registry:
    """The operations of ``sagelet.aws.services``; a service's module is imported when asked for."""

    @property
    def services(self) -> tuple[str, ...]:
        """Botocore's names of the services that have a module here, but S3."""
        names = (module.name for module in pkgutil.iter_modules(service_modules.__path__))
        return tuple(name.replace("_", "-") for name in names if name != S3)

    def of(self, service: str) -> dict[str, Registered]:
        """The operations of one service, by name."""
        if service not in self.services:
            return {}
        name = f"{service_modules.__name__}.{service.replace('-', '_')}"
        for below in pkgutil.iter_modules(getattr(importlib.import_module(name), "__path__", ())):
            importlib.import_module(f"{name}.{below.name}")
        return {key[1]: found for key, found in OPERATIONS.items() if key[0] == service}


class FixedRegistry(Registry):
    """Just these operations."""

    def __init__(self, operations: Iterable[Registered]) -> None:
        self._operations = tuple(operations)

    @property
    def services(self) -> tuple[str, ...]:
        """The services of these operations."""
        return tuple(dict.fromkeys(found.service for found in self._operations))

    def of(self, service: str) -> dict[str, Registered]:
        """The operations of one service, by name."""
        return {found.name: found for found in self._operations if found.service == service}
