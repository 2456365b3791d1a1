"""Forms that paused runs wait for, and files for their inputs."""

from __future__ import annotations

from typing import Unpack

from dify_async._http.headers import checked_headers
from dify_async._http.passport import checked_token
from dify_async._http.redaction import Secret, hidden
from dify_async.files import FileSource, InputFile
from dify_async.models.auth import UploadToken
from dify_async.models.files import UploadedFile
from dify_async.operations import web as operations
from dify_async.options import CallOptions
from dify_async.resources.app.forms import Forms
from dify_async.resources.uploads import input_file


class WebForms(Forms):
    """Forms that paused runs wait for, and files for their inputs."""

    async def upload_token(self, form_token: str, **options: Unpack[CallOptions]) -> UploadToken:
        """Return a token for uploading any number of files for a form. Valid until the form is closed.

        Args:
            form_token: The form's token.
            **options: See `CallOptions`.

        Raises:
            NotFound: there is no such form.
            FormClosed: the form was submitted already, or has expired (412).
        """
        form_token = hidden(form_token)
        return await self._api.call(
            operations.CREATE_FORM_UPLOAD_TOKEN,
            options,
            ids={"form_token": form_token},
            secrets=(form_token,),
        )

    async def upload(
        self,
        file: FileSource | InputFile,
        upload_token: str,
        *,
        name: str | None = None,
        mime_type: str | None = None,
        **options: Unpack[CallOptions],
    ) -> UploadedFile:
        """Upload a file for a form; the returned object can be used in the form's inputs.

        Args:
            file: A path, bytes, a file opened in binary mode, an async iterable of bytes, or an `InputFile`;
                the server fetches an `InputFile.url` itself.
            upload_token: From `upload_token(form_token)`.
            name: The name to store. Default: the name of the source; required for bytes and iterables.
            mime_type: The declared MIME type. Default: by the extension.
            **options: See `CallOptions`.

        Raises:
            Forbidden: the token is unknown or expired: request a new one.
            FileTooLarge: the file is larger than the server's limit.
        """
        upload_token = hidden(upload_token)
        token = checked_token(upload_token, "upload_token")
        own = checked_headers(options.get("extra_headers"), "extra_headers")
        headers = {"Authorization": Secret(f"Bearer {token}"), **own}
        given = input_file(file, name, mime_type)
        return await self._api.call(
            operations.UPLOAD_FORM_FILE,
            {**options, "extra_headers": headers},
            file=given if given.address is None else None,
            form=None if given.address is None else {"url": given.address},
            secrets=(token,),
        )
