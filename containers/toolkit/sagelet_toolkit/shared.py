"""What the platform says where hosts are processes of one machine. Nothing of it on SageMaker.

There are no servers that a launcher could log in to, and hosts that share the machine's network
share its ports with other jobs: each job has some of its own. The first is the master's; then
come, for each host, one for its worker, and after those one for its parameter server.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Mapping

MACHINE = "SAGELET_SHARED_MACHINE"
PORTS_FROM = "SAGELET_PORTS_FROM"


def machine(environ: Mapping[str, str]) -> bool:
    """Tell whether all hosts are processes of one machine."""
    return bool(environ.get(MACHINE))


def ports_from(environ: Mapping[str, str]) -> int:
    """Return the job's first port, or 0 where every port is its own."""
    text = environ.get(PORTS_FROM, "")
    return int(text) if text.isdigit() else 0
