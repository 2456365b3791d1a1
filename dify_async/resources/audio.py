"""Speech to text and back, by the app's own settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import attrs

from dify_async._core import operations
from dify_async._core.core import Core
from dify_async._core.request import Options
from dify_async._types import Json
from dify_async.errors import ConfigurationError
from dify_async.files import FileSource, InputFile
from dify_async.models.files import extension_of
from dify_async.settings import Timeouts

_TAKEN: Final = {"mp3", "m4a", "wav", "amr", "mpga"}
"""The server takes `audio/` and one of these, and none of the registered names: no audio/mpeg, audio/mp4."""


@attrs.frozen
class Audio:
    """Turn speech into text, and text into speech."""

    _core: Core

    async def transcribe(
        self,
        file: FileSource | InputFile,
        *,
        name: str | None = None,
        timeout: float | Timeouts | None = None,
        extra_headers: Mapping[str, str] | None = None,
    ) -> str:
        """Turn a recording into text. A model is asked, so it is never asked twice.

        Args:
            file: A path, bytes, a file opened for bytes, an asynchronous iterable of bytes, or an
                `InputFile`: mp3, m4a, wav, amr or mpga by its extension; 30 MB at most.
            name: Its name. Default: the source's own; bytes and iterables need one.
            timeout: Seconds for the whole call, or clocks of its own.
            extra_headers: Headers besides the client's.

        Raises:
            ConfigurationError: the extension is none of those, or the file cannot be read.
            FileTooLarge: it has more than 30 MB.
            ApiError: speech to text is switched off, or has no model.
        """
        found = file if isinstance(file, InputFile) else InputFile(file, name=name)
        extension = extension_of(found.name)
        if found.source is None or extension not in _TAKEN:
            raise ConfigurationError(
                f"a recording is a file of mp3, m4a, wav, amr or mpga, by its name, not {found.name!r}"
            )
        declared = InputFile(found.source, name=found.name, mime_type=f"audio/{extension}")
        options = Options(timeout=timeout, extra_headers=extra_headers)
        return (await self._core.call(operations.TRANSCRIBE, file=declared, options=options)).text

    async def speak(
        self,
        text: str | None = None,
        *,
        message_id: str | None = None,
        voice: str | None = None,
        timeout: float | Timeouts | None = None,
        extra_headers: Mapping[str, str] | None = None,
    ) -> bytes:
        """Turn a text, or the answer of a message, into speech: the bytes of an audio file, mostly mp3.

        A model is asked, so it is never asked twice. Empty where there is nothing to speak.

        Args:
            text: What to speak.
            message_id: The message whose answer is spoken, instead of a text.
            voice: A voice of the model. Default: the app's.
            timeout: Seconds for the whole call, or clocks of its own.
            extra_headers: Headers besides the client's.

        Raises:
            ConfigurationError: both or none of `text` and `message_id`.
            ApiError: text to speech is switched off, or has no model.
        """
        if (text is None) is (message_id is None):
            raise ConfigurationError("speak takes either a text or a message_id")
        given: dict[str, Json] = {"text": text, "message_id": message_id, "voice": voice}
        response = await self._core.perform(
            operations.SPEAK,
            body={name: value for name, value in given.items() if value is not None},
            options=Options(timeout=timeout, extra_headers=extra_headers),
        )
        # The server answers null, as JSON, where the message has no text.
        return b"" if "json" in response.headers.get("Content-Type", "") else response.body
