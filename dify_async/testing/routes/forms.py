"""The forms that a run waits for: read, given files, and submitted."""

from __future__ import annotations

import json
from typing import Any, Final

from aiohttp import web

from dify_async._types import Json
from dify_async.models._base import as_list, as_object
from dify_async.testing.calls import Call, Refused, Routes, invalid
from dify_async.testing.inputs import InputRefused, Inputs
from dify_async.testing.records import FakeForm
from dify_async.testing.routes.app import site_on_web
from dify_async.testing.routes.files import keep, keep_remote, size_limit
from dify_async.testing.script import Field

_MODEL: Final = "HumanInputFormSubmitPayload"


def _checked(form: FakeForm | None, unknown: Refused) -> FakeForm:
    """Give a form that may be filled in."""
    if form is None:
        raise unknown
    if form.status == "submitted":
        message = f"This form has already been submitted by another user, form_id={form.id}"
        raise Refused(412, "human_input_form_submitted", message)
    if form.status == "expired":
        raise Refused(412, "human_input_form_expired", f"This form has expired, form_id={form.id}")
    return form


def _open(call: Call) -> FakeForm:
    unknown = Refused(404, "not_found", "Form not found")
    return _checked(call.fake.form(call.path["form_token"]), unknown)


async def show(call: Call) -> web.Response:
    """Give a form to whoever is to fill it in."""
    definition = _open(call).definition()
    if call.on_web:
        definition["site"] = site_on_web(call.fake, None)
    return web.Response(
        text=json.dumps(definition, ensure_ascii=False),
        content_type="application/json",
        headers=call.headers,
    )


async def submit(call: Call) -> web.Response:
    """Take what was filled in, and have the run go on."""
    body = await call.body()
    if not call.on_web:
        await call.user()
    if as_object(body.get("inputs")) is None:
        raise invalid(_MODEL, "inputs", "Field required [type=missing]")
    if not isinstance(body.get("action"), str):
        raise invalid(_MODEL, "action", "Field required [type=missing]")
    form = _open(call)
    if body["action"] not in form.node.form_actions:
        raise Refused(400, "invalid_form_data", f"Invalid action: {body['action']}")
    inputs: dict[str, Json] = body["inputs"]
    missing = [field.variable for field in form.node.form_fields if field.variable not in inputs]
    if missing:
        raise Refused(400, "invalid_form_data", f"Missing required inputs: {', '.join(missing)}")
    filled_in = {
        field.variable: _filled_in(call, form, field, inputs[field.variable])
        for field in form.node.form_fields
    }
    form.inputs, form.action, form.status = filled_in, body["action"], "submitted"
    run = call.fake.runs[form.run_id]
    call.fake.work(run.resume(form, call.fake.resume_delay))
    return call.json({})


def _filled_in(call: Call, form: FakeForm, field: Field, value: Any) -> Json:
    """Give a value as the run has it."""
    files = Inputs((), call.fake.files, form.user, call.fake.base_url)
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
    except InputRefused as refused:
        raise Refused(400, "invalid_form_data", str(refused)) from None
    if not fits:
        message = f"Invalid value for {field.kind} input '{field.variable}': {value}"
        raise Refused(400, "invalid_form_data", message)
    return value


# Their files


async def upload_token(call: Call) -> web.Response:
    """Give the token by which a form is given files."""
    form = _open(call)
    return call.json({"upload_token": form.upload_token, "expires_at": form.expiration_time})


async def upload(call: Call) -> web.Response:
    """Keep a file for a form: sent, or to be fetched."""
    form = _form_of_upload(call)
    fields, files = await call.form(size_limit)
    url = fields.get("url")
    if url is None:
        return keep(call, files, form.user)
    if not url.startswith(("http://", "https://")):
        raise Refused(400, "invalid_param", "Invalid url")
    return keep_remote(call, url, form.user)


def _form_of_upload(call: Call) -> FakeForm:
    code, words = "invalid_upload_token", call.request.headers.get("Authorization", "").split()
    if len(words) != 2:
        raise Refused(401, code, "Upload token is missing")
    scheme, token = words
    if scheme.lower() != "bearer" or not token.startswith("hitl_upload_"):
        raise Refused(400, code, "Upload token is malformed")
    form = next((form for form in call.fake.all_forms if form.upload_token == token), None)
    return _checked(form, Refused(403, code, "Upload token is invalid"))


_ONE: Final = "/form/human_input/{form_token}"

SERVICE: Final[Routes] = [("GET", _ONE, show), ("POST", _ONE, submit)]
WEB_OPEN: Final[Routes] = [
    *SERVICE,
    ("POST", f"{_ONE}/upload-token", upload_token),
    ("POST", "/human-input-forms/files", upload),
]
