"""Describe a 2xx response with unexpected content."""

from __future__ import annotations

from dify_async._http.request import Response
from dify_async._wire.error_bodies import parse_error_body
from dify_async.models._base import parse_json


def describe(response: Response) -> str:
    """Return a description of a response, to follow "got"."""
    kind = response.headers.get("Content-Type", "")
    if "html" in kind or response.body.lstrip()[:1] == b"<":
        return "a web page; base_url probably points to Dify's web app or a proxy instead of its API"
    if not response.body:
        return "an empty body"
    return "JSON" if "json" in kind and _is_json(response.body) else "other data, or an incomplete body"


def with_message(start: str, body: bytes) -> str:
    """Return `start` followed by the code and message of a JSON body, if it is one."""
    content = parse_error_body(body)
    text = content.quoted("") if content.is_json else ""
    return f"{start}: {text}" if text else start


def _is_json(body: bytes) -> bool:
    try:
        parse_json(body)
    except ValueError:
        return False
    return True
