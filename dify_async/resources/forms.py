"""Forms that runs wait for."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from dify_async._core import operations, web_operations
from dify_async._core.core import Core, Options
from dify_async._types import Json
from dify_async.files import InputFile
from dify_async.models import HumanInputForm, UploadedFile, UploadToken
from dify_async.resources._asking import asked
from dify_async.settings import Timeouts


async def submitted(
    core: Core, form_token: str, inputs: Mapping[str, Json], action: str, options: Options
) -> None:
    """Submit a form."""
    body = asked(inputs, (), action=action)
    del body["files"]
    await core.call(operations.SUBMIT_FORM, ids={"form_token": form_token}, body=body, options=options)


@attrs.frozen
class Forms:
    """The forms of paused runs, by their tokens."""

    _core: Core

    async def get(
        self,
        form_token: str,
        *,
        timeout: float | Timeouts | None = None,
        extra_headers: Mapping[str, str] | None = None,
    ) -> HumanInputForm:
        """Get a form: its text, inputs and actions.

        Args:
            form_token: From `result.paused.forms[...].form_token` or a `HumanInputRequired` event.
            timeout: Seconds for the whole call, or clocks of its own.
            extra_headers: Headers besides the client's.

        Raises:
            NotFound: there is no such form.
            FormClosed: it was submitted already, or has expired (412).
        """
        options = Options(timeout=timeout, extra_headers=extra_headers)
        return await self._core.call(operations.GET_FORM, ids={"form_token": form_token}, options=options)

    async def submit(
        self,
        form_token: str,
        inputs: Mapping[str, Json],
        action: str,
        *,
        timeout: float | Timeouts | None = None,
        extra_headers: Mapping[str, str] | None = None,
    ) -> None:
        """Submit a form, and leave the run alone: `workflows.resume` also follows what comes then.

        Never sent a second time, unless the server certainly did not take it.

        Args:
            form_token: The form's token.
            inputs: A value for each input of the form, by `output_variable_name`.
            action: The `id` of one of the form's actions.
            timeout: Seconds for the whole call, or clocks of its own.
            extra_headers: Headers besides the client's.

        Raises:
            InvalidFormData: an input is missing, or there is no such action.
            FormClosed: it was submitted already, or has expired (412).
            NotFound: there is no such form.
            RateLimited: too many submits within a minute (Web API, by address).
        """
        options = Options(timeout=timeout, extra_headers=extra_headers)
        await submitted(self._core, form_token, inputs, action, options)


@attrs.frozen
class WebForms(Forms):
    """The forms of paused runs, by their tokens, with files for them."""

    async def upload_token(
        self,
        form_token: str,
        *,
        timeout: float | Timeouts | None = None,
        extra_headers: Mapping[str, str] | None = None,
    ) -> UploadToken:
        """Get what files for a form are uploaded with; good for many, until the form closes.

        Args:
            form_token: The form's token.
            timeout: Seconds for the whole call, or clocks of its own.
            extra_headers: Headers besides the client's.

        Raises:
            NotFound: there is no such form.
            FormClosed: it was submitted already, or has expired (412).
        """
        options = Options(timeout=timeout, extra_headers=extra_headers)
        return await self._core.call(
            web_operations.CREATE_FORM_UPLOAD_TOKEN, ids={"form_token": form_token}, options=options
        )

    async def upload(
        self,
        file: InputFile,
        upload_token: str,
        *,
        timeout: float | Timeouts | None = None,
        extra_headers: Mapping[str, str] | None = None,
    ) -> UploadedFile:
        """Upload a file for a form; what comes back stands in the form's inputs as it is.

        Args:
            file: What to upload; the server fetches an `InputFile.url` itself.
            upload_token: From `upload_token(form_token)`.
            timeout: Seconds for the whole call, or clocks of its own.
            extra_headers: Headers besides the client's.

        Raises:
            Forbidden: the token is unknown or stale: ask for another.
            FileTooLarge: over the limit of the server.
        """
        headers = {"Authorization": f"Bearer {upload_token}", **(extra_headers or {})}
        options = Options(timeout=timeout, extra_headers=headers)
        if file.address is not None:
            return await self._core.call(
                web_operations.UPLOAD_FORM_FILE, form={"url": file.address}, options=options
            )
        return await self._core.call(web_operations.UPLOAD_FORM_FILE, file=file, options=options)
