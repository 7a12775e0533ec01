"""Back to an empty home, for test suites; offered only by a control plane in test mode."""

from sagelet.domain.errors import Unavailable
from sagelet.engine.dispatcher import Dispatcher
from sagelet.engine.tuners import Tuners
from sagelet.store import Store
from sagelet.store.home import clear

#: How long the jobs that run may take to be killed, in seconds.
PATIENCE = 60.0


def reset(store: Store, dispatcher: Dispatcher, tuners: Tuners) -> None:
    """Kill every job, then forget everything: jobs, objects, roles, tags, models.

    Raises:
        Unavailable: a job does not end; nothing was forgotten.
    """
    for _ in range(int(PATIENCE)):
        tuners.stop_all()
        for job in store.live():
            dispatcher.stop(job, hurry=True)
        if tuners.drain(1.0):
            break  # else one may have launched a job amid this
    if not (tuners.idle() and dispatcher.drain(PATIENCE)):
        raise Unavailable(f"A job did not end within {PATIENCE:g} s; try again.")
    dispatcher.warm.end_all()
    store.database.wipe()
    clear(store.home.root)
