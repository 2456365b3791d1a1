"""The result and the end of invented streams."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from dify_async._wire.api_errors import error_from_event
from dify_async._wire.blocking import BlockingRun
from dify_async._wire.decoding.decode import decode_event, decode_model
from dify_async._wire.results import (
    LINGER,
    ChatAccumulator,
    CompletionAccumulator,
    Progress,
    WorkflowAccumulator,
    text_of,
)
from dify_async._wire.run_errors import error_from_result
from dify_async.errors import BadRequest, RunFailed, RunPaused, RunStopped, ServerError
from dify_async.events import ErrorEvent, Event, UnknownEvent
from dify_async.models import (
    ChatResult,
    CompletionResult,
    Pause,
    RunStatus,
    Usage,
    WorkflowResult,
)

FoldT = WorkflowAccumulator | ChatAccumulator | CompletionAccumulator


def event(name: str, data: dict[str, Any] | None = None, /, **fields: Any) -> Event:
    """Decode an event from JSON, as a stream does."""
    value = {"event": name, **fields} | ({} if data is None else {"data": data})
    found = decode_event(json.dumps(value).encode())
    assert found is not None
    return found


def folded(fold: FoldT, *events: Event) -> Any:
    """Accumulate all events but the last, and check that the stream does not end before that one."""
    for number, each in enumerate(events):
        assert not fold.progress.over, f"over before event {number}, {each.event}"
        fold.add(each)
    return fold.result()


def message(answer: str, **fields: Any) -> Event:
    ids = {"task_id": "t", "message_id": "m", "conversation_id": "c", "created_at": 0}
    return event("message", **ids, **fields, answer=answer)


def message_end(**fields: Any) -> Event:
    return event("message_end", task_id="t", message_id="m", conversation_id="c", created_at=0, **fields)


def started(**data: Any) -> Event:
    return event(
        "workflow_started", {"id": "r", "workflow_id": "w", **data}, task_id="t", workflow_run_id="r"
    )


def finished(status: str = "succeeded", **data: Any) -> Event:
    data = {"id": "r", "workflow_id": "w", "status": status, **data}
    return event("workflow_finished", data, task_id="t", workflow_run_id="r")


def paused(**data: Any) -> Event:
    data = {"workflow_run_id": "r", "status": "paused", "paused_nodes": ["n"], **data}
    return event("workflow_paused", data, task_id="t", workflow_run_id="r")


SPEECH = event("tts_message", task_id="t", message_id="m", audio="qqqq")
SPEECH_END = event("tts_message_end", task_id="t", message_id="m", audio="")


# Texts


@pytest.mark.parametrize(
    ("piece", "text"),
    [
        (event("text_chunk", {"text": "a"}), "a"),
        (event("text_chunk", {}), ""),
        (event("message", answer="a"), "a"),
        (event("message", answer=None), ""),
        (event("agent_message", answer="a"), "a"),
        (event("message_file", answer="a"), "a"),
        (event("message_file", url="u"), ""),
        (event("message_replace", answer="a"), ""),
        (event("reasoning_chunk", {"reasoning": "a"}), ""),
        (event("agent_thought", thought="a"), ""),
        (event("text_replace", {"text": "a"}), ""),
        (event("node_finished", {"outputs": {"text": "a"}}), ""),
        (event("error", message="a"), ""),
        (event("brand_new", {"text": "a"}, answer="a"), ""),
    ],
)
def test_the_text_of_an_event_is_its_chunk(piece: Event, text: str) -> None:
    assert text_of(piece) == text


# Workflows


def test_a_finished_run_has_all_values_of_its_terminal_event() -> None:
    last = finished(
        outputs={"a": 1},
        elapsed_time=1.5,
        total_tokens=7,
        total_steps="3",
        created_at=0,
        finished_at=60,
        exceptions_count=2,
        files=[{"filename": "f"}],
    )
    fold = WorkflowAccumulator()
    result = folded(fold, started(), event("node_started", {}), last)
    assert result == WorkflowResult(
        task_id="t",
        workflow_run_id="r",
        workflow_id="w",
        status=RunStatus.SUCCEEDED,
        outputs={"a": 1},
        elapsed_time=1.5,
        total_tokens=7,
        total_steps=3,
        created_at=datetime(1970, 1, 1, tzinfo=UTC),
        finished_at=datetime(1970, 1, 1, 0, 1, tzinfo=UTC),
        exceptions_count=2,
        files=result.files,
    )
    assert [file.filename for file in result.files] == ["f"]
    assert result.raw == last.raw
    assert (fold.progress.over, fold.progress.complete, fold.progress.linger) == (True, True, None)


def test_a_run_without_its_end_is_still_running() -> None:
    fold = WorkflowAccumulator()
    result = folded(fold, started(), event("text_chunk", {"text": "a"}))
    assert result == WorkflowResult(task_id="t", workflow_run_id="r", workflow_id="w")
    assert result.status == RunStatus.RUNNING
    assert result.raw == {}
    assert not fold.progress.complete


def test_a_stream_without_events_has_a_result() -> None:
    assert WorkflowAccumulator().result() == WorkflowResult()
    assert ChatAccumulator().result() == ChatResult()
    assert CompletionAccumulator().result() == CompletionResult()


def test_a_paused_run_has_its_forms() -> None:
    last = paused(
        reasons=[{"TYPE": "human_input_required", "form_id": "f", "form_token": "k"}], total_steps=2
    )
    fold = WorkflowAccumulator()
    result = folded(fold, started(), last)
    assert result.status == RunStatus.PAUSED
    assert result.paused == Pause(nodes=["n"], reasons=result.paused.reasons)
    assert [form.form_token for form in result.paused.forms] == ["k"]
    assert (result.workflow_run_id, result.workflow_id, result.total_steps) == ("r", "w", 2)
    assert result.raw == last.raw
    assert fold.progress.over


def test_streamed_and_blocking_pauses_have_the_same_result() -> None:
    data = {
        "id": "r",
        "workflow_id": "w",
        "workflow_run_id": "r",
        "status": "paused",
        "outputs": {},
        "paused_nodes": ["n"],
        "reasons": [{"TYPE": "human_input_required", "form_id": "f"}],
        "created_at": 1,
        "finished_at": None,
        "elapsed_time": 0.5,
        "total_tokens": 3,
        "total_steps": 2,
    }
    streamed = folded(WorkflowAccumulator(), started(), paused(**data))
    answer = {"task_id": "t", "workflow_run_id": "r", "data": data}
    assert streamed == decode_model(BlockingRun, json.dumps(answer).encode()).result()


def test_a_resumed_run_ends_like_any_other() -> None:
    fold = WorkflowAccumulator()
    result = folded(
        fold, started(), event("human_input_form_filled", {}), started(reason="resumption"), finished()
    )
    assert result.status == RunStatus.SUCCEEDED


def test_the_terminal_event_alone_is_enough() -> None:
    fold = WorkflowAccumulator()
    result = folded(fold, finished(outputs={"answer": "a"}))
    assert (result.workflow_run_id, result.outputs) == ("r", {"answer": "a"})
    assert fold.progress.run_id == "r"


@pytest.mark.parametrize("name", ["workflow_started", "workflow_paused", "workflow_finished"])
def test_the_id_of_a_run_is_also_found_in_its_data(name: str) -> None:
    # Chatflow replays lack some of the keys around the data.
    fold = WorkflowAccumulator()
    fold.add(event(name, {"id": "r", "workflow_run_id": "r"}))
    assert fold.progress.run_id == "r"


def test_the_node_that_failed_last_is_reported() -> None:
    fold = WorkflowAccumulator()
    nodes = [("a", "failed"), ("b", "failed"), ("c", "succeeded"), ("d", "exception")]
    for node, status in nodes:
        fold.add(event("node_finished", {"node_id": node, "status": status}))
    assert fold.progress.failed_node == "b"


def test_an_error_event_ends_a_run() -> None:
    fold = WorkflowAccumulator()
    error = event("error", message="name is required in input form", status=500)
    result = folded(fold, error)
    assert result.status == RunStatus.FAILED
    assert result.error == "name is required in input form"
    assert result.raw == error.raw
    assert fold.progress.error is error
    assert fold.progress.over


def test_an_error_event_in_the_middle_keeps_the_ids() -> None:
    fold = WorkflowAccumulator()
    result = folded(fold, started(), event("error", code="internal_server_error", message="m", status=500))
    assert (result.task_id, result.workflow_run_id, result.workflow_id) == ("t", "r", "w")
    assert (fold.progress.task_id, fold.progress.run_id) == ("t", "r")


@pytest.mark.parametrize("name", ["workflow_finished", "workflow_paused", "error"])
@pytest.mark.parametrize("kind", [WorkflowAccumulator, ChatAccumulator])
def test_a_malformed_terminal_event_ends_the_stream(
    name: str, kind: type[WorkflowAccumulator | ChatAccumulator]
) -> None:
    fold = kind()
    last = event(name, [1], message={}, task_id="t")  # type: ignore[arg-type]
    assert isinstance(last, UnknownEvent)
    folded(fold, started(), last)
    assert fold.progress.unusable_end is last
    assert (fold.progress.over, fold.progress.complete) == (True, True)
    assert fold.progress.error is None


@pytest.mark.parametrize("name", ["workflow_started", "node_finished", "text_chunk", "brand_new"])
def test_other_malformed_events_do_not_end_the_stream(name: str) -> None:
    fold = WorkflowAccumulator()
    misfit = event(name, [1], task_id="t")  # type: ignore[arg-type]
    result = folded(fold, misfit, finished())
    assert result.status == RunStatus.SUCCEEDED
    assert fold.progress.unusable_end is None


def test_an_accumulator_can_share_its_progress() -> None:
    progress = Progress(task_id="before")
    WorkflowAccumulator(progress).add(started())
    assert (progress.task_id, progress.run_id) == ("before", "r")


# Completions


def test_chunks_make_a_completion() -> None:
    usage = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
    end = message_end(metadata={"usage": usage}, files=[{"filename": "f"}])
    fold = CompletionAccumulator()
    result = folded(fold, message("a"), message(""), message("b\u2028"), end)
    assert result.answer == "ab\u2028"
    assert (result.message_id, result.task_id) == ("m", "t")
    assert result.created_at == datetime(1970, 1, 1, tzinfo=UTC)
    assert result.usage == Usage(prompt_tokens=1, completion_tokens=2, total_tokens=3)
    assert [file.filename for file in result.files] == ["f"]
    assert result.raw == end.raw


def test_an_interrupted_message_keeps_its_text() -> None:
    fold = CompletionAccumulator()
    result = folded(fold, message("a"), message("b"))
    assert (result.answer, result.message_id, result.usage, result.raw) == ("ab", "m", None, {})
    assert not fold.progress.complete


def test_a_replacement_replaces_all_previous_text() -> None:
    replace = event("message_replace", answer="[moderated]", reason="output_moderation")
    assert (
        folded(ChatAccumulator(), message("a"), message("b"), replace, message_end()).answer == "[moderated]"
    )
    assert (
        folded(ChatAccumulator(), message("a"), replace, message(" c"), message_end()).answer
        == "[moderated] c"
    )
    empty = event("message_replace", answer="")
    assert folded(ChatAccumulator(), message("a"), empty, message_end()).answer == ""


def test_a_message_file_event_with_text_belongs_to_the_answer() -> None:
    file = event("message_file", id="f", type="image", belongs_to="assistant", url="u")
    text = event("message_file", id="m", answer="b", from_variable_selector=None)
    assert folded(ChatAccumulator(), message("a"), file, text, message("c"), message_end()).answer == "abc"


@pytest.mark.parametrize("fold", [CompletionAccumulator, ChatAccumulator])
def test_an_error_event_ends_a_message(fold: type[CompletionAccumulator]) -> None:
    made = fold()
    error = event("error", code="completion_request_error", status=400, message="no", message_id="m")
    result = folded(made, message("a"), error)
    assert made.progress.error is error
    assert (made.progress.over, made.progress.complete) == (True, True)
    assert (result.answer, result.message_id, result.task_id) == ("a", "m", "t")
    assert result.raw == error.raw


@pytest.mark.parametrize("fold", [CompletionAccumulator, ChatAccumulator])
def test_an_error_before_any_chunk_has_the_message_id(fold: type[CompletionAccumulator]) -> None:
    error = event("error", code="invalid_param", message_id="m", conversation_id="c", created_at=0)
    result = folded(fold(), error)
    assert (result.message_id, result.answer) == ("m", "")
    assert result.created_at == datetime(1970, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("fold", [CompletionAccumulator, ChatAccumulator])
def test_a_malformed_message_end_ends_the_message(
    fold: type[CompletionAccumulator],
) -> None:
    made = fold()
    end = message_end(metadata=[1])
    assert isinstance(end, UnknownEvent)
    assert folded(made, message("a"), end).answer == "a"
    assert (made.progress.complete, made.progress.over, made.progress.linger) == (True, False, LINGER)
    assert made.progress.unusable_end is None


# Speech: (over, linger) after each event of a chat or completion

RUNNING, LINGERS, WAITS, OVER = (False, None), (False, LINGER), (False, None), (True, None)


@pytest.mark.parametrize("fold", [CompletionAccumulator, ChatAccumulator])
@pytest.mark.parametrize(
    "steps",
    [
        pytest.param([(message("a"), RUNNING), (message_end(), LINGERS)], id="no speech"),
        pytest.param(
            [(message("a"), RUNNING), (message_end(), LINGERS), (SPEECH, WAITS), (SPEECH_END, OVER)],
            id="speech after the message",
        ),
        pytest.param(
            [
                (message("a"), RUNNING),
                (SPEECH, RUNNING),
                (message_end(), WAITS),
                (SPEECH, WAITS),
                (SPEECH_END, OVER),
            ],
            id="speech in the middle and after",
        ),
        pytest.param(
            [(message("a"), RUNNING), (SPEECH, RUNNING), (SPEECH_END, RUNNING), (message_end(), OVER)],
            id="speech ends before the message",
        ),
        pytest.param([(message_end(), LINGERS), (SPEECH_END, OVER)], id="the end of speech alone"),
    ],
)
def test_end_of_a_message(
    fold: type[CompletionAccumulator], steps: list[tuple[Event, tuple[bool, float | None]]]
) -> None:
    made = fold()
    for each, expected in steps:
        made.add(each)
        assert (made.progress.over, made.progress.linger) == expected, each.event
    assert made.progress.complete


# Chats


def test_a_chat_has_its_conversation() -> None:
    result = folded(ChatAccumulator(), message("a"), message_end())
    assert (result.conversation_id, result.message_id) == ("c", "m")
    assert result.run is None
    assert result.paused is None
    assert result.handle is None


def test_chunks_of_an_agent_make_its_answer() -> None:
    pieces = [event("agent_message", answer=answer, message_id="m") for answer in "abc"]
    assert folded(ChatAccumulator(), *pieces, message_end()).answer == "abc"


def test_the_closing_message_of_a_new_agent_is_not_appended() -> None:
    pieces = [event("agent_message", answer=answer, message_id="m") for answer in ("Hel", "lo")]
    assert folded(ChatAccumulator(), *pieces, message("Hello"), message_end()).answer == "Hello"


def test_the_closing_message_of_an_agent_counts_if_it_differs() -> None:
    piece = event("agent_message", answer="Hel", message_id="m")
    assert folded(ChatAccumulator(), piece, message("Hello!"), message_end()).answer == "Hello!"


def test_canned_answers_of_an_agent_are_chunks() -> None:
    assert folded(ChatAccumulator(), message("a"), message("b"), message_end()).answer == "ab"


def test_a_step_of_an_agent_is_replaced_by_its_next_state() -> None:
    def thought(step: str, **fields: Any) -> Event:
        return event("agent_thought", id=step, message_id="m", **fields)

    result = folded(
        ChatAccumulator(),
        thought("1", position=1, thought=None, tool="clock", message_files=None),
        thought("2", position=2),
        thought("1", position=1, tool="clock", tool_input="{}", observation="noon", tool_labels={"a": {}}),
        thought("2", position=2, thought="so"),
        message_end(),
    )
    first, second = result.agent_thoughts
    assert (first.id, first.tool, first.tool_input, first.observation) == ("1", "clock", "{}", "noon")
    assert (first.thought, first.message_files, first.tool_labels) == ("", [], {"a": {}})
    assert (second.id, second.thought) == ("2", "so")


def test_reasoning_is_not_a_part_of_the_answer() -> None:
    reasoning = event("reasoning_chunk", {"reasoning": "hm", "node_id": "n", "is_final": True})
    result = folded(ChatAccumulator(), started(), reasoning, message("a"), message_end(), finished())
    assert result.answer == "a"


# Chatflows


def test_a_chatflow_ends_with_its_run() -> None:
    fold = ChatAccumulator()
    result = folded(fold, started(), message("a"), message_end(), finished(outputs={"answer": "a"}))
    assert (result.answer, result.run.status, result.run.outputs) == (
        "a",
        RunStatus.SUCCEEDED,
        {"answer": "a"},
    )
    assert (fold.progress.over, fold.progress.complete) == (True, True)


def test_the_end_of_a_message_does_not_end_a_chatflow() -> None:
    fold = ChatAccumulator()
    folded(fold, started(), message("a"), message_end())
    assert (fold.progress.over, fold.progress.complete, fold.progress.linger) == (False, False, None)


def test_chatflows_of_old_servers_end_with_message_end() -> None:
    fold = ChatAccumulator()
    folded(fold, started(), message("a"), finished())
    assert (fold.progress.over, fold.progress.complete, fold.progress.linger) == (False, True, LINGER)
    usage = {"usage": {"total_tokens": 3}}
    result = folded(fold, message_end(metadata=usage))
    assert fold.progress.over
    assert result.usage == Usage(total_tokens=3)


@pytest.mark.parametrize("status", ["failed", "stopped"])
def test_a_failed_chatflow_has_no_message_end(status: str) -> None:
    fold = ChatAccumulator()
    result = folded(fold, started(), message("a"), finished(status, error="no"))
    assert fold.progress.over
    assert (result.answer, result.run.status, result.run.error) == ("a", status, "no")


def test_a_paused_chatflow_has_no_message_end() -> None:
    fold = ChatAccumulator()
    result = folded(fold, started(), message("a"), paused())
    assert fold.progress.over
    assert result.answer == "a"
    assert result.paused.nodes == ["n"]


def test_a_chatflow_without_a_run_ends_like_a_chat() -> None:
    # Annotation replies and moderation answer without starting the workflow; the server stays silent then.
    fold = ChatAccumulator()
    result = folded(fold, message("a"), message_end())
    assert (fold.progress.over, fold.progress.complete, fold.progress.linger) == (False, True, LINGER)
    assert result.run is None


def test_speech_does_not_delay_the_end_of_a_chatflow() -> None:
    fold = ChatAccumulator()
    folded(fold, started(), message("a"), SPEECH, message_end(), SPEECH, finished())
    assert fold.progress.over


def test_the_raw_of_a_chatflow_answer_is_its_message_end() -> None:
    end, last = message_end(), finished()
    result = folded(ChatAccumulator(), started(), message("a"), end, last)
    assert result.raw == end.raw
    assert result.run.raw == last.raw
    assert folded(ChatAccumulator(), started(), message("a"), last).raw == last.raw


def test_an_error_event_ends_a_chatflow() -> None:
    fold = ChatAccumulator()
    result = folded(fold, event("error", message="need is required in input form", status=500))
    assert fold.progress.over
    assert result.run is None
    assert fold.progress.run_id is None


# Results


def run(status: str, error: str | None = None, **fields: Any) -> WorkflowResult:
    return WorkflowResult(status=RunStatus(status), error=error, **fields)


@pytest.mark.parametrize(
    "result",
    [
        run("succeeded"),
        run("partial-succeeded"),
        CompletionResult(),
        ChatResult(),
        ChatResult(run=run("succeeded")),
    ],
    ids=["succeeded", "partly", "completion", "chat", "chatflow"],
)
def test_successful_results_raise_no_error(result: Any) -> None:
    assert error_from_result(result) is None


@pytest.mark.parametrize("in_chat", [False, True], ids=["workflow", "chatflow"])
@pytest.mark.parametrize(
    ("ended", "error", "words"),
    [
        (run("failed", "boom"), RunFailed, "the run failed: boom"),
        (run("failed"), RunFailed, "the run failed: "),
        (run("running"), RunFailed, "the run ended as running"),
        (run("hibernating", "zzz"), RunFailed, "the run ended as hibernating: zzz"),
        (run("stopped", "Stopped by user."), RunStopped, "the run was stopped: Stopped by user."),
        (run("stopped", "Reached maximum execution time"), RunStopped, "Reached maximum execution time"),
        (run("failed", "User requested stop"), RunStopped, "the run was stopped: User requested stop"),
        (run("failed", "Aborted: User requested stop"), RunStopped, "Aborted"),
        (run("failed", "Stopped by user."), RunStopped, "Stopped by user."),
        (
            run("paused", paused=Pause(nodes=["a", "b"])),
            RunPaused,
            "the run waits at a, b: see result.paused",
        ),
        (run("paused"), RunPaused, "the run waits at a node"),
    ],
)
def test_failed_results_raise_their_error(
    ended: WorkflowResult, error: type[RunFailed], words: str, in_chat: bool
) -> None:
    result = ChatResult(answer="a", run=ended) if in_chat else ended
    found = error_from_result(result, node_id="n", server_version="1.14.2")
    assert found is not None
    assert type(found) is error
    assert words in str(found)
    assert found.result is result
    assert (found.node_id, found.server_version) == ("n", "1.14.2")


def test_long_messages_are_shortened_in_the_error_and_complete_in_the_result() -> None:
    found = error_from_result(run("failed", "x" * 10_000))
    assert found is not None
    assert len(str(found)) < 400
    assert str(found).endswith("...")
    assert isinstance(found.result, WorkflowResult)
    assert len(found.result.error or "") == 10_000


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"code": "completion_request_error", "status": 400, "message": "no"}, BadRequest),
        ({"code": "internal_server_error", "status": 500, "message": ""}, ServerError),
        ({"code": "internal_server_error"}, ServerError),
    ],
)
def test_an_error_event_with_a_code_becomes_its_error(fields: dict[str, Any], kind: type) -> None:
    error = event("error", **fields)
    assert isinstance(error, ErrorEvent)
    found = error_from_event(error, operation="POST /chat-messages", may_have_started=True)
    assert isinstance(found, kind)
    assert (found.code, found.message) == (fields["code"], fields.get("message", ""))
    assert found.may_have_started
    assert str(found).startswith("the stream ended with an error: ")


# The decoder passes primitives of other types through, so a string may be a number here


def test_a_number_in_place_of_a_chunk_does_not_break_the_answer() -> None:
    assert folded(ChatAccumulator(), message("a"), event("message", answer=5), message_end()).answer == "a5"


def test_a_number_in_place_of_a_chunk_is_converted_to_text() -> None:
    assert text_of(event("text_chunk", {"text": 5})) == "5"


def test_a_string_in_place_of_a_position_does_not_break_the_answer() -> None:
    steps = [event("agent_thought", id=str(place), position=place) for place in (1, "two")]
    assert len(folded(ChatAccumulator(), *steps, message_end()).agent_thoughts) == 2


def test_a_number_in_place_of_an_error_message_does_not_break_the_error() -> None:
    result = folded(WorkflowAccumulator(), finished("failed", error=7))
    assert isinstance(error_from_result(result), RunFailed)


@pytest.mark.parametrize(
    "fields",
    [{"status": "bad", "message": "no"}, {"status": 400, "message": 5}, {"status": 403, "message": 5}],
)
def test_an_error_event_with_other_types_becomes_an_error(fields: dict[str, Any]) -> None:
    error = event("error", code="invalid_param", **fields)
    assert isinstance(error, ErrorEvent)
    assert "invalid_param" in str(error_from_event(error))
