"""Return and submit the forms that runs wait for, and upload files for them."""

from __future__ import annotations

import json
from typing import Any, Final

from aiohttp import web

from dify_async._types import Json
from dify_async.models._base import as_list, as_object
from dify_async.testing.api_errors import ErrorResponse, invalid_param, missing, not_found
from dify_async.testing.engine.inputs import Inputs, InvalidInput
from dify_async.testing.routes.app import site_on_web
from dify_async.testing.routes.call import Call, Routes
from dify_async.testing.routes.files import keep, keep_remote, size_limit
from dify_async.testing.scenario import Field
from dify_async.testing.state.forms import FakeForm

_MODEL: Final = "HumanInputFormSubmitPayload"


def _checked(form: FakeForm | None, unknown: ErrorResponse) -> FakeForm:
    """Return an open form, or raise the server's error."""
    if form is None:
        raise unknown
    if form.status == "submitted":
        message = f"This form has already been submitted by another user, form_id={form.id}"
        raise ErrorResponse(412, "human_input_form_submitted", message)
    if form.status == "expired":
        raise ErrorResponse(412, "human_input_form_expired", f"This form has expired, form_id={form.id}")
    return form


def _open(call: Call) -> FakeForm:
    token = call.path["form_token"]
    form = next((form for form in call.state.forms if form.token == token), None)
    return _checked(form, not_found("Form not found"))


async def show(call: Call) -> web.Response:
    """Return a form to the person who fills it in."""
    definition = _open(call).definition()
    if call.on_web:
        definition["site"] = site_on_web(call, None)
    return web.Response(
        text=json.dumps(definition, ensure_ascii=False),
        content_type="application/json",
        headers=call.headers,
    )


async def submit(call: Call) -> web.Response:
    """Submit a form, and let the run continue."""
    body = await call.body()
    if not call.on_web:
        await call.user()
    if as_object(body.get("inputs")) is None:
        raise missing(_MODEL, "inputs")
    if not isinstance(body.get("action"), str):
        raise missing(_MODEL, "action")
    form = _open(call)
    if body["action"] not in form.node.form_actions:
        raise ErrorResponse(400, "invalid_form_data", f"Invalid action: {body['action']}")
    inputs: dict[str, Json] = body["inputs"]
    absent = [field.variable for field in form.node.form_fields if field.variable not in inputs]
    if absent:
        raise ErrorResponse(400, "invalid_form_data", f"Missing required inputs: {', '.join(absent)}")
    filled_in = {
        field.variable: _filled_in(call, form, field, inputs[field.variable])
        for field in form.node.form_fields
    }
    form.submit(filled_in, body["action"])
    return call.json({})


def _filled_in(call: Call, form: FakeForm, field: Field, value: Any) -> Json:
    """Return a value as the run stores it."""
    files = Inputs((), call.state.files, form.user, call.state.origin)
    fits = True
    try:
        match field.kind:
            case "select":
                fits = value in field.options
            case "file":
                return files.file(value)
            case "file-list":
                return [files.file(one) for one in as_list(value) or []]
            case _:
                fits = isinstance(value, str)
    except InvalidInput as error:
        raise ErrorResponse(400, "invalid_form_data", str(error)) from None
    if not fits:
        message = f"Invalid value for {field.kind} input '{field.variable}': {value}"
        raise ErrorResponse(400, "invalid_form_data", message)
    return value


# Files for forms


async def upload_token(call: Call) -> web.Response:
    """Return the token for uploads to a form."""
    form = _open(call)
    return call.json({"upload_token": form.upload_token, "expires_at": form.expiration_time})


async def upload(call: Call) -> web.Response:
    """Store a file for a form: uploaded, or fetched from a URL."""
    form = _form_of_upload(call)
    fields, files = await call.form(size_limit)
    url = fields.get("url")
    if url is None:
        return keep(call, files, form.user)
    if not url.startswith(("http://", "https://")):
        raise invalid_param("Invalid url")
    return keep_remote(call, url, form.user)


def _form_of_upload(call: Call) -> FakeForm:
    code, words = "invalid_upload_token", call.request.headers.get("Authorization", "").split()
    if len(words) != 2:
        raise ErrorResponse(401, code, "Upload token is missing")
    scheme, token = words
    if scheme.lower() != "bearer" or not token.startswith("hitl_upload_"):
        raise ErrorResponse(400, code, "Upload token is malformed")
    form = next((form for form in call.state.forms if form.upload_token == token), None)
    return _checked(form, ErrorResponse(403, code, "Upload token is invalid"))


_ONE: Final = "/form/human_input/{form_token}"

SERVICE: Final[Routes] = [("GET", _ONE, show), ("POST", _ONE, submit)]
WEB_OPEN: Final[Routes] = [
    *SERVICE,
    ("POST", f"{_ONE}/upload-token", upload_token),
    ("POST", "/human-input-forms/files", upload),
]
