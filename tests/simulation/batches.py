"""Simulate a batch with a journal whose process is killed, again and again, until one completes."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import attrs

from dify_async import AppClient, Retry, Timeouts, errors
from tests.simulation.callers import Own
from tests.simulation.connection import Session
from tests.simulation.loop import Stuck, VirtualLoop
from tests.simulation.plans import RunPlan
from tests.simulation.server import Run, ScriptedServer


@attrs.frozen
class BatchPlan:
    """A batch, and the times at which its process is killed."""

    rows: tuple[RunPlan, ...]
    concurrency: int = 2
    ordered: bool = False
    kills: tuple[int, ...] = ()
    """Steps of each life after which its process is killed; the last life goes on to its end."""
    torn: int = 0
    """Bytes of the journal's last line that are lost with the process."""
    seconds: float = 0.0
    """Seconds between two lives."""
    rows_end: tuple[int, Literal["cancelled", "exception"]] | None = None
    """After how many rows the iterable raises, and what."""
    limiter_cancels: int | None = None
    """The number of the run for which the limiter raises `CancelledError`."""
    seed: int = 0


@attrs.define
class Attempt:
    """One process of the batch."""

    outcomes: list[Any] = attrs.Factory(list)
    error: BaseException | None = None
    started_before: int = 0
    """Number of runs at the server when it began."""
    journal: bytes = b""
    """The journal when it began."""
    killed_at: float | None = None


@attrs.define
class BatchLife:
    """Everything that happened."""

    plan: BatchPlan
    server: ScriptedServer
    attempts: list[Attempt] = attrs.Factory(list)
    stuck: str | None = None
    complaints: list[str] = attrs.Factory(list)
    left_open: int = 0


def simulate_batch(plan: BatchPlan, path: Path) -> BatchLife:
    """Run a batch as planned; `path` is that of the journal, which does not exist yet."""
    random.seed(plan.seed)
    server = ScriptedServer(lambda call: plan.rows[call])
    life = BatchLife(plan, server)
    now = 1000.0
    for kill in (*plan.kills, None):
        loop = VirtualLoop(now)
        attempt = Attempt(
            started_before=len(server.runs), journal=path.read_bytes() if path.exists() else b""
        )
        life.attempts.append(attempt)
        server.is_reachable = True
        try:
            _live(life, attempt, loop, path, kill)
        except Stuck as stuck:
            life.stuck = str(stuck)
            for task in asyncio.all_tasks(loop):
                task._log_destroy_pending = False  # type: ignore[attr-defined]
            return life
        finally:
            loop.close()
        life.complaints += loop.complaints
        now = loop.time() + plan.seconds
    return life


def _live(life: BatchLife, attempt: Attempt, loop: VirtualLoop, path: Path, kill: int | None) -> None:
    plan, server = life.plan, life.server
    session = Session(server)
    client = AppClient(
        "app-simulated",
        user="ada",
        base_url="https://dify.test/v1",
        ssl=False,
        session=session,  # type: ignore[arg-type]
        limiter=_limiter(plan),
        timeouts=Timeouts(idle=30, read=10, connect=5),
        retry=Retry(attempts=2),
    )
    task = loop.create_task(_run(client, plan, attempt, path))
    if kill is not None:
        loop.at_step(kill + 3, lambda: task.done() or loop.stop())
    try:
        loop.run_until_complete(task)
    except RuntimeError:
        assert not task.done()
        attempt.killed_at = loop.time()
        _lose_memory(server, loop, path, plan.torn)
    else:
        loop.end()
        life.left_open += len(session.open)


def _lose_memory(server: ScriptedServer, loop: VirtualLoop, path: Path, torn: int) -> None:
    """Behave like a killed process: nothing more reaches the server or the file."""
    server.is_reachable = False
    content = path.read_bytes() if path.exists() else b""
    last = len(content) - (content[:-1].rfind(b"\n") + 1)
    requests = len(server.log)
    loop.end()
    del server.log[requests:]
    server.lose_client()
    if path.exists():
        path.write_bytes(content[: len(content) - min(torn, last)])


async def _run(client: AppClient, plan: BatchPlan, attempt: Attempt, path: Path) -> None:
    try:
        async with client.workflows.run_many(
            _rows(plan),
            journal=path,
            concurrency=plan.concurrency,
            ordered=plan.ordered,
            check_inputs=False,
        ) as batch:
            async for outcome in batch:
                attempt.outcomes.append(outcome)
    except Exception as error:
        attempt.error = error


async def _rows(plan: BatchPlan) -> AsyncIterator[dict[str, int]]:
    for number in range(len(plan.rows)):
        if plan.rows_end is not None and plan.rows_end[0] == number:
            if plan.rows_end[1] == "cancelled":
                raise asyncio.CancelledError
            raise Own("rows")
        yield {"call": number}


