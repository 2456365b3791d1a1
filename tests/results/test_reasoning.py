"""The reasoning of models, separated from answers: in results and while streaming, in both client families."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import attrs
import pytest

from dify_async import AppClient, errors, sync
from dify_async._wire.decoding.decode import decode_event
from dify_async._wire.parts import PartSplitter
from dify_async._wire.results import ChatAccumulator, CompletionAccumulator, WorkflowAccumulator
from dify_async._wire.sse import EventParser
from dify_async.events import Event
from dify_async.models import ChatResult, ReasoningPart, TextPart
from dify_async.testing import Chat, Completion, Cut, FakeDify, Node, Workflow
from tests.support.clients import NO_RETRY
from tests.support.decoding import event_of
from tests.support.recordings import load

REASONING = "let me think 思考"


@attrs.frozen
class Seen:
    """The texts that a reader of a stream has received."""

    text: str
    reasoning: str
    result: Any


def joined(parts: Sequence[TextPart | ReasoningPart], result: Any = None) -> Seen:
    return Seen(
        text="".join(part.text for part in parts if isinstance(part, TextPart)),
        reasoning="".join(part.text for part in parts if isinstance(part, ReasoningPart)),
        result=result,
    )


# In text


@pytest.mark.parametrize(
    ("answer", "reasoning", "clean"),
    [
        ("Hello", "", "Hello"),
        ("<think>hm</think>\n\nHello", "hm", "Hello"),
        ("\n<think>\nhm\n</think>\n\nHello\n", "hm", "Hello\n"),
        ("<think>a</think>b<think>c</think> d", "a\n\nc", "b d"),
        ("<think>a <think>b</think> c</think>d", "a <think>b</think> c", "d"),
        ("<think>never closed", "never closed", ""),
        ("so</think> what", "", "so</think> what"),
        ("<think lang='en'>a</think>b", "a", "b"),
        ("<thinking>a</thinking>b", "", "<thinking>a</thinking>b"),
        ("a < b <thi", "", "a < b <thi"),
        ("<think></think>\n\nHello", "", "Hello"),
        ("  Hello", "", "  Hello"),
    ],
)
@pytest.mark.parametrize("blocking_mode", [False, True], ids=["streamed", "blocking mode"])
async def test_reasoning_of_a_chat(
    client: AppClient, fake_dify: FakeDify, answer: str, reasoning: str, clean: str, blocking_mode: bool
) -> None:
    fake_dify.app = Chat(answer=list(answer))
    result = await client.chat.send("hi", response_mode="blocking" if blocking_mode else "streaming")
    assert (result.answer, result.reasoning, result.clean_answer) == (answer, reasoning, clean)


def test_an_answer_without_reasoning_is_clean() -> None:
    assert ChatResult(answer="a").clean_answer == "a"
    assert "clean_answer" not in repr(ChatResult(answer="a"))
    assert ChatResult(answer="a").to_dict()["clean_answer"] == "a"


# While streaming


def read_async(dify: FakeDify, stream: Callable[[Any], Any]) -> Seen:
    async def main() -> Seen:
        async with (
            AppClient(dify.api_key, user="ada", base_url=dify.base_url) as client,
            stream(client) as run,
        ):
            parts = [part async for part in run.parts]
            return joined(parts, await run.result())

    return asyncio.run(main())


def read_blocking(dify: FakeDify, stream: Callable[[Any], Any]) -> Seen:
    with sync.AppClient(dify.api_key, user="ada", base_url=dify.base_url) as client:
        with stream(client) as run:
            return joined(list(run.parts), run.result())


APPS: dict[str, tuple[Any, Callable[[Any], Any]]] = {
    "chat": (
        Chat(answer=["<thi", "nk>", *REASONING, "</", "think>", "\n\n", "Hello"]),
        lambda client: client.chat.stream("hi"),
    ),
    "agent": (
        Chat(mode="agent-chat", answer=["<think>", REASONING, "</think>", "Hello"]),
        lambda client: client.chat.stream("hi"),
    ),
    "completion": (
        Completion(answer=["<think>", REASONING, "</think>", "Hello"]),
        lambda client: client.completions.stream({}),
    ),
    "chatflow": (
        Workflow(mode="advanced-chat", nodes=[Node("LLM", reasoning=[REASONING], text=["Hel", "lo"])]),
        lambda client: client.chat.stream("hi"),
    ),
    "workflow": (
        Workflow(nodes=[Node("LLM", reasoning=[REASONING], text=["Hel", "lo"])]),
        lambda client: client.workflows.stream({}),
    ),
}


@pytest.mark.parametrize("version", ["1.14", "1.16"])
@pytest.mark.parametrize("read", [read_async, read_blocking])
@pytest.mark.parametrize("app", APPS)
def test_text_and_reasoning_are_separate_parts(app: str, read: Callable[..., Seen], version: str) -> None:
    script, stream = APPS[app]
    with FakeDify(script, version=version, tail=0.0) as dify:
        seen = read(dify, stream)
    assert (seen.text, seen.reasoning) == ("Hello", REASONING)
    if app != "workflow":
        assert (seen.result.reasoning, seen.result.clean_answer) == (REASONING, "Hello")
        assert seen.result.answer.endswith("Hello")
    elif version == "1.16":
        assert seen.result.reasoning == REASONING


async def test_parts_have_their_node_ids(client: AppClient, fake_dify: FakeDify) -> None:
    fake_dify.app = Workflow(nodes=[Node("Write", reasoning=["hm"], text=["Hello"])])
    async with client.workflows.stream({}) as run:
        parts = [part async for part in run.parts]
    (node_id,) = {part.node_id for part in parts}
    assert node_id


def test_nodes_that_alternate_are_distinguished() -> None:
    def chunk(node: str, text: str) -> Event:
        data = {"text": text, "from_variable_selector": [node, "text"]}
        return event_of({"event": "text_chunk", "data": data})

    splitter = PartSplitter()
    pieces = [("a", "<think>x"), ("b", "B"), ("a", "y</th"), ("b", "C<"), ("a", "ink>z")]
    parts = [part for node, text in pieces for part in splitter.feed(chunk(node, text))] + splitter.close()
    assert joined([part for part in parts if part.node_id == "a"]) == Seen("z", "xy", None)
    assert joined([part for part in parts if part.node_id == "b"]) == Seen("BC<", "", None)


def test_an_interrupted_stream_delivers_the_text_that_was_held_back() -> None:
    with FakeDify(Chat(answer=["Hello", " <thi"]), tail=0.0) as dify:
        dify.faults.append(Cut(after_events=2))
        dify.faults.append(Cut(after_events=2))

        async def main() -> list[Any]:
            parts: list[Any] = []
            async with AppClient(dify.api_key, user="ada", base_url=dify.base_url, retry=NO_RETRY) as client:
                with pytest.raises(errors.StreamInterrupted):
                    async with client.chat.stream("hi") as run:
                        async for part in run.parts:
                            parts.append(part)
            return parts

        assert joined(asyncio.run(main())).text == "Hello <thi"
        with sync.AppClient(dify.api_key, user="ada", base_url=dify.base_url, retry=NO_RETRY) as client:
            blocking: list[Any] = []
            with pytest.raises(errors.StreamInterrupted), client.chat.stream("hi") as run:
                for part in run.parts:
                    blocking.append(part)
        assert joined(blocking).text == "Hello <thi"


async def test_parts_need_an_entered_stream(client: AppClient) -> None:
    with pytest.raises(TypeError, match="must be entered"):
        _ = client.workflows.stream({}).parts


# Recorded


def read(name: str, accumulator: Any) -> Seen:
    splitter = PartSplitter()
    parts: list[Any] = []
    for payload in EventParser(2**26).feed(load(name).body):
        event = decode_event(payload)
        if event is not None:
            accumulator.add(event)
            parts += splitter.feed(event)
    return joined([*parts, *splitter.close()], accumulator.result())


def test_a_recorded_run_with_reasoning_events() -> None:
    seen = read("116_wf_reasoning_streaming", WorkflowAccumulator())
    assert seen.reasoning == seen.result.reasoning == REASONING
    assert seen.text.startswith("Hello, world!")
    assert REASONING not in seen.text


def test_a_recorded_run_with_reasoning_in_its_text() -> None:
    seen = read("wf_llm_think_streaming", WorkflowAccumulator())
    assert seen.reasoning == seen.result.reasoning == REASONING
    assert seen.text.startswith("Hello, world!")


def test_reasoning_in_the_metadata() -> None:
    accumulator = ChatAccumulator()
    accumulator.add(event_of({"event": "message", "answer": "Hi", "message_id": "m"}))
    metadata = {"reasoning": {"a": "first", "b": "second", "c": None}}
    accumulator.add(event_of({"event": "message_end", "metadata": metadata}))
    assert accumulator.result().reasoning == "first\n\nsecond"


def test_a_replaced_answer_is_split_again() -> None:
    accumulator = CompletionAccumulator()
    accumulator.add(event_of({"event": "message", "answer": "<think>a</think>b", "message_id": "m"}))
    accumulator.add(event_of({"event": "message_replace", "answer": "no"}))
    result = accumulator.result()
    assert (result.answer, result.reasoning, result.clean_answer) == ("no", "", "no")


def test_reasoning_of_equal_outputs_is_returned_once() -> None:
    accumulator = WorkflowAccumulator()
    outputs = {"a": "<think>x</think>1", "b": "<think>x</think>2", "c": 5}
    data = {"id": "r", "status": "succeeded", "outputs": outputs}
    accumulator.add(event_of({"event": "workflow_finished", "workflow_run_id": "r", "data": data}))
    result = accumulator.result()
    assert (result.reasoning, result.outputs) == ("x", outputs)
