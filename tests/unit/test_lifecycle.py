"""The life of a job: the table is complete, every life ends, and it ends once."""

from contextlib import suppress
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagelet.aws.model import load_operation
from sagelet.domain.lifecycle import (
    ENDING,
    MESSAGE,
    PRIMARY,
    RETRYABLE,
    TERMINAL,
    TRANSITIONS,
    Effect,
    Event,
    IllegalTransition,
    Life,
    Secondary,
    Step,
    advance,
    begin,
)

EVENTS = st.lists(st.tuples(st.sampled_from(Event), st.floats(0, 1e9)), max_size=12)


def at(state, ending=Secondary.STOPPED):
    return Life((Step(state, 1.0, None, MESSAGE[state]),), ending)


def live(*events, reason=None):
    """The life after ``events``, a second apart, and the effects of the last one."""
    life, effects = begin(0.0), ()
    for second, event in enumerate(events, start=1):
        life, effects = advance(life, event, float(second), reason)
    return life, effects


TO_TRAINING = (Event.PREPARED, Event.STAGED)


@pytest.mark.parametrize(("state", "event"), [*product(Secondary, Event)])
def test_every_pair_is_in_the_table_or_illegal(state, event):
    if (state, event) in TRANSITIONS:
        after, effects = advance(at(state), event, 2.0)
        assert after.secondary is (TRANSITIONS[state, event][0] or Secondary.STOPPED)
        assert effects == TRANSITIONS[state, event][1]
    else:
        with pytest.raises(IllegalTransition, match=state.value):
            advance(at(state), event, 2.0)


@pytest.mark.parametrize("state", sorted(TERMINAL))
def test_nothing_happens_after_the_end(state):
    assert not [event for event in Event if (state, event) in TRANSITIONS]


def test_a_decision_that_was_never_made_is_a_bug():
    with pytest.raises(IllegalTransition):
        advance(at(Secondary.STOPPING, ending=None), Event.ABANDONED, 2.0)


def test_every_state_but_the_last_ones_can_end():
    leads_on = {
        state: {TRANSITIONS[state, e][0] for e in Event if (state, e) in TRANSITIONS}
        for state in set(Secondary) - TERMINAL
    }
    ends = {state for state, targets in leads_on.items() if targets & {*TERMINAL, None}}
    while more := {s for s, targets in leads_on.items() if targets & ends} - ends:
        ends |= more
    assert ends == set(leads_on)


def test_every_live_state_can_fault_and_be_told_to_stop():
    for state in set(Secondary) - TERMINAL:
        assert TRANSITIONS[state, Event.FAULTED] == (Secondary.FAILED, (Effect.CLEAN,))
        assert (state, Event.STOP_REQUESTED) in TRANSITIONS


def test_exactly_the_last_step_cleans():
    for target, effects in TRANSITIONS.values():
        assert (Effect.CLEAN in effects) == (target is None or target in TERMINAL)


@given(EVENTS)
def test_any_history_is_gapless_forward_in_time_and_decided_once(events):
    life = begin(5.0)
    for event, now in events:
        try:
            after, _ = advance(life, event, now, "reason")
        except IllegalTransition:
            continue
        assert life.ending is None or after.ending is life.ending
        assert life.failure_reason is None or after.failure_reason == life.failure_reason
        life = after
    for step, following in zip(life.steps, life.steps[1:], strict=False):
        assert step.start <= step.end == following.start
        assert step.status is not following.status
    assert (life.steps[-1].end is not None) == life.over
    assert life.over == (life.secondary in TERMINAL) == (life.ended() is not None)


@given(EVENTS)
def test_only_a_failed_job_has_a_reason(events):
    life = begin(0.0)
    for event, now in events:
        try:
            life, _ = advance(life, event, now, "reason")
        except IllegalTransition:
            continue
    if life.failure_reason is not None:
        assert Secondary.FAILED in (life.ending, life.secondary)


