"""One request to a fake server, as its handlers see it: body, end user, and response."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, TypeAlias

import attrs
from aiohttp import BodyPartReader, web

from dify_async._types import Json
from dify_async.models._base import as_object
from dify_async.testing.api_errors import (
    UNREADABLE,
    ErrorResponse,
    crashed,
    invalid,
    invalid_param,
    missing,
    unavailable,
)
from dify_async.testing.faults import Fault
from dify_async.testing.state.access import Passport
from dify_async.testing.state.messages import Conversation, Message
from dify_async.testing.state.state import State

CHAT_MODES: Final = ("chat", "agent-chat", "advanced-chat")

_NO_JSON: Final = (
    "Did not attempt to load JSON data because the request Content-Type was not 'application/json'."
)
_WRONG_MODE: Final = "Please check if your {}app mode matches the right API route."
_NOBODY: Final = "DEFAULT-USER"
"""End user of requests to the Service API that name none, if that is allowed."""


@attrs.frozen
class SentFile:
    """A file of a form; the content is limited."""

    field: str
    name: str
    mime_type: str | None
    content: bytes = attrs.field(repr=False)


@attrs.frozen
class Call:
    """One request."""

    state: State
    request: web.Request
    fault: Fault | None
    """The fault that applies to the request. None if there is none."""
    on_web: bool
    """True for requests to the Web API."""
    passport: Passport | None = None
    """The passport. None except for operations of the Web API that require one."""

    # The request

    @property
    def path(self) -> Mapping[str, str]:
        """The named parts of the path."""
        return self.request.match_info

    @property
    def query(self) -> Mapping[str, str]:
        """The query."""
        return self.request.query

    async def body(self) -> dict[str, Any]:
        """Return the JSON body."""
        if self.request.content_type != "application/json":
            raise ErrorResponse(415, "unsupported_media_type", _NO_JSON)
        try:
            body = as_object(json.loads(await self.request.read()))
        except ValueError:
            raise ErrorResponse(400, "bad_request", UNREADABLE) from None
        if body is None:
            raise crashed()
        return body

    async def fields(self, model: str, *names: str) -> list[str]:
        """Return fields of the JSON body that must be strings."""
        body = await self.body()
        for name in names:
            if name not in body:
                raise missing(model, name)
            if not isinstance(body[name], str):
                raise invalid(model, name, "Input should be a valid string [type=string_type]")
        return [body[name] for name in names]

    async def form(self, limit: Callable[[str], int]) -> tuple[dict[str, str], list[SentFile]]:
        """Return the fields and files of the form; of each file at most `limit(name)` + 1 bytes."""
        fields: dict[str, str] = {}
        files: list[SentFile] = []
        if self.request.content_type.startswith("multipart/"):
            async for part in await self.request.multipart():
                assert isinstance(part, BodyPartReader)
                field = part.name or ""
                if part.filename is None:
                    fields[field] = await part.text()
                else:
                    content = await _read_up_to(part, limit(part.filename) + 1)
                    files.append(SentFile(field, part.filename, part.headers.get("Content-Type"), content))
        return fields, files

    def whole(self, model: str, name: str, low: int, high: int, default: int) -> int:
        """Return an integer of the query."""
        text = self.query.get(name, str(default))
        if not text.isdecimal() or not low <= int(text) <= high:
            problem = f"Input should be from {low} to {high} [input_value={text!r}]"
            if text == "0":
                problem = f"Input should be greater than or equal to {low} [type=greater_than_equal]"
            raise invalid(model, name, problem)
        return int(text)

    def flag(self, name: str) -> bool:
        """Return True if the query sets this parameter to true."""
        return self.query.get(name, "").lower() == "true"

    @property
    def bearer(self) -> str | None:
        """The token of the `Authorization` header."""
        scheme, _, token = self.request.headers.get("Authorization", "").partition(" ")
        return token if scheme.lower() == "bearer" and token else None

    # The end user

    async def user(self, *, needed: bool = True) -> str:
        """Return the end user: the owner of the passport, or the `user` of the request."""
        if self.passport is not None:
            return self.passport.session_id
        by_query = self.request.method == "GET"
        return self.named_user(self.query if by_query else await self.body(), needed=needed)

    def named_user(self, fields: Mapping[str, Any], *, needed: bool) -> str:
        """Return the end user from these fields of the request."""
        if self.passport is not None:
            return self.passport.session_id
        named = fields.get("user")
        if named in (None, ""):
            if needed:
                raise invalid_param("Arg user must be provided.")
            named = _NOBODY
        user = str(named)
        self.state.add_end_user(user)
        return user

    # Checks of the app

    def check_chat(self) -> None:
        """Reject apps without conversations."""
        if self.state.mode not in CHAT_MODES:
            raise ErrorResponse(400, "not_chat_app", _WRONG_MODE.format(""))

    def check_completion(self) -> None:
        """Reject apps that are not completion apps."""
        if self.state.mode != "completion":
            if not self.on_web:
                raise unavailable()
            raise ErrorResponse(400, "not_completion_app", _WRONG_MODE.format("Completion "))

    def check_workflow(self, *more_modes: str) -> None:
        """Reject apps that are not workflows."""
        if self.state.mode not in ("workflow", *more_modes):
            name = "Workflow " if self.on_web else ""
            raise ErrorResponse(400, "not_workflow_app", _WRONG_MODE.format(name))

    async def own_conversation(self) -> Conversation:
        """Return the conversation of the path, if it belongs to the end user."""
        user = await self.user(needed=False)
        self.check_chat()
        return self.state.conversation_of(self.path["conversation_id"], user)

    def own_message(self, user: str) -> Message:
        """Return the message of the path, if it belongs to the end user."""
        return self.state.message_of(self.path["message_id"], user)

    # Responses

    @property
    def headers(self) -> dict[str, str]:
        """The headers of every response."""
        return {
            "Access-Control-Allow-Origin": "*",
            "Access-Control-Expose-Headers": "X-Env, X-Trace-Id, X-Version",
            "X-Version": str(self.state.version),
            "X-Env": "PRODUCTION",
        }

    def json(self, body: Json, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
        """Return a JSON response."""
        return web.Response(
            text=json.dumps(body) + "\n",
            status=status,
            content_type="application/json",
            headers={**self.headers, **(headers or {})},
        )

    def done(self) -> web.Response:
        """Return the response of operations that only confirm."""
        return self.json({"result": "success"})

    def nothing(self) -> web.Response:
        """Return an empty response."""
        return web.Response(status=204, content_type="application/json", headers=self.headers)

    def hang_up(self) -> web.Response:
        """Close the connection without a response."""
        if self.request.transport is not None:
            self.request.transport.abort()
        return web.Response()


async def _read_up_to(part: BodyPartReader, limit: int) -> bytes:
    """Read a part completely, and return its first bytes."""
    kept = bytearray()
    while chunk := await part.read_chunk(2**16):
        kept += chunk[: max(0, limit - len(kept))]
    return bytes(kept)


Handler: TypeAlias = Callable[[Call], Awaitable[web.StreamResponse]]
Routes: TypeAlias = "list[tuple[str, str, Handler]]"
"""Methods, paths below `/v1` or `/api`, and handlers."""
