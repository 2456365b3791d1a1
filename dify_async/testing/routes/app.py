"""The app itself: its description, its form, its page, its end users."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aiohttp import web

from dify_async._types import Json
from dify_async.testing.answers import TENANT, described
from dify_async.testing.calls import Call, Refused, Routes, unavailable
from dify_async.testing.records import id_of, iso
from dify_async.testing.script import Completion, Workflow

if TYPE_CHECKING:
    from dify_async.testing.fake import FakeDify


async def index(call: Call) -> web.Response:
    """Tell what server this is."""
    return call.json({"welcome": "Dify OpenAPI", "api_version": "v1", "server_version": call.fake.version})


async def info(call: Call) -> web.Response:
    """Describe the app."""
    fake = call.fake
    return call.json(
        {"name": fake.name, "description": "", "tags": [], "mode": fake.mode, "author_name": "dify_async"}
    )


async def meta(call: Call) -> web.Response:
    """Give the icons of its tools."""
    return call.json({"tool_icons": {}})


async def parameters(call: Call) -> web.Response:
    """Describe its form and what it can do."""
    fake = call.fake
    if not fake.published:
        raise unavailable()
    app, off = fake.app, {"enabled": False}
    of_nodes = isinstance(app, Workflow)
    suggested = None if isinstance(app, Completion) else app.suggested
    return call.json(
        {
            "opening_statement": None,
            "suggested_questions": [],
            "suggested_questions_after_answer": {"enabled": suggested is not None},
            "speech_to_text": {"enabled": fake.audio_enabled},
            "text_to_speech": {"enabled": fake.audio_enabled, "voice": "", "language": ""},
            "retriever_resource": off,
            "annotation_reply": off,
            "more_like_this": {"enabled": isinstance(app, Completion) and app.more is not None},
            "user_input_form": [{field.kind: described(field, of_nodes=of_nodes)} for field in app.form],
            "sensitive_word_avoidance": off,
            "file_upload": {
                "enabled": False,
                "allowed_file_types": [],
                "allowed_file_extensions": [],
                "allowed_file_upload_methods": ["local_file", "remote_url"],
                "number_limits": 3,
            },
            "system_parameters": {
                "image_file_size_limit": 10,
                "video_file_size_limit": 100,
                "audio_file_size_limit": 50,
                "file_size_limit": 15,
                "workflow_file_upload_limit": 10,
            },
        }
    )


def _page(fake: FakeDify) -> dict[str, Json]:
    return {
        "title": fake.name,
        "chat_color_theme": None,
        "chat_color_theme_inverted": False,
        "icon_type": "emoji",
        "icon": "\N{ROBOT FACE}",
        "icon_background": "#FFEAD5",
        "description": None,
        "copyright": None,
        "privacy_policy": None,
        "custom_disclaimer": "",
        "default_language": "en-US",
        "show_workflow_steps": True,
        "use_icon_as_answer_icon": False,
        "icon_url": None,
    }


async def site(call: Call) -> web.Response:
    """Describe its page."""
    return call.json(_page(call.fake))


def site_on_web(fake: FakeDify, end_user_id: str | None) -> Json:
    """Describe its page as the Web API does."""
    return {
        "app_id": fake.app_id,
        "end_user_id": end_user_id,
        "enable_site": fake.site_enabled,
        "site": {**_page(fake), "prompt_public": False},
        "model_config": None,
        "plan": "basic",
        "can_replace_logo": False,
        "custom_config": None,
    }


async def own_site(call: Call) -> web.Response:
    """Describe its page to whoever looks at it."""
    return call.json(site_on_web(call.fake, id_of(await call.user())))


async def end_user(call: Call) -> web.Response:
    """Describe an end user."""
    end_user_id = call.path["end_user_id"]
    user = call.fake.end_users.get(end_user_id)
    if user is None:
        raise Refused(404, "end_user_not_found", "End user not found.")
    began = iso(call.fake.created_at)
    return call.json(
        {
            "id": end_user_id,
            "tenant_id": TENANT,
            "app_id": call.fake.app_id,
            "type": "service-api",
            "external_user_id": user,
            "name": None,
            "is_anonymous": False,
            "session_id": user,
            "created_at": began,
            "updated_at": began,
        }
    )


BOTH: Final[Routes] = [("GET", "/parameters", parameters), ("GET", "/meta", meta)]
SERVICE: Final[Routes] = [
    ("GET", "/info", info),
    ("GET", "/site", site),
    ("GET", "/end-users/{end_user_id}", end_user),
]
WEB: Final[Routes] = [("GET", "/site", own_site)]
SERVICE_OPEN: Final[Routes] = [("GET", "/", index)]
