"""Pauses of a run, and the forms that it waits for."""

from __future__ import annotations

from datetime import datetime

import attrs

from dify_async._types import Json
from dify_async.models._base import Model, OpenEnum, Received, wire
from dify_async.models.site import WebSite

__all__ = [
    "FormAction",
    "FormContent",
    "FormInput",
    "FormSubmission",
    "HumanInputForm",
    "Pause",
    "PauseReason",
    "PauseType",
]


class PauseType(OpenEnum):
    """Why a run is paused."""

    HUMAN_INPUT_REQUIRED = "human_input_required"
    """Waits for a form to be submitted."""
    SCHEDULED_PAUSE = "scheduled_pause"
    """Paused by the workflow itself."""


@attrs.define(kw_only=True, eq=False, repr=False)
class FormInput(Model):
    """One field of a form."""

    output_variable_name: str = ""
    """The key of its value in a submission."""
    type: str = ""
    """The field's type: `paragraph`, `select`, `file`, `file-list`; newer servers may send others."""
    default: dict[str, Json] | None = None
    """Source of the initial text of a `paragraph`, as `{type, selector, value}`."""
    option_source: dict[str, Json] | None = None
    """Source of the options of a `select`, as `{type, selector, value}`."""
    allowed_file_types: list[str] = attrs.Factory(list[str])
    """Accepted kinds of files: `image`, `document`, `audio`, `video`, `custom`."""
    allowed_file_extensions: list[str] = attrs.Factory(list[str])
    """Accepted extensions, if `custom` is among the kinds."""
    allowed_file_upload_methods: list[str] = attrs.Factory(list[str])
    """Accepted transfer methods: `local_file`, `remote_url`."""
    number_limits: int | None = None
    """Maximum number of files. None if not sent."""


@attrs.define(kw_only=True, eq=False, repr=False)
class FormAction(Model):
    """One button of a form."""

    id: str = ""
    """The button's id: the `action` of a submission."""
    title: str = ""
    """The button's text."""
    button_style: str = ""
    """The button's style: `primary`, `default`, ..."""


@attrs.define(kw_only=True, eq=False, repr=False)
class PauseReason(Model):
    """Why a run is paused, and the form if it waits for one."""

    # Servers send `TYPE`; the published examples have `type` (recording: `human_start_blocking`).
    type: PauseType = attrs.field(default=PauseType.HUMAN_INPUT_REQUIRED, metadata=wire("TYPE", "type"))
    """The reason."""
    form_id: str | None = None
    """The form's id. None if the run does not wait for a form."""
    form_token: str | None = attrs.field(default=None, repr=False)
    """Token to fetch and submit the form. None if the form is only sent by e-mail."""
    form_content: str = ""
    """Markdown, with `{{#$output.NAME#}}` in the place of the fields."""
    inputs: list[FormInput] = attrs.Factory(list[FormInput])
    """The form's fields."""
    actions: list[FormAction] = attrs.Factory(list[FormAction])
    """The form's buttons."""
    node_id: str | None = None
    """Id of the node that waits."""
    node_title: str | None = None
    """Title of the node."""
    resolved_default_values: dict[str, Json] = attrs.Factory(dict[str, Json])
    """Initial values of the fields."""
    expiration_time: datetime | None = None
    """When the form expires."""
    display_in_ui: bool | None = None
    """True if the web app shows the form."""
    approval_channels: list[str] = attrs.Factory(list[str])
    """Where the form is offered: `console`, ... (Dify 1.16)."""
    message: str | None = None
    """Message of a scheduled pause. None for other reasons."""


@attrs.define(kw_only=True, eq=False, repr=False)
class Pause(Model):
    """The nodes and forms that a paused run waits for."""

    nodes: list[str] = attrs.Factory(list[str])
    """Ids of the nodes that wait."""
    reasons: list[PauseReason] = attrs.Factory(list[PauseReason])
    """Why the nodes wait."""

    @property
    def forms(self) -> list[PauseReason]:
        """The forms that a person must fill in."""
        return [reason for reason in self.reasons if reason.form_id is not None]


@attrs.define(kw_only=True, eq=False, repr=False)
class HumanInputForm(Received):
    """A form that a run waits for, as it is shown to the person who fills it in."""

    form_content: str = ""
    """Markdown, with `{{#$output.NAME#}}` in the place of the fields."""
    inputs: list[FormInput] = attrs.Factory(list[FormInput])
    """The form's fields."""
    resolved_default_values: dict[str, Json] = attrs.Factory(dict[str, Json])
    """Initial values of the fields: strings; objects and arrays as JSON text."""
    user_actions: list[FormAction] = attrs.Factory(list[FormAction])
    """The form's buttons."""
    expiration_time: datetime | None = None
    """When the form expires."""
    site: WebSite | None = None
    """The app's page. None except on the Web API."""


@attrs.define(kw_only=True, eq=False, repr=False)
class FormContent(Model):
    """A form that a chatflow showed, as it is stored with its message."""

    form_id: str = ""
    """The form's id."""
    node_id: str = ""
    """Id of the node that showed the form."""
    node_title: str = ""
    """Title of the node."""
    form_content: str = ""
    """Markdown, with `{{#$output.NAME#}}` in the place of the fields."""
    inputs: list[FormInput] = attrs.Factory(list[FormInput])
    """The form's fields."""
    actions: list[FormAction] = attrs.Factory(list[FormAction])
    """The form's buttons."""
    display_in_ui: bool = False
    """True if the web app shows the form."""
    form_token: str | None = attrs.field(default=None, repr=False)
    """Token to fetch and submit the form. None once it was submitted."""
    resolved_default_values: dict[str, Json] = attrs.Factory(dict[str, Json])
    """Initial values of the fields."""
    expiration_time: datetime | None = None
    """When the form expires."""


@attrs.define(kw_only=True, eq=False, repr=False)
class FormSubmission(Model):
    """The values and the action that a person submitted in a form."""

    node_id: str = ""
    """Id of the node that showed the form."""
    node_title: str = ""
    """Title of the node."""
    rendered_content: str = ""
    """The form's content with the submitted values."""
    action_id: str = ""
    """Id of the chosen button."""
    action_text: str = ""
    """Text of the chosen button."""
    submitted_data: dict[str, Json] | None = None
    """The submitted values."""
