"""A Dask cluster on this machine: two processes, one thread each."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import dask
import pytest
from distributed import LocalCluster

from dify_async.testing import FakeDify, Node, Workflow
from tests.support.limits import HANGS_AFTER

_SETTINGS = {
    # The slots of a lost worker are freed after 30 seconds, which is too long for a test.
    "distributed.scheduler.locks.lease-timeout": "5s",
    "distributed.scheduler.locks.lease-validation-interval": "100ms",
    # On a busy machine a worker may be slow to answer, without being lost.
    "distributed.comm.timeouts.connect": f"{HANGS_AFTER}s",
    "distributed.comm.timeouts.tcp": f"{HANGS_AFTER}s",
    # An idle cluster takes a sixth of a core otherwise.
    "distributed.worker.profile.enabled": False,
    "distributed.admin.tick.interval": "500ms",
}


@pytest.fixture(scope="session")
def running_cluster() -> Iterator[Any]:
    with dask.config.set(_SETTINGS):
        with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0") as it:
            yield it


@pytest.fixture
def cluster(running_cluster: Any, fake_dify: FakeDify) -> Iterator[Any]:
    """Yield a cluster of two workers, and check that no state is left in it."""
    running_cluster.wait_for_workers(2, timeout=HANGS_AFTER)
    scheduler = running_cluster.scheduler
    before = (set(scheduler.worker_plugins), set(scheduler.task_metadata))
    yield running_cluster
    assert set(scheduler.worker_plugins) == before[0]
    assert not scheduler.extensions["semaphores"].max_leases
    # The scheduler notices a closed client a moment later.
    assert fake_dify.wait_for(lambda: not scheduler.tasks and set(scheduler.task_metadata) == before[1])


@pytest.fixture(autouse=True)
def app(fake_dify: FakeDify) -> None:
    fake_dify.tail = 0.0
    fake_dify.workflow = Workflow(nodes=[Node("One", seconds=0.05, tokens=3)], outputs=dict)


@pytest.fixture
def happens(fake_dify: FakeDify) -> Callable[[Callable[[], bool]], Any]:
    """Wait for a condition without blocking the test's event loop."""

    async def wait(condition: Callable[[], bool]) -> None:
        assert await asyncio.to_thread(fake_dify.wait_for, condition, HANGS_AFTER)

    return wait
