"""Error responses and error events with any content: each becomes an error of its own class."""

from __future__ import annotations

import json
import pickle
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from dify_async._wire.api_errors import error_from_event, error_from_response
from dify_async._wire.decoding.decode import decode_event
from dify_async.errors import ApiError
from dify_async.events import ErrorEvent
from tests.support.api_errors import operation_named, rejected
from tests.support.error_json import TIME_PARTS, error_json


@given(header=st.lists(st.sampled_from(TIME_PARTS), max_size=12).map("".join))
def test_an_invalid_retry_after_hides_no_error(header: str) -> None:
    seconds = rejected(429, {}, {"Retry-After": header}).retry_after
    assert seconds is None or seconds >= 0


json_values = error_json(st.text(max_size=6) | st.just("x" * 10_000))
bodies = (
    json_values.map(lambda value: json.dumps(value).encode())
    | st.binary(max_size=50)
    | st.builds(b"<html><title>%b</title>%b".__mod__, st.tuples(st.binary(max_size=9), st.binary(max_size=9)))
)


headers = st.dictionaries(
    st.sampled_from(["Retry-After", "Content-Type", "Location", "X-Trace-Id", "Server", "CF-RAY"]),
    st.text(max_size=12)
    | st.sampled_from(["9" * 30, "-1", "nan", "Sun, 22 Nov 2026 00:00:30 GMT", "https://a@b/"]),
)


@given(status=st.integers(100, 999), body=bodies, headers=headers, starts_run=st.booleans())
def test_every_rejection_is_an_error_that_keeps_its_status(
    status: int, body: bytes, headers: dict[str, str], starts_run: bool
) -> None:
    error = error_from_response(
        operation_named("GET /x", starts_run=starts_run), status, CIMultiDict(headers), body
    )
    assert isinstance(error, ApiError)
    assert error.status == status
    assert len(str(error)) < 1000
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), again.message) == (type(error), str(error), error.message)


@given(fields=st.dictionaries(st.sampled_from(["code", "message", "status", "task_id"]), json_values))
def test_every_error_of_a_stream_is_an_error(fields: dict[str, Any]) -> None:
    event = decode_event(json.dumps({"event": "error", **fields}).encode())
    if isinstance(event, ErrorEvent) and event.code:
        error = error_from_event(event)
        assert isinstance(error, ApiError)
        assert len(str(error)) < 1000
        assert str(pickle.loads(pickle.dumps(error))) == str(error)
    else:
        assert event is not None
