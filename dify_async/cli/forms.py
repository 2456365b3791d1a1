"""Show the form that a run waits for, and fill it in from options or from answers on a terminal."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import attrs

from dify_async._text import printable_lines
from dify_async._types import Json
from dify_async.cli.inputs import FILE_FIELDS, fit_to_form, read_inputs
from dify_async.cli.output import shown
from dify_async.cli.prompt import ask, can_ask
from dify_async.cli.values import file_at
from dify_async.errors import ConfigurationError
from dify_async.models._base import as_list
from dify_async.models.forms import FormAction, FormInput, HumanInputForm, PauseReason
from dify_async.models.inputs import InputField

_PLACE: Final = re.compile(r"\{\{#\$output\.([^#]+)#\}\}")


@attrs.frozen(kw_only=True)
class Form:
    """A form that a run waits for."""

    content: str
    """The text, with the names of fields in brackets."""
    fields: dict[str, InputField]
    """The fields, by name."""
    actions: Sequence[FormAction]
    """The actions: one per button."""
    expires: object
    """When the form expires. None if it does not."""
    token: str | None = attrs.field(default=None, repr=False)
    """The form's token. None if the caller already knows it."""

    @classmethod
    def of(cls, form: HumanInputForm | PauseReason) -> Form:
        """Return the form of a pause, or of the server's response."""
        actions = form.user_actions if isinstance(form, HumanInputForm) else form.actions
        defaults = form.resolved_default_values
        return cls(
            content=_PLACE.sub(lambda found: f"[{found[1]}]", form.form_content),
            fields={
                field.output_variable_name: _field(field, defaults.get(field.output_variable_name))
                for field in form.inputs
            },
            actions=actions,
            expires=form.expiration_time,
            token=form.form_token if isinstance(form, PauseReason) else None,
        )

    def lines(self) -> list[str]:
        """Return the form as lines of text: its content, its fields, its actions."""
        facts = [f"field {name}: {_description(field)}" for name, field in self.fields.items()]
        facts += [f"action {action.id}: {action.title}" for action in self.actions]
        facts += [f"expires: {shown(self.expires)}"] if self.expires is not None else []
        facts += [f"token: {self.token}"] if self.token is not None else []
        return [printable_lines(line) for line in (*self.content.strip().splitlines(), *facts)]

    def filled(self, given: Sequence[str], action: str | None) -> tuple[dict[str, Json], str]:
        """Return the values and the action to submit, from options, otherwise from answers on the terminal.

        Raises:
            ConfigurationError: A value or the action is missing or invalid, and there is no terminal.
        """
        values = fit_to_form(read_inputs(given), self.fields, owner="the form")
        missing = [name for name in self.fields if name not in values]
        for name in missing if can_ask() else []:
            values[name] = _answered(name, self.fields[name])
        values |= {
            name: field.default
            for name, field in self.fields.items()
            if name not in values and field.default is not None
        }
        missing = [name for name in self.fields if name not in values]
        if missing:
            raise ConfigurationError(f"the form needs {', '.join(missing)}: pass -i {missing[0]}=VALUE")
        return values, self._checked_action(action)

    def _checked_action(self, action: str | None) -> str:
        ids = [one.id for one in self.actions]
        listed = ", ".join(f"{one.id} ({one.title})" for one in self.actions)
        if action is None and len(ids) == 1:
            return ids[0]
        while action is None and can_ask():
            answer = ask(f"action, one of {listed}: ")
            if answer is None:
                break
            action = answer.strip() if answer.strip() in ids else None
        if action not in ids:
            problem = (
                f"the form has no action {action!r}" if action is not None else "the form needs an action"
            )
            raise ConfigurationError(f"{problem}: pass --action ID; actions: {listed}")
        return action


def _field(field: FormInput, default: Json) -> InputField:
    options = as_list((field.option_source or {}).get("value")) or []
    return InputField(
        kind=field.type,
        variable=field.output_variable_name,
        label=field.output_variable_name,
        default=default,
        options=options,
        allowed_file_types=field.allowed_file_types,
        allowed_file_extensions=field.allowed_file_extensions,
        max_length=field.number_limits,
    )


def _description(field: InputField) -> str:
    parts = [field.kind]
    if field.options:
        parts.append(f"one of {', '.join(map(str, field.options))}")
    if field.allowed_file_types:
        parts.append(f"of kind {' or '.join(field.allowed_file_types)}")
    if field.default not in (None, ""):
        parts.append(f"default {shown(field.default)}")
    return ", ".join(parts)


def _answered(name: str, field: InputField) -> Any:
    while True:
        answer = ask(f"{name} ({_description(field)}): ")
        if answer is None:
            raise ConfigurationError("the form was not submitted: the input ended")
        text = answer.strip()
        if not text and field.default is not None:
            return field.default
        if field.kind in FILE_FIELDS:
            missing = [place for place in text.split(";") if not Path(place.strip()).is_file()]
            if text and not missing:
                files = [file_at(place.strip(), field, Path()) for place in text.split(";")]
                return files if field.kind == "file-list" else files[0]
        elif not field.options or text in map(str, field.options):
            return answer
