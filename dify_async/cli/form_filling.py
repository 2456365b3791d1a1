"""Submit the form of a paused run, and follow the run."""

from __future__ import annotations

from collections.abc import Sequence

from dify_async import EventStream
from dify_async.cli.forms import Form
from dify_async.clients.app import AppClient
from dify_async.errors import ConfigurationError, RunPaused
from dify_async.events import WorkflowEvent
from dify_async.models.forms import PauseReason
from dify_async.models.results import WorkflowResult


async def resumed(
    client: AppClient,
    paused: RunPaused,
    *,
    inputs: Sequence[str] = (),
    action: str | None = None,
    form_token: str | None = None,
) -> EventStream[WorkflowEvent, WorkflowResult]:
    """Return a stream that submits the form of a paused run and follows the run.

    Args:
        client: The client of the run's end user.
        paused: The pause.
        inputs: Values of fields as options, such as `comment=fine`. The command asks for the others.
        action: The action. If None, the command asks for it.
        form_token: The token of one form, if the run waits for several.

    Raises:
        ConfigurationError: There is no such form, or a value is missing.
    """
    reason = _form_of(paused, form_token)
    values, chosen = Form.of(reason).filled(inputs, action)
    return client.workflows.resume(paused.handle, str(reason.form_token), values, chosen)


def _form_of(paused: RunPaused, form_token: str | None) -> PauseReason:
    forms = [form for form in paused.paused.forms if form.form_token is not None]
    if not forms:
        raise ConfigurationError(
            f"the run {paused.handle.run_id} waits for a person, and its form is not open to this API: "
            "it is filled in where the app sends it, for example by e-mail"
        )
    if form_token is None:
        return forms[0]
    for form in forms:
        if form.form_token == form_token:
            return form
    raise ConfigurationError("--form: the run waits for other forms; leave it out to fill in the first one")
