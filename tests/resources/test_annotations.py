"""Annotations and end users of an app."""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import Callable
from typing import Any

import attrs
import pytest

from dify_async import Timeouts, errors, models, sync
from dify_async.observer import Call as ClientCall
from dify_async.observer import Observer
from dify_async.testing import FakeDify
from tests.support.clients import app_client
from tests.support.clock import Clock, frozen_time
from tests.support.raw_server import Call, RawServer, answer

SETTINGS: dict[str, Any] = {
    "score_threshold": 0.9,
    "embedding_provider_name": "openai",
    "embedding_model_name": "small",
}
PATIENT = Timeouts(connect=1e6, read=1e6)
"""Requests take no time, however much of it passes meanwhile."""
JOB = models.AnnotationJob(action="enable", job_id="11111111-1111-4111-8111-111111111111")


async def test_annotations_are_created_updated_listed_and_deleted(fake_dify: FakeDify) -> None:
    async with app_client(fake_dify) as client:
        made = [await client.annotations.create(f"Question {n}?", f"Answer {n}") for n in range(3)]
        changed = await client.annotations.update(made[0].id, "Why?", "So.")
        assert (changed.question, changed.answer) == ("Why?", "So.")
        assert changed.raw["id"] == made[0].id  # type: ignore[call-overload, index]
        listed = [one.id async for one in client.annotations.list(limit=1)]
        assert sorted(listed) == sorted(one.id for one in made)
        assert [one.id for one in await client.annotations.list(keyword="Why").all()] == [made[0].id]
        await client.annotations.delete(made[0].id)
        assert len(await client.annotations.list().all()) == 2
        with pytest.raises(errors.NotFound):
            await client.annotations.update(made[0].id, "Why?", "So.")


async def test_annotation_replies_are_switched_by_a_job(fake_dify: FakeDify) -> None:
    async with app_client(fake_dify) as client:
        job = await client.annotations.switch_reply("enable", **SETTINGS)
        assert (job.action, job.job_status) == ("enable", "waiting")
        done = await client.annotations.wait(pickle.loads(pickle.dumps(job)))
        assert (done.job_id, done.job_status, done.action) == (job.job_id, "completed", "enable")
        with pytest.raises(errors.InvalidParam):
            await client.annotations.job(JOB)


def test_annotation_replies_are_switched_by_a_job_of_the_blocking_client(fake_dify: FakeDify) -> None:
    with sync.AppClient(fake_dify.api_key, base_url=fake_dify.base_url, user="ada") as client:
        client.annotations.create("Why?", "So.")
        assert [one.question for one in client.annotations.list()] == ["Why?"]
        job = client.annotations.switch_reply("disable", **SETTINGS)
        assert client.annotations.wait(job).job_status == "completed"


def server_of(*statuses: str) -> RawServer:
    """Return a server whose job has these statuses, one after the other; the last one stays."""
    rest = [*statuses]

    async def handler(call: Call) -> bool:
        status = rest.pop(0) if len(rest) > 1 else rest[0]
        await call.send(answer({"job_id": JOB.job_id, "job_status": status, "error_msg": "no\x1bmodel"}))
        return True

    return RawServer(handler)


class InFlight(Observer):
    """Counts the calls that wait for the server, which needs real time."""

    def __init__(self) -> None:
        self.count = 0

    def operation_started(self, call: ClientCall) -> None:
        self.count += 1

    def operation_ended(self, call: ClientCall, error: BaseException | None) -> None:
        self.count -= 1


async def passing(clock: Clock, calls: InFlight, condition: Callable[[], bool]) -> float:
    """Advance the clock in small steps, but not during calls, until a condition is true; return the elapsed seconds."""
    began = clock.now
    while not condition():
        if calls.count == 0:
            clock.advance(0.01)
        await asyncio.sleep(0)
    return clock.now - began


async def test_a_job_is_polled_with_growing_delays() -> None:
    calls = InFlight()
    with server_of("waiting", "processing", "processing", "completed") as server, frozen_time() as clock:
        async with app_client(server.base_url, timeouts=PATIENT, observer=calls) as client:
            waiting = asyncio.ensure_future(client.annotations.wait(JOB))
            await passing(clock, calls, lambda: len(server.calls) == 1)
            for asked, delay in ((2, 0.5), (3, 1), (4, 2)):
                passed = await passing(clock, calls, lambda asked=asked: len(server.calls) == asked)  # type: ignore[misc]
                assert passed >= delay
            assert (await clock.at_once(waiting)).job_status == "completed"
    assert len(server.calls) == 4


async def test_a_job_that_fails() -> None:
    with server_of("error") as server:
        async with app_client(server.base_url) as client:
            with pytest.raises(errors.JobFailed, match="the job failed: no") as caught:
                await client.annotations.wait(JOB)
    assert caught.value.job.error_msg == "no\x1bmodel"
    assert "\x1b" not in str(caught.value)
    assert pickle.loads(pickle.dumps(caught.value)).job == caught.value.job


async def test_a_job_that_takes_too_long() -> None:
    calls = InFlight()
    with server_of("processing") as server, frozen_time() as clock:
        async with app_client(server.base_url, timeouts=PATIENT, observer=calls) as client:
            waiting = asyncio.ensure_future(
                client.annotations.wait(JOB, timeout=attrs.evolve(PATIENT, total=60))
            )
            assert await passing(clock, calls, waiting.done) >= 60
            with pytest.raises(errors.TotalTimeout, match=r"after 60 s \(Timeouts.total\)"):
                await waiting
    assert len(server.calls) > 3


async def test_an_end_user_is_fetched_by_id() -> None:
    async def handler(call: Call) -> None:
        await call.send(answer({"id": "u", "session_id": "ada", "created_at": "2026-11-22T00:54:36"}))

    with RawServer(handler) as server:
        async with app_client(server.base_url) as client:
            found = await client.end_users.get("u")
    assert found.session_id == "ada"
    assert found.created_at is not None
    assert found.created_at.tzinfo is not None
