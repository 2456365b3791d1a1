"""Conversations: listed, named, pinned, deleted, and what they remember."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final, Protocol, TypeVar

from aiohttp import web

from dify_async._types import Json
from dify_async.testing.calls import UUID_PATH, Call, Refused, Routes, crashed, invalid
from dify_async.testing.records import Conversation, type_of

_SORTS: Final = ("created_at", "-created_at", "updated_at", "-updated_at")


class Listed(Protocol):
    """Something that a list shows."""

    id: str


ListedT = TypeVar("ListedT", bound=Listed)


def page_after(
    entries: Sequence[ListedT], last_id: str | None, limit: int, unknown: Refused
) -> tuple[list[ListedT], bool]:
    """Give the entries that follow one, and whether there are more; refuse an unknown one."""
    start = 0
    if last_id:
        places = [place for place, entry in enumerate(entries) if entry.id == last_id]
        if not places:
            raise unknown
        start = places[0] + 1
    return list(entries[start : start + limit]), len(entries) > start + limit


async def _own(call: Call) -> Conversation:
    user = await call.user(needed=False)
    call.check_chat()
    return call.conversation(call.path["conversation_id"], user)


async def listed(call: Call) -> web.Response:
    """List those of the end user that began on this API."""
    user = await call.user(needed=False)
    call.check_chat()
    model = "ConversationListQuery"
    limit = call.whole(model, "limit", 1, 100, 20)
    sort_by = call.query.get("sort_by", "-updated_at")
    if sort_by not in _SORTS:
        raise invalid(model, "sort_by", f"Input should be one of {_SORTS} [type=literal_error]")
    found = [
        one for one in call.fake.conversations.values() if one.user == user and one.on_web is call.on_web
    ]
    if call.on_web and "pinned" in call.query:
        found = [one for one in found if one.pinned is call.flag("pinned")]
    found.sort(key=lambda one: getattr(one, sort_by.removeprefix("-")), reverse=sort_by.startswith("-"))
    unknown = Refused(404, "not_found", "Last Conversation Not Exists.")
    shown, has_more = page_after(found, call.query.get("last_id"), limit, unknown)
    data = [one.as_json() for one in shown]
    return call.json({"limit": limit, "has_more": has_more, "data": data})


async def delete(call: Call) -> web.Response:
    """Delete one."""
    conversation = await _own(call)
    del call.fake.conversations[conversation.id]
    return call.nothing()


async def rename(call: Call) -> web.Response:
    """Name one, or have a model name it."""
    body = await call.body()
    user = await call.user(needed=False)
    call.check_chat()
    name, by_model = body.get("name"), body.get("auto_generate") is True
    if not by_model and (not isinstance(name, str) or not name.strip()):
        problem = "Value error, name is required when auto_generate is false [type=value_error]"
        raise invalid("ConversationRenamePayload", "name", problem)
    conversation = call.conversation(call.path["conversation_id"], user)
    if by_model:
        call.fake.model_calls += 1
        name = call.fake.title
    conversation.name = str(name)
    conversation.updated_at = time.time()
    return call.json(conversation.as_json())


async def pin(call: Call) -> web.Response:
    """Pin one."""
    (await _own(call)).pinned = True
    return call.done()


async def unpin(call: Call) -> web.Response:
    """Unpin one, if it is there."""
    user = await call.user()
    call.check_chat()
    conversation = call.fake.conversations.get(call.path["conversation_id"])
    if conversation is not None and conversation.user == user:
        conversation.pinned = False
    return call.done()


async def variables(call: Call) -> web.Response:
    """List what one remembers."""
    conversation = await _own(call)
    limit = call.whole("ConversationVariablesQuery", "limit", 1, 100, 20)
    if "variable_name" in call.query:
        raise crashed()  # The database of real servers does not know a function that this needs.
    unknown = Refused(400, "invalid_param", "")
    shown, has_more = page_after(conversation.variables, call.query.get("last_id"), limit, unknown)
    data = [one.as_json() for one in shown]
    return call.json({"limit": limit, "has_more": has_more, "data": data})


async def set_variable(call: Call) -> web.Response:
    """Change what one remembers."""
    conversation = await _own(call)
    body = await call.body()
    if "value" not in body:
        raise invalid("ConversationVariableUpdatePayload", "value", "Field required [type=missing]")
    value: Json = body["value"]
    for variable in conversation.variables:
        if variable.id == call.path["variable_id"]:
            wanted, given = type_of(variable.value), type_of(value)
            if wanted != given:
                message = f"Type mismatch: variable '{variable.name}' expects {wanted}, but got {given} type"
                raise Refused(400, "bad_request", message)
            variable.value, variable.updated_at = value, time.time()
            return call.json(variable.as_json())
    raise Refused(404, "not_found", "Conversation Variable Not Exists.")


_ONE: Final = f"/conversations/{{conversation_id:{UUID_PATH}}}"

BOTH: Final[Routes] = [
    ("GET", "/conversations", listed),
    ("DELETE", _ONE, delete),
    ("POST", f"{_ONE}/name", rename),
]
SERVICE: Final[Routes] = [
    ("GET", f"{_ONE}/variables", variables),
    ("PUT", f"{_ONE}/variables/{{variable_id:{UUID_PATH}}}", set_variable),
]
WEB: Final[Routes] = [("PATCH", f"{_ONE}/pin", pin), ("PATCH", f"{_ONE}/unpin", unpin)]