def _limiter(plan: BatchPlan) -> Any:
    count = 0

    @asynccontextmanager
    async def limiter() -> AsyncIterator[None]:
        nonlocal count
        count += 1
        if count - 1 == plan.limiter_cancels:
            raise asyncio.CancelledError
        yield

    return limiter


def batch_violations(life: BatchLife) -> list[str]:
    """Return the violated promises about batches."""
    return [*_ends(life), *_outcomes_are_right(life), *_runs_are_not_doubled(life)]


def _ends(life: BatchLife) -> Iterator[str]:
    if life.stuck is not None:
        yield life.stuck
        return
    yield from (f"asyncio complains: {text}" for text in life.complaints)
    if life.left_open:
        yield f"{life.left_open} connections are open after the batch"


def _outcomes_are_right(life: BatchLife) -> Iterator[str]:
    plan, last = life.plan, life.attempts[-1]
    if life.stuck is not None:
        return
    for attempt in life.attempts:
        numbers = [outcome.index for outcome in attempt.outcomes]
        if len(set(numbers)) != len(numbers):
            yield f"outcomes {numbers}: some were delivered twice"
        if plan.ordered and numbers != sorted(numbers):
            yield f"outcomes {numbers} are not in the order of the rows"
        for outcome in attempt.outcomes:
            if outcome.error is not None and not isinstance(outcome.error, errors.DifyError):
                yield f"row {outcome.index} ended as {outcome.error!r}"
            if outcome.ok:
                run = life.server.runs[outcome.result.outputs["run"]]
                if run.call != outcome.index or run.plan.end != "succeeded":
                    yield f"row {outcome.index} has the result of row {run.call}"
                if not _had_ended(life, run, attempt):
                    yield f"row {outcome.index} has a result before its run had ended"
    if last.error is None and len(last.outcomes) != len(plan.rows):
        yield f"{len(last.outcomes)} outcomes of {len(plan.rows)} rows, and no error"
    if last.error is not None and not isinstance(last.error, (errors.DifyError, Own)):
        yield f"the batch raised {last.error!r}"
    if last.error is None:
        for outcome in last.outcomes:
            row = plan.rows[outcome.index]
            has_trouble = row.followed or row.records or row.delivery.cut_after is not None
            is_good = row.end == "succeeded" and row.reactions in {(), ("busy",)} and not has_trouble
            if is_good and not outcome.ok:
                yield f"row {outcome.index} should have succeeded, and ended as {outcome.error!r}"


def _had_ended(life: BatchLife, run: Run, attempt: Attempt) -> bool:
    return attempt is not life.attempts[-1] or run.moments[-1].name == "workflow_finished"


def _runs_are_not_doubled(life: BatchLife) -> Iterator[str]:
    for number in range(len(life.plan.rows)):
        runs = [run for run in life.server.runs if run.call == number]
        if len(runs) > len(life.attempts):
            yield f"row {number} was run {len(runs)} times in {len(life.attempts)} lives"
    for attempt, following in zip(life.attempts, [*life.attempts[1:], None], strict=True):
        end = following.started_before if following is not None else len(life.server.runs)
        started = life.server.runs[attempt.started_before : end]
        known, done = _recorded(life, attempt.journal)
        reported = _reported_before(life, attempt)
        for run in started:
            if run.call in done:
                yield f"row {run.call} was run again after it had succeeded"
            if run.call in reported:
                yield f"row {run.call} was run again, though its run had reported its id in time"
            earlier = known.get(run.call)
            if earlier is not None and earlier.plan.end == "succeeded" and not earlier.plan.records:
                yield f"row {run.call} was run again, though its run was recorded"


def _reported_before(life: BatchLife, attempt: Attempt) -> set[int]:
    """Return the rows whose run id had arrived before the process that started the run was killed."""
    rows: set[int] = set()
    lives = life.attempts[: life.attempts.index(attempt) + 1]
    for earlier, following in pairwise(lives):
        for run in life.server.runs[earlier.started_before : following.started_before]:
            is_good = run.plan.end == "succeeded" and not run.plan.records and not run.plan.followed
            at, killed_at = run.task_arrived_at, earlier.killed_at
            if is_good and at is not None and killed_at is not None and at < killed_at and not life.plan.torn:
                rows.add(run.call)
    return rows


def _recorded(life: BatchLife, journal: bytes) -> tuple[dict[int, Run], set[int]]:
    """Return the started runs of a journal, by row, and its succeeded rows."""
    known: dict[int, Run] = {}
    done: set[int] = set()
    runs = {run.run_id: run for run in life.server.runs}
    for line in journal.split(b"\n")[:-1]:
        entry = json.loads(line)
        if entry["status"] == "started":
            run = runs[entry["handle"]["run_id"]]
            known[run.call] = run
        elif entry["status"] == "succeeded":
            done.add(runs[entry["run_id"]].call)
        elif entry.get("run_id") in runs:
            known.pop(runs[entry["run_id"]].call, None)
    return known, done
