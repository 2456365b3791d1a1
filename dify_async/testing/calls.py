"""One request to a FakeDify as its handlers see it: who asks, for what, and how Dify refuses."""

from __future__ import annotations

import json
import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import attrs
from aiohttp import BodyPartReader, web

from dify_async._types import Json
from dify_async.models._base import as_object
from dify_async.testing.answers import validation
from dify_async.testing.records import Conversation, Message, Passport, id_of
from dify_async.testing.script import Fault

if TYPE_CHECKING:
    from dify_async.testing.fake import FakeDify

UNREADABLE: Final = "The browser (or proxy) sent a request that this server could not understand."
UUID_PATH: Final = "[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
"""What a path must hold where Dify's routes want an id: they know no other paths."""
CHAT_MODES: Final = ("chat", "agent-chat", "advanced-chat")

_NO_JSON: Final = (
    "Did not attempt to load JSON data because the request Content-Type was not 'application/json'."
)
_WRONG_MODE: Final = "Please check if your {}app mode matches the right API route."
_UNAVAILABLE: Final = "App unavailable, please check your app configurations."
_NOBODY: Final = "DEFAULT-USER"
"""All who ask the Service API without a name, where that is allowed, are one."""


class Refused(Exception):
    """The request is answered with Dify's JSON for an error."""

    def __init__(self, status: int, code: str, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"code": code, "message": message, "status": status}
        self.headers = headers


def crashed() -> Refused:
    """Give the refusal of a server that did not expect this."""
    return Refused(500, "unknown", "Internal Server Error")


def unavailable() -> Refused:
    """Give the refusal of an app that cannot serve this."""
    return Refused(400, "app_unavailable", _UNAVAILABLE)


def invalid(model: str, field: str, problem: str) -> Refused:
    """Give the refusal of Dify's validator."""
    return Refused(400, "invalid_param", validation(model, field, problem))


def is_uuid(text: str) -> bool:
    """Say whether a text is an id."""
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True


@attrs.frozen
class SentFile:
    """A file of a form, as far as it was read."""

    field: str
    name: str
    mime_type: str | None
    content: bytes = attrs.field(repr=False)


@attrs.frozen
class Call:
    """One request."""

    fake: FakeDify
    request: web.Request
    fault: Fault | None
    """What it is to meet."""
    on_web: bool
    """Whether it came to the Web API."""
    passport: Passport | None = None
    """On the Web API, where the operation asks for one."""

    # What it holds

    @property
    def path(self) -> Mapping[str, str]:
        """The parts of its path that have a name."""
        return self.request.match_info

    @property
    def query(self) -> Mapping[str, str]:
        """What stands behind the path."""
        return self.request.query

    async def body(self) -> dict[str, Any]:
        """Give its JSON."""
        if self.request.content_type != "application/json":
            raise Refused(415, "unsupported_media_type", _NO_JSON)
        try:
            body = as_object(json.loads(await self.request.read()))
        except ValueError:
            raise Refused(400, "bad_request", UNREADABLE) from None
        if body is None:
            raise crashed()
        return body

    async def fields(self, model: str, *names: str) -> list[str]:
        """Give texts that its JSON has to hold."""
        body = await self.body()
        for name in names:
            if name not in body:
                raise invalid(model, name, "Field required [type=missing]")
            if not isinstance(body[name], str):
                raise invalid(model, name, "Input should be a valid string [type=string_type]")
        return [body[name] for name in names]

    async def form(self, limit: Callable[[str], int]) -> tuple[dict[str, str], list[SentFile]]:
        """Give its form. Of each file no more is kept than tells that it exceeds the limit for its name."""
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
        """Give a whole number of its query."""
        text = self.query.get(name, str(default))
        if not text.isdecimal() or not low <= int(text) <= high:
            problem = f"Input should be from {low} to {high} [input_value={text!r}]"
            if text == "0":
                problem = f"Input should be greater than or equal to {low} [type=greater_than_equal]"
            raise invalid(model, name, problem)
        return int(text)

    def flag(self, name: str) -> bool:
        """Say whether its query asks for something."""
        return self.query.get(name, "").lower() == "true"

    # Who asks

    async def user(self, *, needed: bool = True) -> str:
        """Give the end user: who the passport is for, or whom a request to the Service API names."""
        if self.passport is not None:
            return self.passport.session_id
        by_query = self.request.method == "GET"
        return self.named_user(self.query if by_query else await self.body(), needed=needed)

    def named_user(self, fields: Mapping[str, Any], *, needed: bool) -> str:
        """Give the end user where the Service API is told in other fields than usual."""
        if self.passport is not None:
            return self.passport.session_id
        named = fields.get("user")
        if named in (None, ""):
            if needed:
                raise Refused(400, "invalid_param", "Arg user must be provided.")
            named = _NOBODY
        user = str(named)
        self.fake.end_users[id_of(user)] = user
        return user

    # What it may ask for

    def check_chat(self) -> None:
        """Refuse apps without conversations."""
        if self.fake.mode not in CHAT_MODES:
            raise Refused(400, "not_chat_app", _WRONG_MODE.format(""))

    def check_completion(self) -> None:
        """Refuse all apps but completions."""
        if self.fake.mode != "completion":
            if not self.on_web:
                raise unavailable()
            raise Refused(400, "not_completion_app", _WRONG_MODE.format("Completion "))

    def check_workflow(self, *more_modes: str) -> None:
        """Refuse apps that are no workflow."""
        if self.fake.mode not in ("workflow", *more_modes):
            raise Refused(400, "not_workflow_app", _WRONG_MODE.format("Workflow " if self.on_web else ""))

    def conversation(self, conversation_id: str, user: str) -> Conversation:
        """Find a conversation of somebody."""
        found = self.fake.conversations.get(conversation_id)
        if found is None or found.user != user:
            raise Refused(404, "not_found", "Conversation Not Exists.")
        return found

    def message(self, message_id: str, user: str) -> Message:
        """Find a message of somebody."""
        found = self.fake.messages.get(message_id)
        if found is None or found.user != user:
            raise Refused(404, "not_found", "Message Not Exists.")
        return found

    # Answers

    @property
    def headers(self) -> dict[str, str]:
        """What every answer carries."""
        return {"X-Version": self.fake.version, "X-Env": "PRODUCTION"}

    def json(self, body: Json, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
        """Answer with JSON."""
        return web.Response(
            text=json.dumps(body) + "\n",
            status=status,
            content_type="application/json",
            headers={**self.headers, **(headers or {})},
        )

    def done(self) -> web.Response:
        """Answer that it is done."""
        return self.json({"result": "success"})

    def nothing(self) -> web.Response:
        """Answer that it is done, without a body."""
        return web.Response(status=204, content_type="application/json", headers=self.headers)

    def hang_up(self) -> web.Response:
        """Close the connection without an answer."""
        if self.request.transport is not None:
            self.request.transport.abort()
        return web.Response()


async def _read_up_to(part: BodyPartReader, limit: int) -> bytes:
    """Read all of a part, and keep its beginning."""
    kept = bytearray()
    while chunk := await part.read_chunk(2**16):
        kept += chunk[: max(0, limit - len(kept))]
    return bytes(kept)


Handler: TypeAlias = Callable[[Call], Awaitable[web.StreamResponse]]
Routes: TypeAlias = "list[tuple[str, str, Handler]]"
"""Methods, paths behind `/v1` or `/api`, and who answers."""
