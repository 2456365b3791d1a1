"""A batch whose process is killed at any step, and resumed with its journal."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import example, given, settings

from tests.simulation.batches import BatchPlan, batch_violations, simulate_batch
from tests.simulation.plans import Delivery, RunPlan
from tests.simulation.strategies import batches

FIVE = (RunPlan(gaps=(0.0,)),) * 5
MISTAKEN = RunPlan(delivery=Delivery(cut_after=738), followed=(("foreign", Delivery()),))


@settings(max_examples=3 * settings().max_examples)
@given(plan=batches)
@example(plan=BatchPlan(FIVE, rows_end=(3, "cancelled")))
@example(plan=BatchPlan(FIVE, ordered=True, limiter_cancels=2))
@example(plan=BatchPlan(FIVE, kills=(4, 9, 14), torn=20))
@example(plan=BatchPlan((MISTAKEN,), kills=(60,))).via("run again after the server sent another run")
def test_no_row_is_lost_or_doubled(plan: BatchPlan) -> None:
    with tempfile.TemporaryDirectory() as folder:
        assert batch_violations(simulate_batch(plan, Path(folder) / "runs.jsonl")) == []
