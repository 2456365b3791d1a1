"""Messages: the history of a conversation, what people think of them, those that were saved."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from dify_async._types import Json
from dify_async.testing.calls import UUID_PATH, Call, Refused, Routes, invalid, is_uuid
from dify_async.testing.records import Feedback, Message, id_of, iso
from dify_async.testing.routes.conversations import page_after
from dify_async.testing.script import Completion


async def listed(call: Call) -> web.Response:
    """List a conversation: its newest messages, oldest first, or those before one."""
    user = await call.user(needed=False)
    call.check_chat()
    model = "MessageListQuery"
    limit = call.whole(model, "limit", 1, 100, 20)
    conversation_id = call.query.get("conversation_id")
    if conversation_id is None:
        raise invalid(model, "conversation_id", "Field required [type=missing]")
    if not conversation_id:
        return call.json({"limit": limit, "has_more": False, "data": []})
    if not is_uuid(conversation_id):
        problem = "Value error, conversation_id must be a valid UUID [type=value_error]"
        raise invalid(model, "conversation_id", problem)
    conversation = call.conversation(conversation_id, user)
    newest_first = [one for one in reversed(call.fake.messages.values()) if one.conversation is conversation]
    unknown = Refused(404, "not_found", "First Message Not Exists.")
    shown, has_more = page_after(newest_first, call.query.get("first_id"), limit, unknown)
    data = [_listed(call, one) for one in reversed(shown)]
    return call.json({"limit": limit, "has_more": has_more, "data": data})


def _listed(call: Call, message: Message) -> Json:
    return {**message.listed(), "metadata": message.metadata} if call.on_web else message.listed()


async def give_feedback(call: Call) -> web.Response:
    """Like or dislike a message, or take that back."""
    user = await call.user()
    body = await call.body()
    rating = body.get("rating")
    if rating not in (None, "like", "dislike"):
        problem = "Input should be 'like' or 'dislike' [type=literal_error]"
        raise invalid("MessageFeedbackPayload", "rating", problem)
    message = call.message(call.path["message_id"], user)
    if rating is None and message.feedback is None:
        raise Refused(400, "invalid_param", "rating cannot be None when feedback not exists")
    message.feedback = None if rating is None else Feedback(rating=rating, content=body.get("content"))
    return call.done()


async def feedbacks(call: Call) -> web.Response:
    """List what people think of the app's messages."""
    model = "FeedbackListQuery"
    page, limit = call.whole(model, "page", 1, 99999, 1), call.whole(model, "limit", 1, 101, 20)
    newest_first = [
        message for message in reversed(call.fake.messages.values()) if message.id in call.fake.feedbacks
    ]
    shown = newest_first[(page - 1) * limit : page * limit]
    return call.json({"data": [_feedback(call, message) for message in shown]})


def _feedback(call: Call, message: Message) -> Json:
    feedback = call.fake.feedbacks[message.id]
    return {
        "id": id_of(f"feedback on {message.id}"),
        "app_id": call.fake.app_id,
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
    """Have a model suggest what to ask next."""
    user = await call.user()
    call.check_chat()
    call.message(call.path["message_id"], user)
    app = call.fake.app
    questions = None if isinstance(app, Completion) else app.suggested
    if questions is None:
        if call.on_web:
            code = "app_suggested_questions_after_answer_disabled"
            raise Refused(403, code, "Function Suggested questions after answer disabled.")
        raise Refused(400, "bad_request", "Suggested Questions Is Disabled.")
    call.fake.model_calls += 1
    data = {"data": list(questions)}
    return call.json(data if call.on_web else {"result": "success", **data})


# Saved


async def save(call: Call) -> web.Response:
    """Save a message. Twice is fine."""
    user = await call.user()
    call.check_completion()
    (message_id,) = await call.fields("SavedMessageCreatePayload", "message_id")
    message = call.message(message_id, user)
    if message.id not in call.fake.saved:
        call.fake.saved.append(message.id)
    return call.done()


async def saved(call: Call) -> web.Response:
    """List the messages that the end user has saved."""
    user = await call.user()
    call.check_completion()
    limit = call.whole("SavedMessageListQuery", "limit", 1, 100, 20)
    found = [
        one for one in reversed(call.fake.messages.values()) if one.id in call.fake.saved and one.user == user
    ]
    shown, has_more = page_after(found, call.query.get("last_id"), limit, Refused(400, "invalid_param", ""))
    data = [one.saved() for one in shown]
    return call.json({"limit": limit, "has_more": has_more, "data": data})


async def forget(call: Call) -> web.Response:
    """Save a message no longer, if it was saved."""
    user = await call.user()
    call.check_completion()
    message = call.fake.messages.get(call.path["message_id"])
    if message is not None and message.user == user and message.id in call.fake.saved:
        call.fake.saved.remove(message.id)
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
