"""Which backend runs a job: by name, or the first that can (``auto``)."""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from sagelet.domain.errors import DomainError
from sagelet.domain.hosts import JobPlan
from sagelet.execution.backend import ExecutionBackend


@dataclass(frozen=True, slots=True)
class Choice:
    """A backend, why it was taken, and what to take if it cannot prepare the job after all."""

    backend: ExecutionBackend
    reason: str
    otherwise: str | None = None


class Backends:
    """Backends by name, made when first needed: loading Docker's SDK takes half a second."""

    def __init__(
        self,
        makers: dict[str, Callable[[], ExecutionBackend]],
        why_no_docker: Callable[[], str | None],
        usual: str = "auto",
    ) -> None:
        self._makers = makers
        self._made: dict[str, ExecutionBackend] = {}
        self._making = threading.Lock()
        self._why_no_docker = why_no_docker
        self._usual = usual

    def get(self, name: str) -> ExecutionBackend:
        """The backend of that name.

        Raises:
            Unavailable: it cannot work on this machine.
        """
        with self._making:
            if name not in self._made:
                self._made[name] = self._makers[name]()
            return self._made[name]

    def choose(self, plan: JobPlan, wanted: str | None) -> Choice:
        """The backend for a job, checked; None: the usual one.

        Raises:
            DomainError: the wanted one (or, for auto, none) can run it.
        """
        wanted = wanted or self._usual
        if wanted != "auto":
            backend = self.get(wanted)
            backend.check(plan)
            return Choice(backend, "as asked")
        if plan.python is not None:
            return self._process(plan, f"it runs in {plan.python}")
        silent = self._why_no_docker()
        if silent is None:
            docker = self.get("docker")
            if plan.framework is None:
                docker.check(plan)
                return Choice(docker, "an engine answers; the image is somebody's own")
            try:
                docker.check(plan)
            except DomainError as error:
                return self._process(plan, f"Docker cannot run it: {error}")
            return Choice(docker, "an engine answers", otherwise="process")
        return self._process(plan, silent)

    def _process(self, plan: JobPlan, reason: str) -> Choice:
        backend = self.get("process")
        backend.check(plan)
        return Choice(backend, reason)
