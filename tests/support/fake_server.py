"""Requests to a FakeDify as a client would not send them, and the shapes of its answers."""

from __future__ import annotations

import io
import json
from typing import Any

import aiohttp

from dify_async._wire.sse import EventParser
from dify_async.testing import FakeDify, Node, Workflow


async def ask(
    dify: FakeDify, method: str, path: str, *, key: str | None = None, **kwargs: Any
) -> tuple[int, str, bytes]:
    headers = {"Authorization": f"Bearer {dify.api_key}" if key is None else key, **kwargs.pop("headers", {})}
    url = dify.base_url.removesuffix("/v1") + path
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, url, headers=headers, **kwargs) as got,
    ):
        return got.status, got.content_type, await got.read()


def shape(value: Any) -> Any:
    """Return the keys of an object and of all nested objects."""
    return {key: shape(inner) for key, inner in sorted(value.items())} if isinstance(value, dict) else None


def upload(*files: tuple[str, str, str, bytes], user: str = "rec-user") -> dict[str, Any]:
    """Write a form by hand, because a client would correct its errors."""
    lines = [b'--b\r\nContent-Disposition: form-data; name="user"\r\n\r\n', user.encode(), b"\r\n"]
    for field, name, mime_type, content in files:
        lines.append(f'--b\r\nContent-Disposition: form-data; name="{field}"; filename="{name}"\r\n'.encode())
        lines.append(f"Content-Type: {mime_type}\r\n".encode() if mime_type else b"")
        lines.append(b"\r\n" + content + b"\r\n")
    data = b"".join([*lines, b"--b--\r\n"])
    return {"data": io.BytesIO(data), "headers": {"Content-Type": "multipart/form-data; boundary=b"}}


CHATFLOW = Workflow(mode="advanced-chat", nodes=[Node("LLM", text=["Hello, ", "world"]), Node("Answer")])


ASKING = Workflow(nodes=[Node("A"), Node("Ask", form="Sure? {{#$output.comment#}}"), Node("B", text=["x"])])


ASKING_CHATFLOW = Workflow(mode="advanced-chat", nodes=[Node("Say", text=["so "]), *ASKING.nodes])


def first_sentence(message: str) -> str:
    # What follows in a real server's texts are inputs, and routes that the framework proposes.
    return message.partition("\n")[0].partition(" You have requested")[0].rstrip(".")


def events_of(body: bytes) -> list[dict[str, Any]]:
    return [json.loads(payload) for payload in EventParser(2**26).feed(body) if payload]


def order(body: bytes) -> list[str]:
    """Return the names of events, with equal neighbors counted as one."""
    names = [event["event"] for event in events_of(body)]
    return [name for name, before in zip(names, ["", *names], strict=False) if name != before]


def shapes(body: bytes) -> dict[str, Any]:
    free = {"inputs", "outputs", "process_data", "execution_metadata", "submitted_data", "tool_labels"}
    found: dict[str, Any] = {}
    for event in events_of(body):
        fields = {key: None if key in free else value for key, value in event.items()}
        if isinstance(fields.get("data"), dict):
            fields["data"] = {key: None if key in free else value for key, value in fields["data"].items()}
        found[event["event"]] = shape(fields)
    return found


def filled(**fields: Any) -> dict[str, Any]:
    return {"json": {"inputs": {"comment": "yes"}, "action": "approve", "user": "rec-user", **fields}}
