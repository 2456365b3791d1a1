"""Many runs at once, without `await`."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from dify_async import errors
from dify_async.sync import AppClient
from dify_async.testing import Chat, Completion, FakeDify, Node, Workflow


@pytest.fixture
def client(fake_dify: FakeDify) -> Iterator[AppClient]:
    fake_dify.tail = 0.0
    fake_dify.workflow = Workflow(outputs=dict)
    with AppClient(fake_dify.api_key, user="ada", base_url=fake_dify.base_url) as client:
        yield client


def test_outcomes_are_read_in_a_loop(client: AppClient) -> None:
    readers: set[str] = set()

    def rows() -> Iterator[dict[str, Any]]:
        for number in range(20):
            readers.add(threading.current_thread().name)
            yield {"n": number}

    with client.workflows.run_many(rows(), concurrency=4, ordered=True) as batch:
        outputs = [outcome.result.outputs for outcome in batch if outcome.result is not None]
    assert outputs == [{"n": number} for number in range(20)]
    assert batch.totals.ok == 20
    assert not any("dify" in name for name in readers), "not in the thread of the event loop"


def test_leaving_stops_what_is_on_its_way(client: AppClient, fake_dify: FakeDify) -> None:
    fake_dify.workflow = Workflow(nodes=[Node("Slow", seconds=60)])
    with client.workflows.run_many([{}] * 9, concurrency=3):
        assert fake_dify.wait_for(lambda: fake_dify.runs_started == 3)
    assert (fake_dify.runs_started, fake_dify.runs_stopped) == (3, 3)
    with pytest.raises(TypeError, match="block"):
        iter(client.workflows.run_many([]))


def test_many_questions_and_completions(client: AppClient, fake_dify: FakeDify) -> None:
    fake_dify.app = Chat(answer=lambda query, _: [query.upper()])
    rows: list[Any] = ["a", {"query": "b", "inputs": {"x": "y"}}, {"quary": "c"}, 5]
    with client.chat.send_many(rows, ordered=True) as batch:
        outcomes = batch.all()
    assert [outcome.result.answer if outcome.result else None for outcome in outcomes] == [
        "A",
        "B",
        None,
        None,
    ]
    assert [type(outcome.error) for outcome in outcomes[2:]] == [errors.ConfigurationError] * 2
    fake_dify.app = Completion()
    with client.completions.create_many([{}, {}]) as completions:
        assert [outcome.result.answer for outcome in completions if outcome.result] == ["Hello, world"] * 2
    assert completions.totals.statuses == {"succeeded": 2}
