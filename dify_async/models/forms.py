"""Why a run waits, and the forms it waits for."""

from __future__ import annotations

from datetime import datetime

import attrs

from dify_async._types import Json
from dify_async.models._base import OpenEnum, Received, wire
from dify_async.models.web import WebSite


class PauseType(OpenEnum):
    """Why a run is paused."""

    HUMAN_INPUT_REQUIRED = "human_input_required"
    SCHEDULED_PAUSE = "scheduled_pause"


@attrs.define(kw_only=True)
class FormInput:
    """One field of a form that a person fills in."""

    output_variable_name: str = ""
    """The key to send the value under."""
    type: str = ""
    """`paragraph`, `select`, `file`, `file-list`, or what a newer server has."""
    default: dict[str, Json] | None = None
    """`paragraph`: where its first text comes from, as `{type, selector, value}`."""
    option_source: dict[str, Json] | None = None
    """`select`: where its options come from, as `{type, selector, value}`."""
    allowed_file_types: list[str] = attrs.Factory(list[str])
    allowed_file_extensions: list[str] = attrs.Factory(list[str])
    allowed_file_upload_methods: list[str] = attrs.Factory(list[str])
    number_limits: int | None = None


@attrs.define(kw_only=True)
class FormAction:
    """One button of a form: the `action` to submit it with is its `id`."""

    id: str = ""
    title: str = ""
    button_style: str = ""


@attrs.define(kw_only=True)
class PauseReason:
    """Why a run waits; for a form, the form itself."""

    type: PauseType = attrs.field(default=PauseType.HUMAN_INPUT_REQUIRED, metadata=wire("TYPE", "type"))
    """The server's key is `TYPE`, the published examples say `type` (recording: `human_start_blocking`)."""
    form_id: str | None = None
    form_token: str | None = attrs.field(default=None, repr=False)
    """What the form is fetched and submitted with; None where it is only delivered by e-mail."""
    form_content: str = ""
    """Markdown, with `{{#$output.NAME#}}` where the inputs belong."""
    inputs: list[FormInput] = attrs.Factory(list[FormInput])
    actions: list[FormAction] = attrs.Factory(list[FormAction])
    node_id: str | None = None
    node_title: str | None = None
    resolved_default_values: dict[str, Json] = attrs.Factory(dict[str, Json])
    expiration_time: datetime | None = None
    display_in_ui: bool | None = None
    approval_channels: list[str] = attrs.Factory(list[str])
    message: str | None = None
    """Text of a scheduled pause."""


@attrs.define(kw_only=True)
class Pause:
    """What a paused run waits for."""

    nodes: list[str] = attrs.Factory(list[str])
    """The ids of the nodes that wait."""
    reasons: list[PauseReason] = attrs.Factory(list[PauseReason])

    @property
    def forms(self) -> list[PauseReason]:
        """The reasons that are forms for a person to fill in."""
        return [reason for reason in self.reasons if reason.form_id is not None]


@attrs.define(kw_only=True)
class HumanInputForm(Received):
    """A form that a run waits for, as the person sees it who fills it in."""

    form_content: str = ""
    """Markdown, with `{{#$output.NAME#}}` where the inputs belong."""
    inputs: list[FormInput] = attrs.Factory(list[FormInput])
    resolved_default_values: dict[str, Json] = attrs.Factory(dict[str, Json])
    """Texts; objects and arrays as JSON text."""
    user_actions: list[FormAction] = attrs.Factory(list[FormAction])
    expiration_time: datetime | None = None
    site: WebSite | None = None
    """Web API only: the app's page."""
