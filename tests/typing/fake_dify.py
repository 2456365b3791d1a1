"""A consumer's file for FakeDify. It is never run: mypy --strict and pyright strict read it."""

from __future__ import annotations

from typing import assert_type

from dify_async import AppClient, sync
from dify_async.events import Event
from dify_async.models import Usage
from dify_async.testing import (
    Chat,
    Cut,
    FakeDify,
    FakeForm,
    FakeRun,
    Fault,
    Message,
    Node,
    RateLimit,
    Refuse,
    Replay,
    SeenRequest,
    Workflow,
)


def script(dify: FakeDify) -> None:
    dify.app = Workflow(outputs=lambda inputs: {"city": inputs["city"]}, nodes=[Node("A", text="Hello")])
    dify.app = Chat(answer=lambda query, inputs: f"{query} {len(inputs)}", error=RateLimit())
    dify.app = Chat(answer=["Hello, ", "world"], suggested=["Why?"], usage=Usage(prompt_tokens=3))
    dify.tail, dify.max_active_requests, dify.version = 0, None, "1.16"
    dify.faults.append(Cut(after_events=3))
    dify.faults += [Refuse(status=429)]
    dify.faults[:] = []
    assert_type(dify.unused_faults, list[Fault])


def records(dify: FakeDify, event: Event) -> None:
    assert_type(dify.runs[0], FakeRun)
    assert_type(dify.runs["id"].status, str)
    assert_type(dify.messages[-1], Message)
    assert_type(dify.requests[-1], SeenRequest)
    assert_type(dify.requests.to("/info"), list[SeenRequest])
    assert_type(dify.requests[-1].query, dict[str, str])
    assert_type(dify.replay([event], on="/info", times=2), Replay)
    assert_type(dify.replay(b"data: {}"), Replay)
    assert_type(dify.client("bob"), AppClient)
    assert_type(dify.sync_client(), sync.AppClient)
    assert_type(dify.forms, dict[str, FakeForm])
    assert_type(dify.version, str)
    assert_type(dify.tail, float)
    assert_type(dify.max_active_requests, int | None)
    assert_type(dify.wait_for(lambda: dify.runs_stopped == 1), bool)


def misuse(dify: FakeDify) -> None:
    dify.tail = "long"  # type: ignore[assignment]  # pyright: ignore[reportAttributeAccessIssue]
    dify.runs = {}  # type: ignore[misc, assignment]  # pyright: ignore[reportAttributeAccessIssue]
    dify.trail = 1  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