def test_a_good_job_goes_through_the_states_sagemaker_shows():
    life, effects = live(*TO_TRAINING, Event.HOSTS_SUCCEEDED, Event.STORED)
    assert [step.status for step in life.steps] == [
        "Starting", "Downloading", "Training", "Uploading", "Completed",
    ]  # fmt: skip
    assert [step.message for step in life.steps] == [
        "Starting the training job",
        "Downloading input data",
        "Training image download completed. Training in progress.",
        "Uploading generated training model",
        "Training job completed",
    ]
    assert (life.primary, life.failure_reason, effects) == ("Completed", None, (Effect.CLEAN,))
    assert (life.started(), life.ended()) == (1.0, 4.0)


def test_a_failed_job_still_stores_its_outputs():
    life, effects = live(*TO_TRAINING, Event.HOSTS_FAILED, reason="why")
    assert (life.secondary, life.primary, effects) == ("Uploading", "InProgress", (Effect.STORE,))
    life, _ = advance(life, Event.STORED, 9.0)
    assert (life.primary, life.failure_reason) == ("Failed", "why")


@pytest.mark.parametrize("last", [Event.HOSTS_SUCCEEDED, Event.HOSTS_FAILED])
def test_a_stopped_job_is_stopping_while_it_uploads_and_keeps_no_reason(last):
    life, _ = live(*TO_TRAINING, Event.STOP_REQUESTED, last, reason="exit code: 143")
    assert (life.secondary, life.primary) == ("Uploading", "Stopping")
    life, _ = advance(life, Event.STORED, 9.0)
    assert (life.primary, life.secondary, life.failure_reason) == ("Stopped", "Stopped", None)


def test_a_job_out_of_time_is_stopped_not_failed():
    life, _ = live(*TO_TRAINING, Event.TIME_EXCEEDED, Event.HOSTS_FAILED, Event.STORED)
    assert (life.primary, life.secondary) == ("Stopped", "MaxRuntimeExceeded")


def test_a_stop_after_the_hosts_ended_comes_too_late():
    life, effects = live(*TO_TRAINING, Event.HOSTS_SUCCEEDED, Event.STOP_REQUESTED)
    assert (life.ending, effects) == ("Completed", ())


@pytest.mark.parametrize("before", [(), (Event.PREPARED,)])
def test_a_job_stopped_before_its_hosts_started_stores_nothing(before):
    life, effects = live(*before, Event.STOP_REQUESTED)
    assert (life.primary, effects) == ("Stopping", (Effect.ABANDON,))
    life, effects = advance(life, Event.ABANDONED, 9.0)
    assert (life.primary, effects) == ("Stopped", (Effect.CLEAN,))


def test_a_job_that_had_to_wait_goes_on_like_any_other():
    life, effects = advance(begin(0.0, waiting=True), Event.ADMITTED, 1.0)
    assert (life.secondary, effects) == ("Starting", (Effect.PREPARE,))
    assert [step.status for step in life.steps] == ["Pending", "Starting"]
    assert life.started() is None


@pytest.mark.parametrize(
    ("event", "secondary"),
    [
        (Event.STOP_REQUESTED, "Stopped"),
        (Event.WAIT_EXCEEDED, "MaxWaitTimeExceeded"),
    ],
)
def test_a_job_that_waits_can_be_given_up(event, secondary):
    life, effects = advance(begin(0.0, waiting=True), event, 1.0)
    assert (life.primary, effects) == ("Stopping", (Effect.ABANDON,))
    life, _ = advance(life, Event.ABANDONED, 2.0)
    assert (life.primary, life.secondary, life.failure_reason) == ("Stopped", secondary, None)
    assert (life.started(), life.ended()) == (None, 2.0)


@pytest.mark.parametrize(
    "before", [(), (Event.PREPARED,), TO_TRAINING, (Event.PREPARED, Event.RETRIED)]
)
def test_the_wait_is_exceeded_in_any_state_before_the_hosts_ended(before):
    life, effects = live(*before, Event.WAIT_EXCEEDED)
    assert (life.secondary, life.ending) == ("Stopping", "MaxWaitTimeExceeded")
    assert effects == ((Effect.STOP_HOSTS,) if before == TO_TRAINING else (Effect.ABANDON,))
    # A limit that is reached while the job is being stopped decides nothing anew.
    again, effects = advance(life, Event.TIME_EXCEEDED, 9.0)
    assert (again, effects) == (life, ())


