"""How the training jobs of a tuning job are now, read from where training jobs are kept."""

import math
from dataclasses import replace

from sagelet.domain.jobs import Job
from sagelet.domain.lifecycle import Secondary
from sagelet.domain.training import TrainingJob
from sagelet.domain.tuning import STOPPED, TunedJob, TuningJob
from sagelet.store import Store


def find(store: Store, name: str) -> TrainingJob | None:
    """The training job of that name, if there is one."""
    return store.training_jobs.get(name) if store.training_jobs.has(name) else None


def waits(job: Job) -> bool:
    """Whether it waits for its turn."""
    return job.life.secondary is Secondary.PENDING


def looked_at(store: Store, tuning: TuningJob, known: TunedJob, job: Job | None) -> TunedJob:
    """What is known of a training job that had not ended when last looked at."""
    if job is None:
        # It had ended and was deleted, for nothing else makes one go away.
        return replace(known, settled=True, status=STOPPED) if known.submitted else known
    life = job.life
    seen = replace(
        known,
        submitted=True,
        status=life.primary,
        created=job.created,
        started=life.started(),
        ended=life.ended(),
        failure_reason=life.failure_reason,
    )
    if not life.over:
        return seen
    values = objective_values(store, tuning, known)
    last = values[-1] if values and math.isfinite(values[-1]) else None
    return replace(
        seen,
        settled=True,
        objective=last,
        epochs=len(values),
        stopped_early=known.stopped_early and life.primary == STOPPED,
    )


def objective_values(store: Store, tuning: TuningJob, known: TunedJob) -> list[float]:
    """The objective's values a training job has emitted so far."""
    metric = tuning.definitions[known.definition].objective.metric
    return [datum.value for datum in store.metrics.series(known.name, metric)]


def shown(store: Store, tuning: TuningJob) -> list[TunedJob]:
    """All training jobs of a tuning job as they are at this moment, in the order of launch.

    One that runs has the objective's last value so far.
    """
    found = []
    for known in store.tuning_jobs.tuned(tuning.name):
        if known.settled:
            found.append(known)
            continue
        job = find(store, known.name)
        if job is None and not known.submitted:
            continue  # about to be launched
        seen = looked_at(store, tuning, known, job)
        if not seen.settled:
            metric = tuning.definitions[known.definition].objective.metric
            last = next(
                (d.value for d in store.metrics.final(known.name) if d.name == metric), None
            )
            seen = replace(
                seen, objective=last if last is not None and math.isfinite(last) else None
            )
        found.append(seen)
    return found
