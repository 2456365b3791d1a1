"""Runs on a Dask cluster: bounded over all workers, with one outcome for each row even if workers die."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import attrs
import dask
import pytest
from distributed import Client, LocalCluster

from dify_async import AppClient, Outcome, RunHandle, errors
from dify_async.distributed import map_runs
from dify_async.models import WorkflowResult
from dify_async.observer import BatchRow, Observer, Run
from dify_async.sync import AppClient as BlockingClient
from dify_async.sync.distributed import map_runs as blocking_map_runs
from dify_async.testing import FakeDify, Field, Node, Refuse, Workflow
from tests.support.snippets import run, snippets

Happens = Callable[[Callable[[], bool]], Awaitable[None]]

pytestmark = [
    pytest.mark.xdist_group("dask"),  # One cluster for all: workers of several would wait for each other.
    pytest.mark.filterwarnings(
        # If a worker was killed at the end, Dask's scheduler logs this when the limit is removed.
        "ignore:Closing semaphore dify-.* but there remain unreleased leases:RuntimeWarning"
    ),
]


def rows(count: int) -> list[dict[str, Any]]:
    return [{"n": number} for number in range(count)]


def handles(cluster: Any) -> dict[str, RunHandle]:
    """The runs in flight, as recorded by the scheduler."""
    known = dict(cluster.scheduler.task_metadata)
    return {key: RunHandle.from_json(value) for key, value in known.items() if key.startswith("dify_run")}


def pids(cluster: Any) -> list[int]:
    return [nanny.pid for nanny in cluster.workers.values()]


def slow() -> Workflow:
    return Workflow(nodes=[Node("Slow", seconds=60)], outputs=dict)


class Held(Sequence[Node]):
    """The nodes of runs that continue until the test ends them."""

    def __init__(self) -> None:
        self._may_end = threading.Event()

    def end(self) -> None:
        self._may_end.set()

    def __len__(self) -> int:
        return 0 if self._may_end.is_set() else 10_000

    def __getitem__(self, index: Any) -> Any:
        if index >= len(self):
            raise IndexError(index)
        return Node(f"Step {index}", seconds=0.05)


def held() -> tuple[Workflow, Held]:
    nodes = Held()
    return Workflow(nodes=nodes, outputs=dict), nodes


async def test_every_row_has_one_outcome(client: AppClient, fake_dify: FakeDify, cluster: Any) -> None:
    fake_dify.max_active_requests = 6  # More runs at once are rejected, which counts as an attempt.
    read_early = 0
    async with map_runs(
        rows(40), client=client, dask=cluster.scheduler_address, concurrency_total=6
    ) as batch:
        outcomes: list[Outcome[WorkflowResult]] = []
        async for outcome in batch:
            outcomes.append(outcome)
            read_early += fake_dify.runs_started < 40
    assert sorted(outcome.index for outcome in outcomes) == list(range(40))
    for outcome in outcomes:
        assert outcome.ok
        assert outcome.result is not None
        assert outcome.result.outputs == {"n": outcome.index} == outcome.row
        assert (outcome.attempts, outcome.elapsed > 0.05) == (1, True)
    assert (batch.totals.rows, batch.totals.ok, batch.totals.tokens) == (40, 40, 120)
    assert fake_dify.runs_started == 40
    assert read_early > 30, "outcomes arrive while other runs are in flight"
    asked_for_form = [request for request in fake_dify.requests if "/parameters" in request.path]
    assert len(asked_for_form) == 2, "one client on each of two workers"


@pytest.mark.parametrize("map_them", ["async", "blocking"])
async def test_rows_start_evenly_spaced(
    client: AppClient, fake_dify: FakeDify, cluster: Any, map_them: str
) -> None:
    address = cluster.scheduler_address
    blocking = BlockingClient(fake_dify.api_key, base_url=fake_dify.base_url, user="ada")

    def read() -> list[Outcome[WorkflowResult]]:
        with blocking_map_runs(rows(5), client=blocking, dask=address, per_minute=300) as batch:
            return batch.all()

    started = time.monotonic()
    if map_them == "async":
        async with map_runs(rows(5), client=client, dask=address, per_minute=300) as batch:
            outcomes = await batch.all()
    else:
        outcomes = await asyncio.to_thread(read)
    assert time.monotonic() - started >= 4 * 0.2
    assert [outcome.ok for outcome in outcomes] == [True] * 5


@attrs.frozen
class Diary(Observer):
    """Writes a line for each row and each run, with the process."""

    path: Path

    def _write(self, told: str) -> None:
        with self.path.open("a") as file:
            file.write(f"{told} {os.getpid()}\n")

    def batch_row_started(self, row: BatchRow) -> None:
        self._write("row_started")

    def batch_row_ended(self, row: BatchRow, outcome: Any) -> None:
        self._write("row_ended")

    def run_ended(self, run: Run, error: BaseException | None) -> None:
        self._write(f"run_{run.outcome}")


@pytest.mark.parametrize("map_them", ["async", "blocking"])
async def test_observers_are_notified_of_rows_here_and_of_runs_on_the_workers(
    fake_dify: FakeDify, cluster: Any, tmp_path: Path, map_them: str
) -> None:
    diary = Diary(tmp_path / "diary")
    key, url = fake_dify.api_key, fake_dify.base_url
    if map_them == "async":
        client = AppClient(key, base_url=url, user="ada", observer=diary)
        assert client.observers == (diary,)
        async with map_runs(rows(6), client=client, dask=cluster.scheduler_address) as batch:
            await batch.all()
    else:
        blocking = BlockingClient(key, base_url=url, user="ada", observer=diary)
        assert blocking.observers == (diary,)

        def read() -> int:
            with blocking_map_runs(rows(6), client=blocking, dask=cluster.scheduler_address) as batch:
                return len(list(batch))

        assert await asyncio.to_thread(read) == 6
    told = Counter(line.split()[0] for line in diary.path.read_text().splitlines())
    assert told == {"row_started": 6, "row_ended": 6, "run_succeeded": 6}
    here = {
        line.split()[0] for line in diary.path.read_text().splitlines() if line.endswith(f" {os.getpid()}")
    }
    assert here == {"row_started", "row_ended"}


async def test_outcomes_are_in_the_order_of_the_rows_if_ordered(
    client: AppClient, fake_dify: FakeDify, cluster: Any
) -> None:
    fake_dify.faults.append(Refuse(status=429, code="too_many_requests", times=3))
    async with map_runs(
        rows(12), client=client, dask=cluster.scheduler_address, concurrency_total=4, ordered=True
    ) as batch:
        outcomes = await batch.all()
    assert [outcome.index for outcome in outcomes] == list(range(12))
    assert sum(outcome.attempts for outcome in outcomes) == 15, "attempts are counted in the worker"


async def test_no_more_than_concurrency_rows_are_ahead_of_the_reader(client: AppClient, cluster: Any) -> None:
    taken = 0

    def endless() -> Iterator[dict[str, Any]]:
        nonlocal taken
        while True:
            taken += 1
            yield {"n": taken}

    read = 0
    async with map_runs(
        endless(), client=client, dask=cluster.scheduler_address, concurrency_total=3
    ) as batch:
        async for _ in batch:
            read += 1
            assert taken - read <= 3
            if read == 12:
                break


async def test_an_invalid_row_does_not_affect_others(
    client: AppClient, fake_dify: FakeDify, cluster: Any
) -> None:
    fake_dify.workflow = Workflow(
        nodes=[Node("One")], outputs=dict, form=[Field("n", "number", required=True)]
    )
    given: list[Any] = [{"n": 1}, {"n": "x"}, {}, ["no", "dict"], {"n": lambda: 0}, {"n": 2}]
    async with map_runs(
        given, client=client, dask=cluster.scheduler_address, concurrency_total=3, ordered=True
    ) as batch:
        outcomes = await batch.all()
    assert [outcome.ok for outcome in outcomes] == [True, False, False, False, False, True]
    assert all(isinstance(outcome.error, errors.ConfigurationError) for outcome in outcomes if not outcome.ok)
    assert fake_dify.runs_started == 2
    fake_dify.workflow = Workflow(nodes=[Node("Boom", error="it broke")])
    async with map_runs(rows(2), client=client, dask=cluster.scheduler_address) as batch:
        outcomes = await batch.all()
    for outcome in outcomes:
        assert isinstance(outcome.error, errors.RunFailed)
        assert outcome.result == outcome.error.result
        assert (outcome.status, outcome.error.node_id) == ("failed", "boom")


@pytest.mark.extended
async def test_runs_of_a_killed_worker_are_continued_and_not_restarted(
    client: AppClient, fake_dify: FakeDify, cluster: Any, happens: Happens
) -> None:
    fake_dify.workflow, nodes = held()
    async with map_runs(
        rows(12), client=client, dask=cluster.scheduler_address, concurrency_total=6
    ) as batch:
        await happens(lambda: len(handles(cluster)) == 6)
        assert [len(leases) for leases in cluster.scheduler.extensions["semaphores"].leases.values()] == [6]
        os.kill(pids(cluster)[0], signal.SIGKILL)
        nodes.end()
        outcomes = await batch.all()
    assert sorted(outcome.index for outcome in outcomes) == list(range(12))
    assert all(outcome.ok and outcome.result.outputs == outcome.row for outcome in outcomes if outcome.result)
    assert batch.totals.statuses == Counter({"succeeded": 12})
    assert fake_dify.runs_started == 12, "all ids were known, so none was started twice"
    assert {outcome.attempts for outcome in outcomes} == {1}, "the rows of the lost worker are counted too"
    assert fake_dify.runs_stopped == 0


@pytest.mark.extended
async def test_workers_that_are_killed_at_any_time(
    client: AppClient, fake_dify: FakeDify, cluster: Any
) -> None:
    outcomes: list[Outcome[WorkflowResult]] = []
    async with map_runs(
        rows(60), client=client, dask=cluster.scheduler_address, concurrency_total=6
    ) as batch:
        async for outcome in batch:
            outcomes.append(outcome)
            if len(outcomes) in {7, 31}:
                os.kill(pids(cluster)[len(outcomes) % 2], signal.SIGKILL)
    assert sorted(outcome.index for outcome in outcomes) == list(range(60))
    assert batch.totals.ok == 60
    assert fake_dify.runs_started <= 60 + 2 * 6


@pytest.mark.extended
async def test_runs_of_a_closed_worker_continue_on_another_one(
    client: AppClient, fake_dify: FakeDify, cluster: Any, happens: Happens
) -> None:
    fake_dify.workflow, nodes = held()
    async with Client(cluster.scheduler_address, asynchronous=True, set_as_default=False) as own:
        async with map_runs(rows(8), client=client, dask=own, concurrency_total=4) as batch:
            await happens(lambda: len(handles(cluster)) == 4)
            await own.restart_workers([next(iter(cluster.scheduler.workers))])
            nodes.end()
            outcomes = await batch.all()
        assert own.status == "running", "a client that was passed in stays open"
    assert (len(outcomes), batch.totals.ok) == (8, 8)
    assert (fake_dify.runs_started, fake_dify.runs_stopped) == (8, 0)


@pytest.mark.extended
async def test_a_row_that_dask_gives_up_is_an_outcome(
    client: AppClient, fake_dify: FakeDify, cluster: Any, happens: Happens, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster.scheduler, "allowed_failures", 0)
    fake_dify.workflow, nodes = held()
    async with map_runs(rows(6), client=client, dask=cluster.scheduler_address, concurrency_total=4) as batch:
        await happens(lambda: len(handles(cluster)) == 4)
        known = handles(cluster).values()
        os.kill(pids(cluster)[0], signal.SIGKILL)
        nodes.end()
        outcomes = await batch.all()
    given_up = [outcome.error for outcome in outcomes if not outcome.ok]
    assert (len(outcomes), 1 <= len(given_up) <= 3) == (6, True)
    for error in given_up:
        assert isinstance(error, errors.StreamInterrupted)
        assert "(workers lost while they ran it: 1)" in str(error)
        assert error.handle in known
    assert fake_dify.runs_started == 6


async def test_an_early_exit_stops_the_runs_in_flight(
    client: AppClient, fake_dify: FakeDify, cluster: Any, happens: Happens
) -> None:
    fake_dify.workflow = slow()
    async with map_runs(rows(20), client=client, dask=cluster.scheduler_address, concurrency_total=5):
        await happens(lambda: fake_dify.runs_started == 5)
    assert (fake_dify.runs_started, fake_dify.runs_stopped) == (5, 5)


def test_map_runs_can_be_iterated_without_await(fake_dify: FakeDify, cluster: Any) -> None:
    readers: set[str] = set()

    def given() -> Iterator[dict[str, Any]]:
        readers.add(threading.current_thread().name)
        yield from rows(12)

    with BlockingClient(fake_dify.api_key, user="ada", base_url=fake_dify.base_url) as client:
        with Client(cluster.scheduler_address, set_as_default=False) as own:
            with blocking_map_runs(given(), client=client, dask=own, concurrency_total=4) as batch:
                outputs = [outcome.result.outputs["n"] for outcome in batch if outcome.result is not None]
            assert own.submit(int, 5).result() == 5, "a client that was passed in stays open"
        assert sorted(outputs) == list(range(12))
        assert readers == {"dify-async-rows"}, "not in the thread of the event loop"
        fake_dify.workflow = slow()
        with blocking_map_runs(rows(9), client=client, dask=cluster.scheduler_address, concurrency_total=3):
            assert fake_dify.wait_for(lambda: fake_dify.runs_started == 15)
    assert fake_dify.runs_stopped == 3
    wrong: Any = AppClient("app-x")
    with pytest.raises(errors.ConfigurationError, match=r"dify_async\.sync"):
        blocking_map_runs([], client=wrong, dask=cluster.scheduler_address)


async def test_an_exhausted_quota_stops_the_batch_once(
    client: AppClient, fake_dify: FakeDify, cluster: Any
) -> None:
    outcomes: list[Outcome[WorkflowResult]] = []
    with pytest.raises(errors.QuotaExceeded):
        async with map_runs(
            rows(100), client=client, dask=cluster.scheduler_address, concurrency_total=4
        ) as batch:
            async for outcome in batch:
                outcomes.append(outcome)
                if len(outcomes) == 4 and not fake_dify.faults:
                    fake_dify.faults.append(Refuse(status=429, code="rate_limit_error", times=1))
    assert sum(isinstance(outcome.error, errors.QuotaExceeded) for outcome in outcomes) == 1
    assert 4 < len(outcomes) < 12
    assert sum(outcome.ok for outcome in outcomes) == fake_dify.runs_started


async def test_the_key_is_in_no_log_and_no_task_name(
    client: AppClient, fake_dify: FakeDify, cluster: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with Client(cluster.scheduler_address, asynchronous=True, set_as_default=False) as own:
        async with map_runs(
            rows(5), client=client, dask=own, extra_headers={"X-Secret": "open-sesame"}
        ) as batch:
            assert len(await batch.all()) == 5
            told = [repr(batch), str(list(cluster.scheduler.worker_plugins)), str(await own.get_events())]
        told += [caplog.text, str(await own.get_worker_logs()), str(await own.get_scheduler_logs())]
    for text in told:
        assert fake_dify.api_key not in text
        assert "open-sesame" not in text


async def test_the_end_of_the_scheduler_ends_the_batch(
    client: AppClient, fake_dify: FakeDify, happens: Happens
) -> None:
    fake_dify.workflow = slow()
    outcomes: list[Outcome[WorkflowResult]] = []
    async with LocalCluster(
        n_workers=1, processes=False, dashboard_address=":0", asynchronous=True
    ) as cluster:
        with pytest.raises(errors.ConnectionFailed, match="Dask"):
            async with map_runs(
                rows(9), client=client, dask=cluster.scheduler_address, concurrency_total=3
            ) as batch:
                await happens(lambda: fake_dify.runs_started == 3)
                await cluster.close()
                async for outcome in batch:
                    outcomes.append(outcome)
    assert [type(outcome.error) for outcome in outcomes] == [errors.ConnectionFailed] * 3
    assert fake_dify.runs_started == 3


async def test_wrong_arguments_are_reported_at_once(
    client: AppClient, fake_dify: FakeDify, cluster: Any
) -> None:
    address = cluster.scheduler_address
    held = AppClient("app-x", user="ada", limiter=asyncio.Lock)
    with pytest.raises(errors.ConfigurationError, match="limiter"):
        map_runs([], client=held, dask=address)
    wrong: Any
    for wrong in (None, "app-x"):
        with pytest.raises(errors.ConfigurationError, match="AppClient"):
            map_runs([], client=wrong, dask=address)
    for wrong in (0, True, 2.5):
        with pytest.raises(errors.ConfigurationError, match="concurrency"):
            map_runs([], client=client, dask=address, concurrency_total=wrong)
    with pytest.raises(errors.ConfigurationError, match="`per_minute` must be a number above 0"):
        map_runs([], client=client, dask=address, per_minute=0)
    async with Client(address, asynchronous=True, set_as_default=False) as closed:
        pass
    with pytest.raises(errors.ConfigurationError, match="not connected"):
        async with map_runs([], client=client, dask=closed):
            pass
    with dask.config.set({"distributed.comm.timeouts.connect": "100ms"}):
        with pytest.raises(errors.ConnectionFailed, match="cannot be reached"):
            async with map_runs([], client=client, dask="tcp://127.0.0.1:1"):
                pass
    batch = map_runs(rows(1), client=client, dask=address)
    async with batch:
        assert len(await batch.all()) == 1
    with pytest.raises(TypeError, match="entered only once"):
        await batch.__aenter__()


def test_a_missing_dask_is_reported_with_the_install_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "dify_async.distributed")
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ImportError, match=r"pip install 'dify-async\[dask\]'"):
        import dify_async.distributed  # noqa: F401


def test_the_example_of_the_documentation(
    cluster: Any, fake_dify: FakeDify, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = Path(__file__).parents[2] / "docs" / "distributed.md"
    monkeypatch.setenv("DIFY_API_KEY", fake_dify.api_key)
    monkeypatch.setenv("DIFY_BASE_URL", fake_dify.base_url)
    names: dict[str, Any] = {"rows": [{"city": "Lisbon"}, {"city": "Oslo"}]}
    with asyncio.Runner() as runner:
        for snippet in snippets(page):
            code = snippet.code.replace("tcp://scheduler:8786", cluster.scheduler_address)
            printed = run(attrs.evolve(snippet, code=code), page, names, runner)
    assert "ok=2" in printed