def test_who_is_stopped_first_keeps_that_ending():
    life, _ = live(*TO_TRAINING, Event.STOP_REQUESTED, Event.WAIT_EXCEEDED, Event.HOSTS_FAILED)
    life, _ = advance(life, Event.STORED, 9.0)
    assert life.secondary == "Stopped"


@pytest.mark.parametrize("state", sorted(RETRYABLE))
def test_a_retry_begins_from_nothing(state):
    life, effects = advance(at(state, ending=None), Event.RETRIED, 2.0)
    assert (life.secondary, life.primary, effects) == ("Restarting", "InProgress", (Effect.RESET,))
    life, effects = advance(life, Event.RESET, 3.0)
    assert (life.secondary, life.ending, effects) == ("Starting", None, (Effect.PREPARE,))


def test_a_job_is_retried_before_its_outputs_are_there_never_after():
    assert {"Starting", "Downloading", "Training"} == RETRYABLE


def test_training_began_when_the_first_attempt_did():
    life, _ = live(*TO_TRAINING, Event.RETRIED, Event.RESET, *TO_TRAINING)
    assert [step.status for step in life.steps] == [
        "Starting", "Downloading", "Training", "Restarting", "Starting", "Downloading", "Training",
    ]  # fmt: skip
    assert life.started() == 1.0


@given(st.booleans(), EVENTS)
def test_every_state_a_life_can_reach_has_a_way_out(waiting, events):
    """Whatever happened, a fault ends it: no job hangs in a state without a row."""
    life = begin(0.0, waiting=waiting)
    for event, now in events:
        with suppress(IllegalTransition):
            life, _ = advance(life, event, now)
    if not life.over:
        life, effects = advance(life, Event.FAULTED, 2e9, "the platform")
        assert (life.primary, effects) == ("Failed", (Effect.CLEAN,))
        assert life.failure_reason


def test_the_first_reason_stays():
    life, _ = live(*TO_TRAINING, Event.HOSTS_FAILED, reason="the script")
    life, _ = advance(life, Event.FAULTED, 9.0, "the disk")
    assert (life.primary, life.failure_reason) == ("Failed", "the script")


def test_a_fault_while_a_stopped_job_uploads_makes_it_failed():
    life, _ = live(*TO_TRAINING, Event.STOP_REQUESTED, Event.HOSTS_SUCCEEDED)
    life, _ = advance(life, Event.FAULTED, 9.0, "the disk")
    assert (life.primary, life.failure_reason) == ("Failed", "the disk")


def test_a_clock_set_back_does_not_turn_time_round():
    life, _ = advance(begin(100.0), Event.PREPARED, 50.0)
    assert [(step.start, step.end) for step in life.steps] == [(100.0, 100.0), (100.0, None)]


def test_a_message_changes_the_current_step_only():
    life, _ = live(Event.PREPARED)
    said = life.say("Downloading the training image")
    assert [step.message for step in said.steps] == [
        "Starting the training job",
        "Downloading the training image",
    ]
    assert said.steps[0] is life.steps[0]


def test_every_state_has_a_status_and_a_message():
    assert set(PRIMARY) == set(MESSAGE) == set(Secondary)
    assert {
        state for state, status in PRIMARY.items() if status in ("Completed", "Failed", "Stopped")
    } == TERMINAL
    assert set(ENDING) <= set(TRANSITIONS)
    assert set(ENDING.values()) <= TERMINAL


def test_the_names_are_the_api_s(tmp_path):
    shapes = load_operation("sagemaker", "DescribeTrainingJob", tmp_path).shapes
    assert set(Secondary) <= set(shapes["SecondaryStatus"]["enum"])
    assert set(PRIMARY.values()) | {"Stopping"} <= set(shapes["TrainingJobStatus"]["enum"])
