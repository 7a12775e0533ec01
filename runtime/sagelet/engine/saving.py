"""A job's new state on its way to the store, with patience: what hinders it may pass."""

import logging
import time
from collections.abc import Callable

from sagelet.domain.jobs import Job
from sagelet.domain.lifecycle import Life
from sagelet.store import Store

#: How long a new state may wait for a full disk or a locked database, in seconds.
SAVE_PATIENCE = 60.0

#: Between two tries, in seconds.
_PAUSE = 0.5

_log = logging.getLogger("sagelet.engine")


def save_life(store: Store, job: Job, life: Life, clock: Callable[[], float]) -> Job:
    """Store a new state; ``clock`` gives epoch seconds.

    Returns:
        The job as it is stored now.

    Raises:
        Exception: what hindered it did not pass.
    """
    jobs = store.jobs_of(job.kind)
    deadline = time.monotonic() + SAVE_PATIENCE
    while True:
        try:
            jobs.save_life(job.name, life, clock())
            saved: Job = jobs.get(job.name)
        except Exception as error:
            if time.monotonic() > deadline:
                raise
            store.home.use_reserve(job.key)
            _log.warning("the state of %s cannot be stored: %s", job.name, error)
            time.sleep(_PAUSE)
        else:
            return saved
