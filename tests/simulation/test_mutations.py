"""The simulation finds faults of the past that are put back one at a time."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, Phase, find, settings
from hypothesis import strategies as st

from dify_async._http import retry
from dify_async._http.passport import PassportAuth
from dify_async._http.transport import LoopState
from dify_async._streaming import stream
from dify_async._streaming.connection import RunConnection
from dify_async._streaming.reader import EventReader
from dify_async._streaming.recovery import Recovery
from dify_async._streaming.stream import EventStream
from dify_async._wire.results import WorkflowAccumulator
from dify_async._wire.sse import PING
from dify_async.batch import Batch
from dify_async.batch.journal import Journal
from tests.simulation.batches import batch_violations, simulate_batch
from tests.simulation.checks import violations
from tests.simulation.life import simulate
from tests.simulation.passports import passport_violations, simulate_passports
from tests.simulation.strategies import batches, lives, passports

pytestmark = [
    pytest.mark.extended,
    # Warnings that a stuck event loop causes.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning"),
]

PlanT = TypeVar("PlanT")
Patch = pytest.MonkeyPatch

_SEARCH = settings(
    max_examples=4000,
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def closing_is_taken_for_a_broken_connection(patch: Patch) -> None:
    original = RunConnection.close

    async def close(self: Any) -> None:
        events = self._events
        if events._is_reading and events.reader is not None:
            events.reader._response.close()
        else:
            await original(self)

    patch.setattr(RunConnection, "close", close)


def a_timeout_expires_while_nobody_reads(patch: Patch) -> None:
    original = EventReader.read
    last_read: dict[EventReader, float] = {}

    async def read(self: EventReader, deadline: float) -> list[bytes]:
        now = asyncio.get_running_loop().time()
        if now - last_read.get(self, now) > deadline - now:
            self.expired = True
            return []
        try:
            return await original(self, deadline)
        finally:
            last_read[self] = asyncio.get_running_loop().time()

    patch.setattr(EventReader, "read", read)


def leaving_calls_on_ping(patch: Patch) -> None:
    async def aclose(self: Any, *_: object) -> None:
        events = self._events
        arrived = list(events.pending)
        if events.reader is not None:
            arrived += events.reader.take_buffered()
        for item in arrived:
            if item == PING and self.on_ping is not None:
                self.on_ping()
        await self._connection.close()

    patch.setattr(EventStream, "aclose", aclose)
    patch.setattr(EventStream, "__aexit__", aclose)


def the_client_closes_before_its_streams(patch: Patch) -> None:
    async def finish(self: LoopState) -> None:
        """Close nothing."""

    patch.setattr(LoopState, "finish", finish)


def recovery_does_not_pause(patch: Patch) -> None:
    original = Recovery.next

    async def next_(self: Any) -> Any:
        self._attempts = 0
        return await original(self)

    patch.setattr(Recovery, "next", next_)


def a_snapshot_is_delivered_again(patch: Patch) -> None:
    patch.setattr(stream, "is_repeated", lambda *_: False)


def another_run_is_taken_for_this_one(patch: Patch) -> None:
    patch.setattr(WorkflowAccumulator, "_is_own", lambda *_: True)


def a_broken_run_is_sent_again(patch: Patch) -> None:
    patch.setattr(retry, "_may_retry", lambda *_, **__: True)


@pytest.mark.parametrize(
    ("mutate", "noticed_by"),
    [
        (closing_is_taken_for_a_broken_connection, "nothing_after_closing"),  # number 2
        (a_timeout_expires_while_nobody_reads, "timeouts_are_true"),  # number 3
        (leaving_calls_on_ping, "stopped_when_due"),  # number 6
        (the_client_closes_before_its_streams, "stopped_when_due"),  # number 7
        (recovery_does_not_pause, "requests_are_bounded"),  # number 9
        (a_snapshot_is_delivered_again, "nothing_twice"),  # number 9
        (another_run_is_taken_for_this_one, "results_are_right"),  # number 9
        (a_broken_run_is_sent_again, "started_at_most_once"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_fault_in_runs_is_found(
    mutate: Callable[[Patch], None], noticed_by: str, monkeypatch: Patch
) -> None:
    mutate(monkeypatch)
    _find(lives, lambda plan: any(text.startswith(noticed_by) for text in violations(simulate(plan))))


def cancelled_rows_end_the_batch(patch: Patch) -> None:
    patch.setattr(Batch, "_stop_unless_closing", lambda *_: None)


def starts_are_not_recorded(patch: Patch) -> None:
    patch.setattr(Journal, "record_start", lambda *_: None)


@pytest.mark.parametrize(
    ("mutate", "noticed_as"),
    [
        (cancelled_rows_end_the_batch, "and no error"),  # number 8
        (starts_are_not_recorded, "was run again"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_fault_in_batches_is_found(
    mutate: Callable[[Patch], None], noticed_as: str, monkeypatch: Patch, tmp_path: Path
) -> None:
    mutate(monkeypatch)

    def is_found(plan: Any) -> bool:
        with tempfile.TemporaryDirectory(dir=tmp_path) as folder:
            found = batch_violations(simulate_batch(plan, Path(folder) / "runs.jsonl"))
        return any(noticed_as in text for text in found)

    _find(batches, is_found)


def test_a_passport_for_each_call_is_found(monkeypatch: Patch) -> None:
    async def renew(self: PassportAuth, caller: Any, _: int) -> None:
        await self.fetch(caller)

    monkeypatch.setattr(PassportAuth, "_renew", renew)
    _find(passports, lambda plan: passport_violations(simulate_passports(plan)) != [])


def _find(plans: st.SearchStrategy[PlanT], is_wrong: Callable[[PlanT], bool]) -> None:
    """Fail if no plan reveals the fault."""
    find(plans, is_wrong, settings=_SEARCH)
