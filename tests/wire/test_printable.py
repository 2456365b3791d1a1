"""Text of the server in errors and logs is on one line and without control characters."""

from __future__ import annotations

import json
import logging
import pickle
from typing import Any

import pytest

from dify_async import models
from dify_async._http.redaction import Redactor
from dify_async._text import json_type, printable, shortened
from dify_async._wire.api_errors import error_from_event, error_from_response
from dify_async._wire.blocking import BlockingRun
from dify_async._wire.decoding.decode import decode_event, decode_model
from dify_async._wire.decoding.hook import StructureError
from dify_async._wire.results import WorkflowAccumulator
from dify_async._wire.run_errors import error_from_result
from dify_async.errors import ApiError
from dify_async.events import ErrorEvent, WorkflowFinished, WorkflowFinishedData
from dify_async.models import RunStatus
from tests.support.api_errors import operation_named

FORGED = "x\nCRITICAL root\r\x1b[2Jcleared\x85\u2028\u202e\x00\ud83d"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("你好 é 😀", "你好 é 😀"),
        ("a\nb\r\nc\td", "a b c d"),
        ("\x1b[31mred\x07", "\\x1b[31mred\\x07"),
        ("\x9b2J\x7f", "\\x9b2J\\x7f"),
        ("a\u202eb\u2066c", "a\\u202eb\\u2066c"),
        ("half \ud83d", "half \\ud83d"),
        ("👩\u200d👩", "👩\u200d👩"),
        ("", ""),
    ],
)
def test_control_characters_are_escaped(text: str, shown: str) -> None:
    assert printable(text) == shown


def texts() -> list[str]:
    words = {"code": FORGED, "message": FORGED, "params": FORGED}
    body = json.dumps(words).encode()
    page = f"<title>{FORGED}</title>".encode("utf-8", "surrogatepass")
    headers = {"X-Version": FORGED, "X-Trace-Id": FORGED, "Location": f"https://x/{FORGED}"}
    found: list[Any] = [
        error_from_response(operation_named("GET /x"), status, headers, body) for status in (302, 400, 500)
    ]
    found += [error_from_response(operation_named("GET /x"), 502, headers, page)]
    found += [error_from_event(ErrorEvent(code=FORGED, message=FORGED, status=400))]
    for status in ("failed", FORGED, "stopped"):
        accumulator = WorkflowAccumulator()
        accumulator.add(WorkflowFinished(data=WorkflowFinishedData(status=RunStatus(status), error=FORGED)))
        found += [error_from_result(accumulator.result())]
    with pytest.raises(StructureError) as caught:
        decode_model(BlockingRun, body)
    return [*map(str, found), str(caught.value)]


@pytest.mark.parametrize("text", texts())
def test_messages_of_errors_are_printable(text: str) -> None:
    assert text.encode().decode().isprintable()


def test_a_log_line_stays_one_line(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "dify_async"):
        decode_event(json.dumps({"event": "node_started", "data": [FORGED]}).encode())
    assert all(line.isprintable() for line in caplog.messages)


def test_a_body_that_is_an_error_is_quoted() -> None:
    with pytest.raises(
        StructureError, match="the server says: out_of_credit: You have no credit left"
    ) as caught:
        decode_model(BlockingRun, b'{"code": "out_of_credit", "message": "You have no credit\\nleft"}')
    assert str(caught.value).startswith("data must be present, got null; ")
    with pytest.raises(StructureError) as plain:
        decode_model(models.AppInfo, b'{"tags": 5}')
    assert str(plain.value) == "tags must be an array, got a number"


def test_long_text_is_shortened() -> None:
    assert shortened("abc", 3) == "abc"
    assert shortened("abcd", 3) == "abc..."
    error = error_from_event(ErrorEvent(code="c" * 5000, message="m" * 5000))
    assert len(str(error)) < 600


@pytest.mark.parametrize(
    ("value", "name"),
    [({}, "an object"), ([], "an array"), ("", "a string"), (1, "a number"), (1.5, "a number"),
     (True, "a boolean"), (None, "null")],
)  # fmt: skip
def test_json_types_have_names(value: object, name: str) -> None:
    assert json_type(value) == name


def test_an_apierror_has_the_headers_and_the_body() -> None:
    headers = {"Set-Cookie": "session=SECRET", "X-Echo": "Bearer SECRET", "Location": "https://x/?t=SECRET"}
    body = b'{"code": "bad_request", "message": "key SECRET", "more": 1}'
    redactor = Redactor(["SECRET"])
    error = error_from_response(
        operation_named("GET /x"), 400, redactor.headers(headers), redactor.data(body)
    )
    assert error.headers == {"set-cookie": "***", "x-echo": "Bearer ***", "location": "https://x/"}
    assert error.body == b'{"code": "bad_request", "message": "key ***", "more": 1}'
    assert error.message == "key ***"
    again = pickle.loads(pickle.dumps(error))
    assert (again.headers, again.body) == (error.headers, error.body)


def test_a_custom_apierror_has_neither() -> None:
    error = ApiError("text", status=400)
    assert (error.headers, error.body) == ({}, b"")
