"""What a host of several owes the others: to wait for their names, and for their reasons.

A cluster's names appear a moment after its hosts.
"""

from __future__ import annotations

import socket
import time

from sagelet_toolkit.failure import ClientError, FrameworkError, Stopped
from sagelet_toolkit.process import Supervisor

LONGEST_WAIT_S = 15 * 60
LONGEST_PAUSE_S = 30.0
HOLD_BACK_S = 1.0


def wait_until_resolved(hosts: list[str], child: Supervisor) -> None:
    """Return when every name resolves; say so while one does not."""
    for host in hosts:
        give_up_at = time.monotonic() + LONGEST_WAIT_S
        pause = 0.1
        while not _resolves(host):
            if time.monotonic() + pause > give_up_at:
                raise FrameworkError(
                    f"The name of host {host!r} did not resolve within {LONGEST_WAIT_S} seconds."
                    " Check that every host of the job started, on one network."
                )
            if pause > 1:
                child.log.info(f"Waiting for the name of host {host} to resolve")
            child.pause(pause)
            pause = min(pause * 2, LONGEST_PAUSE_S)


def check_resolves(master: str) -> None:
    """Refuse to start what needs the first host's name where the platform gives none.

    Raises:
        ClientError: it does not resolve.
    """
    if not _resolves(master):
        raise ClientError(
            f"The name of the first host, {master!r}, does not resolve, so that the hosts cannot"
            " find each other. Without Docker they need namespaces, which this machine refuses."
        )


def let_the_cause_speak_first(reason: str, child: Supervisor) -> None:
    """Hold back a failure that another host's brought about, so that the platform sees that first.

    Both end within milliseconds, and the first host to end is taken for the cause of it all. The
    platform's signal ends the wait; without one this host's reason is the best there is.
    """
    from sagelet_toolkit import ranks

    if not ranks.lost_a_peer(reason):
        return
    child.log.info("The script lost another host; waiting for that one's reason")
    until = time.monotonic() + HOLD_BACK_S
    try:
        while time.monotonic() < until:
            child.pause(max(until - time.monotonic(), 0))
    except Stopped:  # the other one was heard
        pass


def _resolves(host: str) -> bool:
    try:
        socket.gethostbyname(host)
    except OSError:
        return False
    return True
