"""The promises about a run hold for any sequence of events."""

from __future__ import annotations

from typing import Final, get_args

import pytest
from hypothesis import example, given, settings

from tests.simulation.checks import violations
from tests.simulation.life import simulate
from tests.simulation.plans import CallPlan, Delivery, Interruption, LifePlan, RunPlan
from tests.simulation.strategies import lives

SILENT: Final = Delivery(pings=False)

SLOW_READER: Final = CallPlan(
    RunPlan(gaps=(40.0, 0.0), headers_after=3.0, delivery=Delivery(cut_after=226)), pause=20.0, total=8.0
)
NO_EVENTS_WHEN_FOLLOWED: Final = CallPlan(RunPlan(gaps=(1.0, 9.0), then_followed=("pings", SILENT)), "wait")
LONG_PAUSES: Final = CallPlan(RunPlan(gaps=(40.0, 40.0, 3.0), end="failed"), "attach")
CLOSED_CLIENT: Final = CallPlan(RunPlan(headers_after=40.0), interruption="close client", seconds=15.0)
CLOSED_WHEN_OPENING: Final = CallPlan(RunPlan(headers_after=20.0), interruption="close", seconds=2.5)
CLOSED_AT_THE_END: Final = CallPlan(
    RunPlan(gaps=(1.0,), end_after=0.0), "blocking", interruption="close", seconds=1.0
)


@settings(max_examples=4 * settings().max_examples)
@given(plan=lives)
# Faults that the simulation has found:
@example(LifePlan((SLOW_READER,), idle=5.0)).via("the total timeout expired in a recovery: not stopped")
@example(LifePlan((NO_EVENTS_WHEN_FOLLOWED,), read=60.0)).via("the record of a run was never read")
@example(LifePlan((LONG_PAUSES,), one_connection=True, read=5.0)).via("events were delivered twice")
@example(LifePlan((CLOSED_CLIENT, CLOSED_CLIENT), slots=1)).via("two tasks closed the client")
@example(LifePlan((CLOSED_WHEN_OPENING,) * 2, slots=1, on_abandon="detach")).via("started after the close")
@example(LifePlan((CLOSED_AT_THE_END,))).via("an event after the close")
def test_the_promises_hold(plan: LifePlan) -> None:
    assert violations(simulate(plan)) == []


RUNS: Final = {
    "good": RunPlan(),
    "late headers": RunPlan(headers_after=1.0, end_after=0.0),
    "interrupted": RunPlan(delivery=Delivery(cut_after=700), followed=(("500", Delivery()),)),
    "polled": RunPlan(delivery=Delivery(cut_after=700), then_followed=("404", Delivery())),
    "sent again": RunPlan(reactions=("busy", "refused"), gaps=(0.0,)),
}


@pytest.mark.parametrize("how", get_args(Interruption))
@pytest.mark.parametrize("run", RUNS.values(), ids=RUNS)
def test_the_promises_hold_if_a_run_is_interrupted_at_any_step(run: RunPlan, how: Interruption) -> None:
    found: dict[int, list[str]] = {}
    for step in range(45):
        interrupted = CallPlan(
            run, interruption=how, step=step, seconds=0.1 * step if how == "timeout" else None
        )
        # One call that waits for its slot, and one that is blocking.
        calls = (
            (interrupted, CallPlan(run)) if how == "end loop" else (interrupted, CallPlan(run, "blocking"))
        )
        if broken := violations(simulate(LifePlan(calls, slots=1))):
            found[step] = broken
    assert not found
