"""Callers who share one passport, which the server issues late, does not issue, or revokes."""

from __future__ import annotations

from hypothesis import given, settings

from tests.simulation.passports import PassportPlan, passport_violations, simulate_passports
from tests.simulation.strategies import passports


@settings(max_examples=3 * settings().max_examples)
@given(plan=passports)
def test_concurrent_calls_share_one_passport(plan: PassportPlan) -> None:
    assert passport_violations(simulate_passports(plan)) == []
