"""Whatever happens in the life of a run, what is promised about it holds."""

from __future__ import annotations

from hypothesis import given

from tests.simulation.checks import violations
from tests.simulation.life import simulate
from tests.simulation.plans import LifePlan
from tests.simulation.strategies import lives


@given(plan=lives)
def test_the_promises_hold(plan: LifePlan) -> None:
    assert violations(simulate(plan)) == []
