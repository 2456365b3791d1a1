"""The request of a call, and its result."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable
from email import message_from_bytes
from typing import Any

import aiohttp
import attrs
from aioresponses import aioresponses
from aioresponses.compat import normalize_url
from yarl import URL

from dify_async._wire.operation import Operation

Call = Callable[[Any], Awaitable[object]]


@attrs.frozen(kw_only=True)
class Case:
    """A call, its request, and its response."""

    operation: Operation[Any]
    call: Call
    path: str
    body: Any = None
    """JSON, or the fields of a form."""
    answer: Any = None
    """JSON, the events of a stream as a list of str, or bytes."""
    gives: Any = None


@attrs.frozen(kw_only=True)
class Sent:
    """The only request of a call, and the result of the call."""

    method: str
    url: URL
    headers: dict[str, str]
    body: Any
    """Parsed JSON; the fields of a form, files as name and type; None without a body."""
    given: object


def as_requested(url: str) -> URL:
    """Return a URL as aioresponses records it."""
    found: URL = normalize_url(URL(url, encoded=True))
    return found


async def answered(client: Any, case: Case) -> Sent:
    """Make a call, answer its request, and close the client."""
    reply: dict[str, Any] = {"payload": case.answer}
    if isinstance(case.answer, list) and all(isinstance(event, str) for event in case.answer):
        body = "".join(f"data: {event}\n\n" for event in case.answer)
        reply = {"body": body, "content_type": "text/event-stream"}
    elif isinstance(case.answer, bytes):
        status = 200 if case.answer else 204
        reply = {"body": case.answer, "content_type": "application/octet-stream", "status": status}
    with aioresponses() as server:
        forms: list[bytes] = []

        async def read_form(url: URL, *, data: Any = None, **_: Any) -> None:
            if isinstance(data, aiohttp.Payload):  # A payload can be read only while it is sent.
                forms.append(await data.as_bytes())

        server.add(re.compile(".*"), method=case.operation.method, callback=read_form, **reply)
        async with client:
            given = await case.call(client)
        ((method, url),) = server.requests
        (call,) = server.requests[method, url]
    return Sent(
        method=method, url=url, headers=call.kwargs["headers"], body=_body(call.kwargs, forms), given=given
    )


def _body(call: dict[str, Any], forms: list[bytes]) -> Any:
    data = call["data"]
    if isinstance(data, aiohttp.Payload):
        (body,) = forms
        form = message_from_bytes(f"Content-Type: {data.headers['Content-Type']}\r\n\r\n".encode() + body)
        return {
            part.get_param("name", header="Content-Disposition"): (part.get_filename(), part["Content-Type"])
            if part.get_filename()
            else part.get_payload()
            for part in form.get_payload()
        }
    assert ("Content-Type" in call["headers"]) == (data is not None)
    return None if data is None else json.loads(data)
