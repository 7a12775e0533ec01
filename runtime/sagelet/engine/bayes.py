"""The model behind the strategies Bayesian and Hyperband: Optuna's tree-structured estimator.

The only module that knows the optimiser, which is loaded when it is first asked. Nothing is kept
in it between two questions: each is told all that was tried, from our own store.
"""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sagelet.domain.ranges import Categorical, Range
from sagelet.domain.warm_start import Tried

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

#: Further ones say little; the model takes longer with each.
MOST_TRIED = 400


def next_point(
    ranges: Sequence[Range], tried: Sequence[Tried], maximize: bool, seed: int
) -> dict[str, str]:
    """The combination that promises most after all that was ``tried``."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sampler = optuna.samplers.TPESampler(
        seed=seed, n_startup_trials=0, multivariate=True, constant_liar=True
    )
    study = optuna.create_study(direction="maximize" if maximize else "minimize", sampler=sampler)
    space = {each.name: _distribution(each) for each in ranges}
    study.add_trials([_trial(ranges, space, each) for each in _latest(tried)])
    asked = study.ask(space)
    return {each.name: _text(each, asked.params[each.name]) for each in ranges}


def _latest(tried: Sequence[Tried]) -> list[Tried]:
    """All of them while they are few, else the last."""
    finite = [t for t in tried if t.objective is None or math.isfinite(t.objective)]
    return finite[-MOST_TRIED:]


def _distribution(each: Range) -> "BaseDistribution":
    from optuna.distributions import CategoricalDistribution, FloatDistribution

    if isinstance(each, Categorical):
        return CategoricalDistribution(each.values)
    return FloatDistribution(0.0, 1.0)


def _trial(
    ranges: Sequence[Range], space: dict[str, "BaseDistribution"], tried: Tried
) -> "FrozenTrial":
    from optuna.trial import TrialState, create_trial

    if tried.objective is None:
        state = TrialState.RUNNING
    else:
        state = TrialState.COMPLETE if tried.whole else TrialState.PRUNED
    steps = {}
    if state is TrialState.PRUNED and tried.objective is not None:
        steps = {max(tried.epochs, 1): tried.objective}
    return create_trial(
        state=state,
        value=tried.objective,
        params={each.name: _parameter(each, tried.point[each.name]) for each in ranges},
        distributions=space,
        intermediate_values=steps,
    )


def _parameter(each: Range, text: str) -> float | str:
    if isinstance(each, Categorical):
        return text
    place = each.place(text)
    return 0.5 if place is None else place


def _text(each: Range, parameter: float | str) -> str:
    return str(parameter) if isinstance(each, Categorical) else each.value(float(parameter))
