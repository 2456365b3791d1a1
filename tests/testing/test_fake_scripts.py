"""Scripts and faults of FakeDify: their effect, and errors for invalid ones."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from dify_async import AppClient, errors
from dify_async.testing import (
    Chat,
    Completion,
    Cut,
    Delay,
    Drop,
    FakeDify,
    Fault,
    Field,
    Node,
    PingsOnly,
    Refuse,
    Silence,
    Workflow,
)


@pytest.fixture
async def chat_client(fake_dify: FakeDify) -> AppClient:
    fake_dify.app = Chat()
    return AppClient(fake_dify.api_key, user="ada", base_url=fake_dify.base_url)


@pytest.mark.parametrize("answer", ["Hello", ["Hello"], lambda query, inputs: "Hello"])
async def test_a_string_is_one_chunk(chat_client: AppClient, fake_dify: FakeDify, answer: Any) -> None:
    fake_dify.app = Chat(answer=answer)
    async with chat_client as client:
        async with client.chat.stream("hi") as run:
            pieces = [piece async for piece in run.text]
    assert pieces == ["Hello"]


async def test_a_string_as_text_of_a_node_is_one_chunk() -> None:
    assert Node("A", text="Hello").text == ("Hello",)
    assert Node("A", reasoning="Hm").reasoning == ("Hm",)
    assert Completion(more="Hello").more == ("Hello",)
    assert Field("color", "select", options="red").options == ("red",)


async def test_a_function_that_raises_is_reported(chat_client: AppClient, fake_dify: FakeDify) -> None:
    def answer(query: str, inputs: dict[str, Any]) -> str:
        return str(inputs["city"])

    fake_dify.app = Chat(answer=answer)
    async with chat_client as client:
        with pytest.raises(errors.ApiError, match="KeyError: 'city'"):
            await client.chat.send("hi")


async def test_outputs_that_are_not_json_are_reported(client: AppClient, fake_dify: FakeDify) -> None:
    fake_dify.app = Workflow(outputs=lambda inputs: {"a": object()})
    with pytest.raises(errors.RunFailed, match="must be a dict of JSON values"):
        await client.workflows.run({})


async def test_chunks_that_are_not_str_are_reported(chat_client: AppClient, fake_dify: FakeDify) -> None:
    fake_dify.app = Chat(answer=lambda query, inputs: [1])  # type: ignore[list-item]
    async with chat_client as client:
        for mode in ("streaming", "blocking"):
            with pytest.raises(errors.ApiError, match="TypeError"):
                await client.chat.send("hi", response_mode=mode)


@pytest.mark.parametrize(
    ("script", "message"),
    [
        (lambda: Workflow(mode="chat"), "`mode` must be 'workflow' or 'advanced-chat', got 'chat'"),
        (lambda: Chat(mode="advanced-chat"), "`mode` must be 'chat' or 'agent-chat', got 'advanced-chat'"),
        (lambda: Completion(mode="chat"), "`mode` must be 'completion', got 'chat'"),
        (lambda: Field("a", "text"), "`kind` must be one of .*, got 'text'"),
        (lambda: Node("A", seconds=-1), "`seconds` must be a number of 0 or more, got -1"),
        (
            lambda: Workflow(outputs=lambda: {"a": 1}),  # type: ignore[arg-type, misc]
            r"`outputs` must be a function of 1 argument \(inputs\), got one of \(\)",
        ),
        (
            lambda: Chat(answer=lambda query: query),  # type: ignore[arg-type, misc]
            r"`answer` must be a function of 2 arguments \(query and inputs\), got one of \(query\)",
        ),
        (lambda: Workflow(nodes=Node("A")), "`nodes` must be a list of Node, got one Node"),  # type: ignore[arg-type]
        (lambda: Workflow(form=["city"]), "`form` must be a list of Field, got str"),  # type: ignore[list-item]
        (lambda: Workflow(outputs={"a": object()}), "`outputs` must be a dict of JSON values"),
        (lambda: FakeDify("chat"), "`app` must be a Workflow, Chat or Completion, got str"),  # type: ignore[arg-type]
        (lambda: FakeDify(version="latest"), "`version` must be a Dify version such as '1.14' or '1.16.1'"),
        (lambda: Cut(how="slowly"), "`how` must be 'abort' or 'reset' or 'end', got 'slowly'"),
        (lambda: Drop(times=0), "`times` must be an int of 1 or more, got 0"),
        (lambda: Drop(times=None), "`times` must be an int of 1 or more, got None"),  # type: ignore[arg-type]
        (lambda: Refuse(status="503"), "`status` must be an int of 100 or more, got '503'"),  # type: ignore[arg-type]
        (lambda: Cut(after_events="1"), "`after_events` must be an int of 0 or more, got '1'"),  # type: ignore[arg-type]
        (lambda: Cut(at_byte=-1), "`at_byte` must be an int of 0 or more, got -1"),
        (lambda: Silence(after_events=True), "`after_events` must be an int of 0 or more, got True"),
        (lambda: Delay(seconds="1"), "`seconds` must be a number of 0 or more, got '1'"),  # type: ignore[arg-type]
        (lambda: Delay(seconds=float("nan")), "`seconds` must be a number of 0 or more, got nan"),
        (lambda: Chat(seconds=None), "`seconds` must be a number of 0 or more, got None"),  # type: ignore[arg-type]
    ],
)
def test_mistakes_in_scripts_are_reported(script: Callable[[], object], message: str) -> None:
    with pytest.raises(errors.ConfigurationError, match=message):
        script()


def test_a_wrong_app_is_rejected_when_it_is_set(fake_dify: FakeDify) -> None:
    with pytest.raises(errors.ConfigurationError, match="`app` must be"):
        fake_dify.app = Node("A")  # type: ignore[assignment]


def test_unknown_settings_are_rejected(fake_dify: FakeDify) -> None:
    with pytest.raises(AttributeError):
        fake_dify.trail = 0  # type: ignore[attr-defined]
    with pytest.raises(AttributeError):
        fake_dify.runs = {}  # type: ignore[misc, assignment]


@pytest.mark.parametrize(
    "on",
    ["/nope", "POST /workfows/run", "GET /chat-messages", "POST /name", "/v2/"],
)
def test_faults_on_unknown_operations_are_rejected(fake_dify: FakeDify, on: str) -> None:
    with pytest.raises(errors.ConfigurationError, match="`on` must be part of the method and path"):
        fake_dify.faults.append(Refuse(status=500, on=on))
    with pytest.raises(errors.ConfigurationError, match="got 'zzz'"):
        fake_dify.faults += [Delay(seconds=1, on="zzz")]
    with pytest.raises(errors.ConfigurationError, match="must contain faults"):
        fake_dify.faults.append("Refuse")  # type: ignore[arg-type]
    assert len(fake_dify.faults) == 0


@pytest.mark.parametrize(
    ("on", "method", "path"),
    [
        ("/info", "GET", "/v1/info"),
        ("GET", "GET", "/v1/info"),
        ("/", "GET", "/v1/info"),
        ("POST /workflows/run", "POST", "/v1/workflows/run"),
        ("POST /workflows/run", "POST", "/api/workflows/run"),
        ("POST /v1/workflows/run", "POST", "/v1/workflows/run"),
        ("GET /v1/workflow", "GET", "/v1/workflow/0/events"),
        ("/workflows/run/", "GET", "/v1/workflows/run/0"),
        ("/workflow/0/events", "GET", "/v1/workflow/0/events"),
        ("11111111-1111-4111-8111-111111111111", "GET", "/v1/workflows/run/11111111-1111-4111-8111-111111111111"),
        ("/remote-files/https://a.b/c", "GET", "/api/remote-files/https://a.b/c"),
    ],
)  # fmt: skip
def test_faults_apply_to_part_of_method_and_path(on: str, method: str, path: str) -> None:
    faults = FakeDify().faults
    faults.append(Refuse(status=500, on=on))
    assert faults.take("PATCH", "/other/place") is None or on == "/"
    assert on == "/" or faults.take(method, path) == Refuse(status=500, on=on)


def test_faults_are_a_list() -> None:
    dify = FakeDify()
    one, two, three = Cut(after_events=1), Drop(times=2), Refuse(status=500)
    dify.faults = [one, two]
    dify.faults.append(three)
    assert list(dify.faults) == [one, two, three]
    assert (dify.faults[0], dify.faults[1:]) == (one, [two, three])
    dify.faults[0] = three
    del dify.faults[1]
    dify.faults[:] = [two, *dify.faults]
    assert repr(dify.faults) == "[Drop(times=2), Refuse(status=500), Refuse(status=500)]"
    dify.faults.clear()
    assert not dify.faults


def test_unused_faults_are_known() -> None:
    dify = FakeDify()
    often, never = Drop(times=2), PingsOnly()
    dify.faults += [often, never]
    assert dify.unused_faults == [often, never]
    assert dify.faults.take("POST", "/v1/workflows/run") is often
    dify.faults += []
    assert dify.unused_faults == [never]
    assert list(dify.faults) == [often, never], "it occurs again"
    assert dify.faults.take("POST", "/v1/chat-messages") is often
    assert list(dify.faults) == [never]


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        (Cut(after_events=3), "Cut(after_events=3)"),
        (
            Refuse(status=429, on="/info", headers={"Retry-After": "1"}),
            "Refuse(on='/info', status=429, headers={'Retry-After': '1'})",
        ),
    ],
)
def test_the_repr_of_a_fault_shows_changed_values(fault: Fault, text: str) -> None:
    assert repr(fault) == text


async def test_the_repr_of_a_record_is_readable(client: AppClient, fake_dify: FakeDify) -> None:
    await client.workflows.run({"city": "Lisbon"})
    await client.workflows.run({"city": "Porto"})
    assert fake_dify.runs[0].inputs == {"city": "Lisbon"}
    assert fake_dify.runs[-1].inputs == {"city": "Porto"}
    assert fake_dify.runs[fake_dify.runs[0].id] is fake_dify.runs[0]
    assert fake_dify.requests[-1].json()["inputs"] == {"city": "Porto"}
    assert fake_dify.requests[0].received_at <= fake_dify.requests[-1].received_at
    assert json.loads(fake_dify.requests[-1].body) == fake_dify.requests[-1].json()
