"""Forms that paused runs wait for."""

from __future__ import annotations

import asyncio
import time
import uuid
from typing import Final

import attrs

from dify_async._types import Json
from dify_async.testing.ids import new_id
from dify_async.testing.scenario import Field, Node

_SECONDS: Final = 36 * 3600


@attrs.define(kw_only=True)
class FakeForm:
    """A form that a run waits for."""

    run_id: str
    """Id of the run that waits."""
    node: Node
    """Node that shows the form."""
    user: str
    """End user who started the run."""
    approval_channels: list[str] | None = None
    """Where the form is offered; None before Dify 1.16."""
    status: str = "open"
    """Status of the form: `open`, `submitted` or `expired`."""
    inputs: dict[str, Json] = attrs.field(factory=dict[str, Json])
    """Submitted values."""
    action: str = ""
    """Id of the button that was pressed; empty before the submission."""
    id: str = attrs.field(factory=new_id)
    """Id of the form."""
    token: str = attrs.field(factory=lambda: uuid.uuid4().hex[:22])
    """Token to read and submit the form."""
    upload_token: str = attrs.field(factory=lambda: f"hitl_upload_{uuid.uuid4().hex}")
    """Token to upload files for the form."""
    expiration_time: int = attrs.field(factory=lambda: int(time.time()) + _SECONDS)
    """When the form expires, as Unix time."""
    submitted: asyncio.Event = attrs.field(factory=asyncio.Event, init=False, repr=False, eq=False)
    """Set when the form is submitted; the run waits for it."""

    @property
    def rendered(self) -> str:
        """Text of the form with the submitted values."""
        text = self.node.form or ""
        for name, value in self.inputs.items():
            text = text.replace(f"{{{{#$output.{name}#}}}}", str(value))
        return text

    def submit(self, inputs: dict[str, Json], action: str) -> None:
        """Store the submitted values, and let the run continue."""
        self.inputs, self.action, self.status = inputs, action, "submitted"
        self.submitted.set()

    def _contents(self, actions: str) -> dict[str, Json]:
        styles = ["primary", *["default"] * len(self.node.form_actions)]
        return {
            "form_content": self.node.form,
            "inputs": [_form_input(field) for field in self.node.form_fields],
            actions: [
                {"id": key, "title": title, "button_style": style}
                for (key, title), style in zip(self.node.form_actions.items(), styles, strict=False)
            ],
            "resolved_default_values": {},
            "expiration_time": self.expiration_time,
        }

    def definition(self) -> dict[str, Json]:
        """Return the JSON of the form, as shown to the person who fills it in."""
        return self._contents("user_actions")

    def reason(self) -> dict[str, Json]:
        """Return the JSON of the form as the reason of a pause."""
        channels = {} if self.approval_channels is None else {"approval_channels": self.approval_channels}
        return {
            "form_id": self.id,
            **self._contents("actions"),
            "node_id": self.node.id,
            "node_title": self.node.title,
            "form_token": self.token,
            **channels,
        }

    def filled(self) -> dict[str, Json]:
        """Return the JSON of the submission."""
        return {
            "node_id": self.node.id,
            "node_title": self.node.title,
            "rendered_content": self.rendered,
            "action_id": self.action,
            "action_text": self.node.form_actions[self.action],
            "submitted_data": self.inputs,
        }

    def outputs(self) -> dict[str, Json]:
        """Return the outputs of the form's node."""
        return {
            **self.inputs,
            "__action_id": self.action,
            "__rendered_content": self.rendered,
            "__action_value": self.node.form_actions[self.action],
        }

    def in_message(self) -> dict[str, Json]:
        """Return the JSON of the form in a message of a chatflow."""
        submitted = self.status == "submitted"
        return {
            "workflow_run_id": self.run_id,
            "submitted": submitted,
            "form_definition": {**self.reason(), "display_in_ui": True},
            "form_submission_data": self.filled() if submitted else None,
            "type": "human_input",
        }


def _form_input(field: Field) -> dict[str, Json]:
    described: dict[str, Json] = {"output_variable_name": field.variable, "type": field.kind}
    if field.kind == "paragraph":
        return {**described, "default": None}
    if field.kind == "select":
        source = {"type": "constant", "selector": [], "value": list(field.options)}
        return {**described, "option_source": source}
    described |= {
        "allowed_file_types": list(field.allowed_file_types),
        "allowed_file_extensions": list(field.allowed_file_extensions),
        "allowed_file_upload_methods": ["local_file", "remote_url"],
    }
    return described if field.kind == "file" else {**described, "number_limits": field.max_length or 5}
