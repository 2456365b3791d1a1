"""The forms that paused runs wait for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Unpack

from dify_async._http.api import Api
from dify_async._http.redaction import hidden
from dify_async._types import Json
from dify_async.models.forms import HumanInputForm
from dify_async.operations import app as operations
from dify_async.options import AppCallOptions
from dify_async.resources._base import Resource
from dify_async.resources.run_bodies import run_body


async def submit_form(
    api: Api, form_token: str, inputs: Mapping[str, Json], action: str, options: AppCallOptions
) -> None:
    """Submit a form."""
    form_token = hidden(form_token)
    await api.call(
        operations.SUBMIT_FORM,
        options,
        ids={"form_token": form_token},
        json=run_body(inputs, None, action=action),
        secrets=(form_token,),
    )


class Forms(Resource):
    """Forms that paused runs wait for."""

    async def get(self, form_token: str, **options: Unpack[AppCallOptions]) -> HumanInputForm:
        """Return a form: its text, inputs and actions.

        Args:
            form_token: The form's token: `result.paused.forms[...].form_token`, or from a
                `HumanInputRequired` event.
            **options: See `AppCallOptions`.

        Raises:
            NotFound: there is no such form.
            FormClosed: the form was submitted already, or has expired (412).
        """
        form_token = hidden(form_token)
        return await self._api.call(
            operations.GET_FORM, options, ids={"form_token": form_token}, secrets=(form_token,)
        )

    async def submit(
        self, form_token: str, inputs: Mapping[str, Json], action: str, **options: Unpack[AppCallOptions]
    ) -> None:
        """Submit a form without following its run. `workflows.resume` does both.

        The request is retried only if the server certainly did not receive it.

        Args:
            form_token: The form's token.
            inputs: A value for each input of the form, by `output_variable_name`.
            action: The `id` of one of the form's actions.
            **options: See `AppCallOptions`.

        Raises:
            InvalidFormData: an input is missing, or there is no such action.
            FormClosed: the form was submitted already, or has expired (412).
            NotFound: there is no such form.
            RateLimited: too many submissions within a minute (Web API, per IP address).
        """
        form_token = hidden(form_token)
        await submit_form(self._api, form_token, inputs, action, options)
