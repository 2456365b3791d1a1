"""Forms that runs wait for."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from dify_async._core import operations, web_operations
from dify_async._core.core import Core
from dify_async._core.identity import Secret
from dify_async._core.passport import checked_token
from dify_async._core.request import Options
from dify_async._types import Json
from dify_async.files import FileSource, InputFile
from dify_async.models import HumanInputForm, UploadedFile, UploadToken
from dify_async.resources._asking import asked, given_file
from dify_async.settings import Timeouts


async def submitted(
    core: Core, form_token: str, inputs: Mapping[str, Json], action: str, options: Options
) -> None:
    """Submit a form."""
    body = asked(inputs, (), action=action)
    del body["files"]
    await core.call(
        operations.SUBMIT_FORM,
        ids={"form_token": form_token},
        body=body,
        secrets=(form_token,),
        options=options,
    )


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
        return await self._core.call(
            operations.GET_FORM,
            ids={"form_token": form_token},
            secrets=(form_token,),
            options=Options(timeout=timeout, extra_headers=extra_headers),
        )

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
        return await self._core.call(
            web_operations.CREATE_FORM_UPLOAD_TOKEN,
            ids={"form_token": form_token},
            secrets=(form_token,),
            options=Options(timeout=timeout, extra_headers=extra_headers),
        )

    async def upload(
        self,
        file: FileSource | InputFile,
        upload_token: str,
        *,
        name: str | None = None,
        mime_type: str | None = None,
        timeout: float | Timeouts | None = None,
        extra_headers: Mapping[str, str] | None = None,
    ) -> UploadedFile:
        """Upload a file for a form; what comes back stands in the form's inputs as it is.

        Args:
            file: A path, bytes, a file opened for bytes, an asynchronous iterable of bytes, or an
                `InputFile`; the server fetches an `InputFile.url` itself.
            upload_token: From `upload_token(form_token)`.
            name: The name to store. Default: the source's own; bytes and iterables need one.
            mime_type: What the file is declared as. Default: by its extension.
            timeout: Seconds for the whole call, or clocks of its own.
            extra_headers: Headers besides the client's.

        Raises:
            Forbidden: the token is unknown or stale: ask for another.
            FileTooLarge: over the limit of the server.
        """
        token = checked_token(upload_token, "upload_token")
        headers = {"Authorization": Secret(f"Bearer {token}"), **(extra_headers or {})}
        given = given_file(file, name, mime_type)
        return await self._core.call(
            web_operations.UPLOAD_FORM_FILE,
            file=given if given.address is None else None,
            form=None if given.address is None else {"url": given.address},
            secrets=(token,),
            options=Options(timeout=timeout, extra_headers=headers),
        )
