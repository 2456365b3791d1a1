"""Events of nodes that wait for a person."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

import attrs

from dify_async._types import Json
from dify_async.events._base import RunEvent
from dify_async.models._base import Model
from dify_async.models.forms import FormAction, FormInput, FormSubmission

__all__ = [
    "FormFilledData",
    "FormTimeoutData",
    "HumanInputFormFilled",
    "HumanInputFormTimeout",
    "HumanInputRequired",
    "HumanInputRequiredData",
]


@attrs.define(kw_only=True, eq=False, repr=False)
class HumanInputRequiredData(Model):
    """The form that a person must fill in."""

    form_id: str = ""
    """The form's id."""
    form_token: str | None = attrs.field(default=None, repr=False)
    """Token to fetch and submit the form. None if the form is only sent by e-mail."""
    node_id: str = ""
    """Id of the node that waits."""
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
    resolved_default_values: dict[str, Json] = attrs.Factory(dict[str, Json])
    """Initial values of the fields."""
    expiration_time: datetime | None = None
    """When the form expires."""
    approval_channels: list[str] = attrs.Factory(list[str])
    """Where the form is offered: `console`, ... (Dify 1.16)."""


@attrs.define(kw_only=True, eq=False, repr=False)
class HumanInputRequired(RunEvent):
    """A node waits for a person; `WorkflowPaused` follows."""

    event: ClassVar[str] = "human_input_required"
    data: HumanInputRequiredData
    """The form."""


@attrs.define(kw_only=True, eq=False, repr=False)
class FormFilledData(FormSubmission):
    """The values and the action that the person submitted."""


@attrs.define(kw_only=True, eq=False, repr=False)
class HumanInputFormFilled(RunEvent):
    """A person has submitted the form. The event has no form id: match it by `node_id`."""

    event: ClassVar[str] = "human_input_form_filled"
    data: FormFilledData
    """The submission."""


@attrs.define(kw_only=True, eq=False, repr=False)
class FormTimeoutData(Model):
    """The form that nobody submitted in time."""

    node_id: str = ""
    """Id of the node that waited."""
    node_title: str = ""
    """Title of the node."""
    expiration_time: datetime | None = None
    """When the form expired."""


@attrs.define(kw_only=True, eq=False, repr=False)
class HumanInputFormTimeout(RunEvent):
    """Nobody submitted the form in time; the run continues with its timeout branch."""

    event: ClassVar[str] = "human_input_form_timeout"
    data: FormTimeoutData
    """The form."""
