"""Responses that are not 2xx, and errors in a stream, with any content: each becomes an error that can be pickled."""

from __future__ import annotations

import json
import math
import pickle
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from multidict import CIMultiDict, CIMultiDictProxy

from dify_async._wire.api_errors import error_from_event, error_from_response
from dify_async._wire.decoding.decode import decode_event
from dify_async._wire.operation import Operation
from dify_async.errors import ApiError
from dify_async.events import ErrorEvent
from tests.support.api_errors import CODES, CONTEXT, HANDLE, RESULT, operation_named
from tests.support.error_json import TIME_PARTS, error_json

fewer_examples = settings(max_examples=settings().max_examples // 10)

LONGEST = 1000
"""Characters of an error's text: 200 of the code, 200 of the message, and our own words."""

texts = st.one_of(
    st.text(max_size=12),
    st.sampled_from([code for codes in CODES.values() for _, code in codes]),
    st.sampled_from(
        ["Too many requests", "rate limit", "\ud800", "a\r\nb", "<title>", "x" * 5000, "图" * 5000]
    ),
)
values = error_json(st.integers(100, 599) | texts)
rejections = st.fixed_dictionaries(
    {}, optional={"code": texts, "message": texts, "status": values, "params": values, "error": values}
)
tags = st.sampled_from(
    [b"<html>", b"<title>", b"</title>", b"<TITLE x>", b"<", b">", b"<!--", b"502 Bad Gateway", b"\xff", b"\r\n",
     b"<b>" * 2000, b"x" * 5000, b" " * 5000]
)  # fmt: skip
bodies = st.one_of(
    values.map(lambda value: json.dumps(value).encode()),
    rejections.map(lambda value: json.dumps(value, ensure_ascii=True).encode()),
    st.lists(tags | st.binary(max_size=9), max_size=12).map(b"".join),
    st.binary(max_size=60),
    st.integers(1, 3000).map(lambda depth: b"[" * depth),
)

header_texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), max_size=20)
times = st.lists(
    st.sampled_from(TIME_PARTS)
    | st.sampled_from(["٣", "²", "e", "nan", "inf", "9" * 40, "9" * 400])
    | st.sampled_from(["Sun, 22 Nov 2026 00:00:30 GMT", "Fri, 31 Dec 9999 23:59:59 -2359"]),
    max_size=8,
).map("".join)
places = st.builds(
    "{}{}{}".format,
    st.sampled_from(["", "/", "//", "http://", "HTTPS://", "https://user:secret@", "ftp://", "javascript:"]),
    header_texts,
    st.sampled_from(["", "?token=secret", "#token=secret"]),
)
headers = st.fixed_dictionaries(
    {},
    optional={
        "Retry-After": times | header_texts,
        "Location": places,
        "Content-Type": header_texts,
        "X-Trace-Id": header_texts,
        "X-Version": header_texts,
        "Server": header_texts,
    },
)
asked = st.builds(operation_named, st.just("POST /x"), st.booleans(), st.booleans(), st.booleans())


def travelled(error: ApiError) -> ApiError:
    """Return a pickled copy of an error, and check that no attribute is lost."""
    again: ApiError = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert (str(again), again.args, vars(again)) == (str(error), error.args, vars(error))
    return again


@given(asked=asked, status=st.integers(100, 599), headers=headers, body=bodies)
def test_any_rejection_is_a_difyerror(
    asked: Operation[Any], status: int, headers: dict[str, str], body: bytes
) -> None:
    error = travelled(error_from_response(asked, status, CIMultiDictProxy(CIMultiDict(headers)), body))
    assert isinstance(error, ApiError)
    assert error.status == status
    assert len(str(error)) <= LONGEST
    assert "secret" not in str(error) or b"secret" in body
    assert isinstance(error.message, str)
    assert {type(error.code), type(error.params)} <= {str, type(None)}
    assert error.retry_after is None or error.retry_after >= 0
    assert error.may_have_started == (asked.starts_run and status >= 500)


@pytest.mark.parametrize("header", ["Location", "Retry-After", "Server", "X-Trace-Id", "X-Version"])
@fewer_examples
@given(status=st.just(302) | st.integers(100, 599), body=bodies, start=st.sampled_from(["", "https://"]))
def test_a_long_header_does_not_make_a_long_message(
    header: str, status: int, body: bytes, start: str
) -> None:
    error = travelled(
        error_from_response(
            operation_named("GET /x"), status, CIMultiDict({header: start + "x" * 5000}), body
        )
    )
    assert len(str(error)) <= LONGEST


@given(value=times)
@example(value="9" * 400)
def test_retry_after_is_a_finite_number(value: str) -> None:
    seconds = error_from_response(
        operation_named("GET /x"), 429, CIMultiDict({"Retry-After": value}), b""
    ).retry_after
    assert seconds is None or 0 <= seconds < math.inf


@given(status=st.integers(100, 599), words=rejections)
@example(status=400, words={"code": "", "error": {"message": 1}})
@example(status=400, words={"code": "a", "params": "p", "error": {"message": "no", "code": "b"}})
def test_the_message_of_the_server_is_complete(status: int, words: dict[str, Any]) -> None:
    error = error_from_response(operation_named("GET /x"), status, {}, json.dumps(words).encode())
    assert error.code == words.get("code")
    if words.get("message"):
        assert error.message == words["message"]
    assert (error.params or "") in (words.get("params"), "")


@given(fields=rejections, more=st.dictionaries(st.sampled_from(["task_id", "code", "message"]), values))
def test_any_error_event_is_a_difyerror(fields: dict[str, Any], more: dict[str, Any]) -> None:
    event = decode_event(json.dumps({"event": "error", **fields, **more}).encode())
    assert event is not None
    if isinstance(event, ErrorEvent) and event.code:
        error = travelled(error_from_event(event, handle=HANDLE, partial=RESULT, **CONTEXT))
        assert isinstance(error, ApiError)
        assert isinstance(error.status, int)
        assert error.status == (event.status if type(event.status) is int else 500)
        assert (error.handle, error.partial) == (HANDLE, RESULT)
        assert len(str(error)) <= LONGEST
