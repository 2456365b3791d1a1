"""Messages: the history of a conversation, feedback, suggested questions, saved messages."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from dify_async._types import Json
from dify_async.testing.api_errors import ErrorResponse, invalid, invalid_param, missing, not_found
from dify_async.testing.ids import UUID_PATH, id_of, is_uuid, iso
from dify_async.testing.routes.call import Call, Routes
from dify_async.testing.scenario import Completion
from dify_async.testing.state.collection import numbered_page, page_after
from dify_async.testing.state.messages import Feedback, Message


async def listed(call: Call) -> web.Response:
    """List the newest messages of a conversation, or the messages before a given one, oldest first."""
    user = await call.user(needed=False)
    call.check_chat()
    model = "MessageListQuery"
    limit = call.whole(model, "limit", 1, 100, 20)
    conversation_id = call.query.get("conversation_id")
    if conversation_id is None:
        raise missing(model, "conversation_id")
    if not conversation_id:
        return call.json({"limit": limit, "has_more": False, "data": []})
    if not is_uuid(conversation_id):
        problem = "Value error, conversation_id must be a valid UUID [type=value_error]"
        raise invalid(model, "conversation_id", problem)
    conversation = call.state.conversation_of(conversation_id, user)
    newest_first = [one for one in call.state.messages.newest_first if one.conversation is conversation]
    first_id = call.query.get("first_id")
    shown, has_more = page_after(newest_first, first_id, limit, not_found("First Message Not Exists."))
    if first_id and call.state.version.pages_by_second:
        before = call.state.messages[first_id].created_at
        shown = [one for one in shown if one.created_at < before]
    data = [_listed(call, one) for one in reversed(shown)]
    return call.json({"limit": limit, "has_more": has_more, "data": data})


def _listed(call: Call, message: Message) -> Json:
    listed = message.listed()
    if call.state.version.lists_usage:
        listed |= _usage(message)
    return {**listed, "metadata": message.metadata} if call.on_web else listed


def _usage(message: Message) -> dict[str, Json]:
    used: dict[str, Json] = message.metadata.get("usage") or {}
    return {
        "message_tokens": used.get("prompt_tokens", 0),
        "answer_tokens": used.get("completion_tokens", 0),
        "total_tokens": used.get("total_tokens", 0),
        "total_price": used.get("total_price"),
        "currency": used.get("currency", "USD"),
        "provider_response_latency": used.get("latency", 0.0),
    }


async def give_feedback(call: Call) -> web.Response:
    """Set or withdraw the rating of a message."""
    user = await call.user()
    body = await call.body()
    rating = body.get("rating")
    if rating not in (None, "like", "dislike"):
        problem = "Input should be 'like' or 'dislike' [type=literal_error]"
        raise invalid("MessageFeedbackPayload", "rating", problem)
    message = call.own_message(user)
    if rating is None and message.feedback is None:
        raise invalid_param("rating cannot be None when feedback not exists")
    message.feedback = None if rating is None else Feedback(rating=rating, content=body.get("content"))
    return call.done()


async def feedbacks(call: Call) -> web.Response:
    """List the feedback on the app's messages."""
    model = "FeedbackListQuery"
    page, limit = call.whole(model, "page", 1, 99999, 1), call.whole(model, "limit", 1, 101, 20)
    given = [
        (message, message.feedback)
        for message in call.state.messages.newest_first
        if message.feedback is not None
    ]
    return call.json({"data": [_feedback(call, *one) for one in numbered_page(given, page, limit)]})


def _feedback(call: Call, message: Message, feedback: Feedback) -> Json:
    return {
        "id": id_of(f"feedback on {message.id}"),
        "app_id": call.state.app_id,
        "conversation_id": message.conversation.id if message.conversation is not None else None,
        "message_id": message.id,
        "rating": feedback.rating,
        "content": feedback.content,
        "from_source": "user",
        "from_end_user_id": id_of(message.user),
        "from_account_id": None,
        "created_at": iso(feedback.created_at),
        "updated_at": iso(feedback.created_at),
    }


async def suggested(call: Call) -> web.Response:
    """Suggest the next questions."""
    user = await call.user()
    call.check_chat()
    call.own_message(user)
    app = call.state.app
    questions = None if isinstance(app, Completion) else app.suggested
    if questions is None:
        if call.on_web:
            code = "app_suggested_questions_after_answer_disabled"
            raise ErrorResponse(403, code, "Function Suggested questions after answer disabled.")
        raise ErrorResponse(400, "bad_request", "Suggested Questions Is Disabled.")
    call.state.model_calls += 1
    data = {"data": list(questions)}
    return call.json(data if call.on_web else {"result": "success", **data})


# Saved messages


async def save(call: Call) -> web.Response:
    """Save a message. Idempotent."""
    user = await call.user()
    call.check_completion()
    (message_id,) = await call.fields("SavedMessageCreatePayload", "message_id")
    message = call.state.message_of(message_id, user)
    if message.id not in call.state.saved:
        call.state.saved.append(message.id)
    return call.done()


async def saved(call: Call) -> web.Response:
    """List the messages that the end user has saved."""
    user = await call.user()
    call.check_completion()
    limit = call.whole("SavedMessageListQuery", "limit", 1, 100, 20)
    found = [
        one for one in call.state.messages.newest_first if one.id in call.state.saved and one.user == user
    ]
    shown, has_more = page_after(found, call.query.get("last_id"), limit, invalid_param(""))
    data = [one.saved() for one in shown]
    return call.json({"limit": limit, "has_more": has_more, "data": data})


async def forget(call: Call) -> web.Response:
    """Remove a message from the saved ones. Idempotent."""
    user = await call.user()
    call.check_completion()
    message = call.state.messages.get(call.path["message_id"])
    if message is not None and message.user == user and message.id in call.state.saved:
        call.state.saved.remove(message.id)
    return call.nothing()


_ONE: Final = f"/messages/{{message_id:{UUID_PATH}}}"

BOTH: Final[Routes] = [
    ("GET", "/messages", listed),
    ("POST", f"{_ONE}/feedbacks", give_feedback),
]
SERVICE: Final[Routes] = [
    ("GET", "/app/feedbacks", feedbacks),
    ("GET", f"{_ONE}/suggested", suggested),
]
WEB: Final[Routes] = [
    ("GET", f"{_ONE}/suggested-questions", suggested),
    ("GET", "/saved-messages", saved),
    ("POST", "/saved-messages", save),
    ("DELETE", f"/saved-messages/{{message_id:{UUID_PATH}}}", forget),
]
