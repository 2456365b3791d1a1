"""Speech to text and text to speech, with the models of the app."""

from __future__ import annotations

from typing import Final, Unpack

from dify_async._types import Json
from dify_async.errors import ConfigurationError
from dify_async.files import FileSource, InputFile
from dify_async.models.files import extension_of
from dify_async.operations import app as operations
from dify_async.options import AppCallOptions
from dify_async.resources._base import Resource

_EXTENSIONS: Final = {"mp3", "m4a", "wav", "amr", "mpga"}
"""The server accepts `audio/` and one of these, and none of the registered types such as audio/mpeg."""


class Audio(Resource):
    """Turn speech into text, and text into speech."""

    async def transcribe(
        self, file: FileSource | InputFile, *, name: str | None = None, **options: Unpack[AppCallOptions]
    ) -> str:
        """Return the text of a recording.

        The server calls a model, so the request is not retried if its outcome is unknown.

        Args:
            file: A path, bytes, a file opened in binary mode, an async iterable of bytes, or an `InputFile`.
                Its extension must be mp3, m4a, wav, amr or mpga; at most 30 MB.
            name: The file's name. Default: the name of the source; required for bytes and iterables.
            **options: See `AppCallOptions`.

        Raises:
            ConfigurationError: the extension is another one, or the file cannot be read.
            FileTooLarge: the file is larger than 30 MB.
            ApiError: speech to text is turned off, or has no model.
        """
        given = file if isinstance(file, InputFile) else InputFile(file, name=name)
        extension = extension_of(given.name)
        if given.source is None or extension not in _EXTENSIONS:
            raise ConfigurationError(
                f"`file` must be an mp3, m4a, wav, amr or mpga file by its name, got {given.name!r}"
            )
        declared = InputFile(given.source, name=given.name, mime_type=f"audio/{extension}")
        return (await self._api.call(operations.TRANSCRIBE, options, file=declared)).text

    async def speak(
        self,
        text: str | None = None,
        *,
        message_id: str | None = None,
        voice: str | None = None,
        **options: Unpack[AppCallOptions],
    ) -> bytes:
        """Return the speech for a text, or for the answer of a message: an audio file, usually mp3.

        The result is empty if there is nothing to speak. The server calls a model, so the request is not
        retried if its outcome is unknown.

        Args:
            text: The text to speak.
            message_id: The message whose answer is spoken, instead of a text.
            voice: A voice of the model. Default: the app's voice.
            **options: See `AppCallOptions`.

        Raises:
            ConfigurationError: both or neither of `text` and `message_id` are given.
            ApiError: text to speech is turned off, or has no model.
        """
        if (text is None) is (message_id is None):
            raise ConfigurationError("exactly one of `text` and `message_id` must be a str: pass one of them")
        given: dict[str, Json] = {"text": text, "message_id": message_id, "voice": voice}
        body = {name: value for name, value in given.items() if value is not None}
        audio = await self._api.call(operations.SPEAK, options, json=body)
        # The server answers null, as JSON, if the message has no text.
        return b"" if audio.strip() == b"null" else audio
