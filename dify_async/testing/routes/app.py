"""Information about the app: description, input form, web page and end users."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from dify_async._types import Json
from dify_async.testing.api_errors import ErrorResponse, unavailable
from dify_async.testing.ids import id_of, iso
from dify_async.testing.routes.call import Call, Routes
from dify_async.testing.scenario import Completion, Field, Workflow
from dify_async.testing.state.state import TENANT_ID


async def index(call: Call) -> web.Response:
    """Describe the server."""
    if not call.state.version.has_index:
        raise web.HTTPNotFound  # Recording: `116_root_404`.
    return call.json(
        {"welcome": "Dify OpenAPI", "api_version": "v1", "server_version": str(call.state.version)}
    )


async def info(call: Call) -> web.Response:
    """Describe the app."""
    state = call.state
    return call.json(
        {"name": state.name, "description": "", "tags": [], "mode": state.mode, "author_name": "dify_async"}
    )


async def meta(call: Call) -> web.Response:
    """Return the icons of the app's tools."""
    return call.json({"tool_icons": {}})


async def parameters(call: Call) -> web.Response:
    """Describe the app's input form and features."""
    state = call.state
    if not state.published:
        raise unavailable()
    app, off = state.app, {"enabled": False}
    of_nodes = isinstance(app, Workflow)
    suggested = None if isinstance(app, Completion) else app.suggested
    return call.json(
        {
            "opening_statement": None,
            "suggested_questions": [],
            "suggested_questions_after_answer": {"enabled": suggested is not None},
            "speech_to_text": {"enabled": state.audio_enabled},
            "text_to_speech": {"enabled": state.audio_enabled, "voice": "", "language": ""},
            "retriever_resource": off,
            "annotation_reply": off,
            "more_like_this": {"enabled": isinstance(app, Completion) and app.more is not None},
            "user_input_form": [{field.kind: _described(field, of_nodes=of_nodes)} for field in app.form],
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


def _described(field: Field, *, of_nodes: bool) -> dict[str, Json]:
    """Return a field of the form; workflows and chatflows have more keys than other apps."""
    described: dict[str, Json] = {
        "variable": field.variable,
        "label": field.label or field.variable,
        "required": field.required,
    }
    if of_nodes or field.max_length is not None:
        described["max_length"] = field.max_length
    if of_nodes or field.options:
        described["options"] = list(field.options)
    described |= {"type": field.kind} if of_nodes else {"default": ""}
    if field.kind in {"file", "file-list"}:
        described |= {
            "allowed_file_types": list(field.allowed_file_types),
            "allowed_file_extensions": list(field.allowed_file_extensions),
            "allowed_file_upload_methods": ["local_file", "remote_url"],
        }
    return described


def _page(call: Call) -> dict[str, Json]:
    page: dict[str, Json] = {
        "title": call.state.name,
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
    return {**page, "input_placeholder": None} if call.state.version.has_input_placeholder else page


async def site(call: Call) -> web.Response:
    """Describe the app's web page."""
    return call.json(_page(call))


def site_on_web(call: Call, end_user_id: str | None) -> Json:
    """Describe the app's web page as the Web API does."""
    state = call.state
    mode = {"mode": state.mode} if state.version.has_input_placeholder else {}
    return {
        **mode,
        "app_id": state.app_id,
        "end_user_id": end_user_id,
        "enable_site": state.site_enabled,
        "site": {**_page(call), "prompt_public": False},
        "model_config": None,
        "plan": "basic",
        "can_replace_logo": False,
        "custom_config": None,
    }


async def own_site(call: Call) -> web.Response:
    """Describe the app's web page for an end user."""
    return call.json(site_on_web(call, id_of(await call.user())))


async def end_user(call: Call) -> web.Response:
    """Describe an end user."""
    end_user_id = call.path["end_user_id"]
    user = call.state.end_users.get(end_user_id)
    if user is None:
        raise ErrorResponse(404, "end_user_not_found", "End user not found.")
    began = iso(call.state.created_at)
    return call.json(
        {
            "id": end_user_id,
            "tenant_id": TENANT_ID,
            "app_id": call.state.app_id,
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
