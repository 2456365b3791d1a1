"""What to say of a 2xx response that is not what was expected."""

from __future__ import annotations

from dify_async._http.request import Response
from dify_async._wire.error_bodies import parse_error_body
from dify_async.models._base import parse_json


def described(response: Response) -> str:
    kind = response.headers.get("Content-Type", "")
    if "html" in kind or response.body.lstrip()[:1] == b"<":
        return "a web page; base_url probably points to Dify's web app or a proxy instead of its API"
    if not response.body:
        return "an empty body"
    return "JSON" if "json" in kind and _is_json(response.body) else "something else, or an incomplete body"


def quoted_words(start: str, body: bytes) -> str:
    """Return `start` followed by the code and message of a JSON body, if it is one."""
    words = parse_error_body(body)
    text = words.quoted("") if words.is_json else ""
    return f"{start}: {text}" if text else start


def _is_json(body: bytes) -> bool:
    try:
        parse_json(body)
    except ValueError:
        return False
    return True
