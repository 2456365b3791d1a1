"""List, rename, pin and delete conversations, and change their variables."""

from __future__ import annotations

import time
from typing import Final

from aiohttp import web

from dify_async._types import Json
from dify_async.testing.api_errors import (
    ErrorResponse,
    crashed,
    invalid,
    invalid_param,
    missing,
    not_found,
)
from dify_async.testing.ids import UUID_PATH
from dify_async.testing.routes.call import Call, Routes
from dify_async.testing.state.collection import page_after
from dify_async.testing.state.messages import type_of

_SORTS: Final = ("created_at", "-created_at", "updated_at", "-updated_at")


async def listed(call: Call) -> web.Response:
    """List the end user's conversations that were started on this API."""
    user = await call.user(needed=False)
    call.check_chat()
    model = "ConversationListQuery"
    limit = call.whole(model, "limit", 1, 100, 20)
    sort_by = call.query.get("sort_by", "-updated_at")
    if sort_by not in _SORTS:
        raise invalid(model, "sort_by", f"Input should be one of {_SORTS} [type=literal_error]")
    found = [
        one for one in call.state.conversations.values() if one.user == user and one.on_web is call.on_web
    ]
    if call.on_web and "pinned" in call.query:
        found = [one for one in found if one.pinned is call.flag("pinned")]
    found.sort(key=lambda one: getattr(one, sort_by.removeprefix("-")), reverse=sort_by.startswith("-"))
    unknown = not_found("Last Conversation Not Exists.")
    shown, has_more = page_after(found, call.query.get("last_id"), limit, unknown)
    data = [one.as_json() for one in shown]
    return call.json({"limit": limit, "has_more": has_more, "data": data})


async def delete(call: Call) -> web.Response:
    """Delete a conversation."""
    conversation = await call.own_conversation()
    call.state.conversations.remove(conversation.id)
    return call.nothing()


async def rename(call: Call) -> web.Response:
    """Rename a conversation, or let a model name it."""
    body = await call.body()
    user = await call.user(needed=False)
    call.check_chat()
    name, by_model = body.get("name"), body.get("auto_generate") is True
    if not by_model and (not isinstance(name, str) or not name.strip()):
        problem = "Value error, name is required when auto_generate is false [type=value_error]"
        raise invalid("ConversationRenamePayload", "name", problem)
    conversation = call.state.conversation_of(call.path["conversation_id"], user)
    if by_model:
        call.state.model_calls += 1
        name = call.state.title
    conversation.name = str(name)
    conversation.updated_at = time.time()
    return call.json(conversation.as_json())


async def pin(call: Call) -> web.Response:
    """Pin a conversation."""
    (await call.own_conversation()).pinned = True
    return call.done()


async def unpin(call: Call) -> web.Response:
    """Unpin a conversation. Unknown ids are accepted."""
    user = await call.user()
    call.check_chat()
    conversation = call.state.conversations.get(call.path["conversation_id"])
    if conversation is not None and conversation.user == user:
        conversation.pinned = False
    return call.done()


async def variables(call: Call) -> web.Response:
    """List the variables of a conversation."""
    conversation = await call.own_conversation()
    limit = call.whole("ConversationVariablesQuery", "limit", 1, 100, 20)
    if "variable_name" in call.query:
        raise crashed()  # On real servers, this fails because the database lacks a function.
    unknown = invalid_param("")
    shown, has_more = page_after(conversation.variables, call.query.get("last_id"), limit, unknown)
    data = [one.as_json() for one in shown]
    return call.json({"limit": limit, "has_more": has_more, "data": data})


async def set_variable(call: Call) -> web.Response:
    """Change a variable of a conversation."""
    conversation = await call.own_conversation()
    body = await call.body()
    if "value" not in body:
        raise missing("ConversationVariableUpdatePayload", "value")
    value: Json = body["value"]
    for variable in conversation.variables:
        if variable.id == call.path["variable_id"]:
            wanted, given = type_of(variable.value), type_of(value)
            if wanted != given:
                message = f"Type mismatch: variable '{variable.name}' expects {wanted}, but got {given} type"
                raise ErrorResponse(400, "bad_request", message)
            variable.value, variable.updated_at = value, time.time()
            return call.json(variable.as_json())
    raise not_found("Conversation Variable Not Exists.")


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
