"""The responses that the server sends. The keys, the sizes and the mix of events are those of Dify 1.14."""

from __future__ import annotations

import functools
import json
import time
from collections.abc import Mapping
from typing import Any, Final

RUN_ID: Final = "4fa855f1-ef44-4d2d-bfb1-3e5b8ed46ce3"
_TASK_ID: Final = "75f14420-5d07-459c-ba85-f4172400d70c"
_WORKFLOW_ID: Final = "c661af40-b602-4d65-8803-26a10b0378bc"
_START: Final = 1_795_308_634

_TEXTS: Final = ("Hello", ", ", "world", "! ", "你好，世界", " line two\n", '"quoted" ', "end.")
CYCLE: Final = len(_TEXTS) + 2
"""Events between the starts of two nodes: the start, the text chunks, the end."""
CHARACTERS: Final = sum(map(len, _TEXTS))
"""Characters of text in one cycle."""
PING_EVERY: Final = 1_000
"""Events between two pings. Dify also starts each stream with a ping."""
_STAMP: Final = b"@" * 17
"""Replaced by the time at which a paced event is sent."""

_NODE: Final[dict[str, Any]] = {
    "id": "4857d184-b314-4e6a-b053-6b851e078b1f",
    "node_id": "llm",
    "node_type": "llm",
    "title": "LLM",
    "index": 1,
    "predecessor_node_id": None,
    "inputs": None,
    "inputs_truncated": False,
}
_NO_PARENT: Final = {"iteration_id": None, "loop_id": None}
_OUTPUTS: Final = {"text": "Hello, world! 你好，世界 line two", "finish_reason": "stop"}
_RUN: Final[dict[str, Any]] = {
    "id": RUN_ID,
    "workflow_id": _WORKFLOW_ID,
    "status": "succeeded",
    "outputs": {"answer": "Hello, world! 你好，世界 line two"},
    "error": None,
    "elapsed_time": 0.766902,
    "total_tokens": 27,
    "total_steps": 3,
    "created_at": _START,
    "finished_at": _START + 1,
}


def is_text(place: int, events: int) -> bool:
    """Return True if the event at this place of a run is a `text_chunk`."""
    return 0 < place % CYCLE < CYCLE - 1 and place != events - 1


def _event(place: int, events: int, text: str | None) -> tuple[str, dict[str, Any]]:
    now = _START + place // 500
    step = place % CYCLE
    if place == 0:
        return "workflow_started", {
            "id": RUN_ID,
            "workflow_id": _WORKFLOW_ID,
            "inputs": {"events": events, "sys.user_id": "bench", "sys.workflow_run_id": RUN_ID},
            "created_at": now,
            "reason": "initial",
        }
    if place == events - 1:
        created_by = {"id": "08ac85a0-ab65-472c-9b80-49a03b96518b", "user": "bench"}
        return "workflow_finished", {**_RUN, "created_by": created_by, "exceptions_count": 0, "files": []}
    if is_text(place, events):
        chunk = _TEXTS[step - 1] if text is None else text
        return "text_chunk", {"text": chunk, "from_variable_selector": ["llm", "text"]}
    if step == 0:
        return "node_started", {**_NODE, "created_at": now, "extras": {}, **_NO_PARENT}
    return "node_finished", {
        **_NODE,
        "process_data": {"model_mode": "chat", "model_name": "fake-llm"},
        "process_data_truncated": False,
        "outputs": _OUTPUTS,
        "outputs_truncated": False,
        "status": "succeeded",
        "error": None,
        "elapsed_time": 0.622567,
        "execution_metadata": {"total_tokens": 27, "total_price": "0.0000325", "currency": "USD"},
        "created_at": now,
        "finished_at": now,
        "files": [],
        **_NO_PARENT,
    }


HEAD: Final = (
    b"HTTP/1.1 200 OK\r\nServer: gunicorn\r\nX-Version: 1.14.2\r\nTransfer-Encoding: chunked\r\n"
    b"Content-Type: text/event-stream; charset=utf-8\r\n\r\n"
)
END: Final = b"0\r\n\r\n"


def _encoded(place: int, events: int, text: str | None) -> bytes:
    name, data = _event(place, events, text)
    whole = {"event": name, "workflow_run_id": RUN_ID, "task_id": _TASK_ID, "data": data}
    pieces = [f"data: {json.dumps(whole, ensure_ascii=False, separators=(',', ':'))}\n\n"]
    if place % PING_EVERY == 0:
        pieces.insert(0, "event: ping\n\n")
    # Dify sends each event as a separate HTTP chunk. This costs clients more than the number of bytes.
    chunks = [piece.encode() for piece in pieces]
    return b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)


@functools.cache
def stream(events: int, size: int = 0) -> bytes:
    """Return a whole response. With `size`, each `text_chunk` has about so many characters."""
    text = "Hello, world! 你好\n" * (size // 17) if size else None
    return HEAD + b"".join(_encoded(place, events, text) for place in range(events)) + END


@functools.cache
def _first(events: int) -> bytes:
    return _encoded(0, events, None)


@functools.cache
def _template(step: int) -> bytes:
    return _encoded(CYCLE + step, 3 * CYCLE, _STAMP.decode())


def paced_event(place: int, events: int, *, only_text: bool) -> bytes:
    """Return one event of a paced run. The text of a `text_chunk` is the time now, by the monotonic clock.

    With `only_text`, all events between the first and the last are `text_chunk`, as while a model writes.
    """
    if place == 0:
        return _first(events)
    if place == events - 1:
        return _last() + END
    if only_text or is_text(place, events):
        return _template(1).replace(_STAMP, b"%017.6f" % time.monotonic())
    return _template(place % CYCLE)


@functools.cache
def _last() -> bytes:
    return _encoded(1, 2, None)


def _whole(body: Mapping[str, Any]) -> bytes:
    text = json.dumps(body).encode()
    return (
        b"HTTP/1.1 200 OK\r\nServer: gunicorn\r\nX-Version: 1.14.2\r\nConnection: keep-alive\r\n"
        b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(text), text)
    )


# Servers send the inputs of a stored run as JSON text.
_DETAIL: Final = _whole({**_RUN, "inputs": json.dumps({"query": "hi", "sys.user_id": "bench"})})
_SUCCESS: Final = _whole({"result": "success"})
_NOT_FOUND: Final = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"


def small_response(method: bytes, path: bytes) -> bytes:
    """Return the response to a request that starts no run."""
    if method == b"GET" and b"/workflows/run/" in path:
        return _DETAIL.replace(RUN_ID.encode(), path.rpartition(b"/")[2])
    if method == b"POST" and path.endswith((b"/stop", b"/release")):
        return _SUCCESS
    return _NOT_FOUND
