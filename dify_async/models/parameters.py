"""An app's parameters: input form, switches and limits."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from dify_async._types import Json
from dify_async.models._base import Model, Received, wire
from dify_async.models._check import problem_with
from dify_async.models.inputs import InputField

__all__ = [
    "AppParameters",
    "Feature",
    "FileUpload",
    "ImageUpload",
    "SystemParameters",
    "TextToSpeech",
]


@attrs.define(kw_only=True, eq=False, repr=False)
class Feature(Model):
    """A switch of the app."""

    enabled: bool = False
    """True if it is on."""


@attrs.define(kw_only=True, eq=False, repr=False)
class TextToSpeech(Model):
    """Whether and how the app reads its answers aloud."""

    enabled: bool = False
    """True if it is on."""
    voice: str | None = None
    """The voice."""
    language: str | None = None
    """Language of the voice."""
    auto_play: str | None = attrs.field(default=None, metadata=wire("autoPlay"))
    """`enabled` if streams contain the spoken answer."""


@attrs.define(kw_only=True, eq=False, repr=False)
class ImageUpload(Model):
    """Images that accompany an input, as servers of 2024 describe them."""

    enabled: bool = False
    """True if images are accepted."""
    number_limits: int | None = None
    """Maximum number of images."""
    detail: str | None = None
    """Resolution for the model: `low` or `high`."""
    transfer_methods: list[str] = attrs.Factory(list[str])
    """`local_file`, `remote_url`."""


@attrs.define(kw_only=True, eq=False, repr=False)
class FileUpload(Model):
    """Files that accompany an input, apart from those of the input form."""

    enabled: bool = False
    """True if files are accepted."""
    allowed_file_types: list[str] = attrs.Factory(list[str])
    """`image`, `document`, `audio`, `video`, `custom`."""
    allowed_file_extensions: list[str] = attrs.Factory(list[str])
    """Accepted extensions, if `custom` is among the types."""
    allowed_file_upload_methods: list[str] = attrs.Factory(list[str])
    """`local_file`, `remote_url`."""
    number_limits: int | None = None
    """Maximum number of files."""
    image: ImageUpload | None = None
    """Sent by servers of 2024, and by newer ones if nothing was configured."""


@attrs.define(kw_only=True, eq=False, repr=False)
class SystemParameters(Model):
    """The server's limits on uploads, in MiB, and on the files of one run."""

    image_file_size_limit: int | None = None
    """MiB of an image."""
    video_file_size_limit: int | None = None
    """MiB of a video."""
    audio_file_size_limit: int | None = None
    """MiB of an audio file."""
    file_size_limit: int | None = None
    """MiB of any other file."""
    workflow_file_upload_limit: int | None = None
    """Number of files in one run."""


@attrs.define(kw_only=True, eq=False, repr=False)
class AppParameters(Received):
    """`GET /parameters`: the app's input form, switches and limits."""

    user_input_form: list[InputField] = attrs.Factory(list[InputField])
    """The input form."""
    file_upload: FileUpload = attrs.Factory(FileUpload)
    """Files apart from the form."""
    system_parameters: SystemParameters = attrs.Factory(SystemParameters)
    """The server's limits on uploads."""
    opening_statement: str | None = None
    """The app's first message."""
    suggested_questions: list[str] = attrs.Factory(list[str])
    """Questions suggested at the start."""
    suggested_questions_after_answer: Feature = attrs.Factory(Feature)
    """Questions suggested after an answer."""
    speech_to_text: Feature = attrs.Factory(Feature)
    """Spoken input."""
    text_to_speech: TextToSpeech = attrs.Factory(TextToSpeech)
    """Spoken answers."""
    retriever_resource: Feature = attrs.Factory(Feature)
    """Citations of the knowledge that an answer is based on."""
    annotation_reply: Feature = attrs.Factory(Feature)
    """Prepared answers."""
    more_like_this: Feature = attrs.Factory(Feature)
    """Further answers to the same input."""
    sensitive_word_avoidance: Feature = attrs.Factory(Feature)
    """Moderation."""

    @property
    def form(self) -> dict[str, InputField]:
        """The fields of the input form by name, in the order of the form."""
        return {field.variable: field for field in self.user_input_form}

    def check(self, inputs: Mapping[str, Json]) -> list[str]:
        """Return what the server would reject in these inputs, one sentence each; [] if it would run.

        A streamed run with a wrong input costs the server a connection for five minutes, so a check is
        worthwhile before a run, and more so before many. It is never stricter than the server: values that
        some servers accept are not reported, and keys that the form does not have are ignored.

        Args:
            inputs: The inputs of a run, `InputFile`s included.
        """
        problems = (problem_with(field, inputs.get(field.variable)) for field in self.user_input_form)
        return [problem for problem in problems if problem is not None]
