"""An app's parameters: input form, features and limits."""

from __future__ import annotations

import attrs

from dify_async._scalars import fields_of
from dify_async._types import Inputs
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
    """A feature of the app that is on or off."""

    enabled: bool = False
    """True if the feature is on."""


@attrs.define(kw_only=True, eq=False, repr=False)
class TextToSpeech(Model):
    """Whether and how the app reads its answers aloud."""

    enabled: bool = False
    """True if the feature is on."""
    voice: str | None = None
    """Name of the voice."""
    language: str | None = None
    """Language of the voice."""
    auto_play: str | None = attrs.field(default=None, metadata=wire("autoPlay"))
    """`enabled` if streams contain the spoken answer."""


@attrs.define(kw_only=True, eq=False, repr=False)
class ImageUpload(Model):
    """Images in addition to the input form, as described by servers of 2024."""

    enabled: bool = False
    """True if images are accepted."""
    number_limits: int | None = None
    """Maximum number of images."""
    detail: str | None = None
    """Resolution for the model: `low` or `high`."""
    transfer_methods: list[str] = attrs.Factory(list[str])
    """Accepted transfer methods: `local_file`, `remote_url`."""


@attrs.define(kw_only=True, eq=False, repr=False)
class FileUpload(Model):
    """Files in addition to the input form: the `files` of a run."""

    enabled: bool = False
    """True if files are accepted."""
    allowed_file_types: list[str] = attrs.Factory(list[str])
    """Accepted kinds of files: `image`, `document`, `audio`, `video`, `custom`."""
    allowed_file_extensions: list[str] = attrs.Factory(list[str])
    """Accepted extensions, if `custom` is among the kinds."""
    allowed_file_upload_methods: list[str] = attrs.Factory(list[str])
    """Accepted transfer methods: `local_file`, `remote_url`."""
    number_limits: int | None = None
    """Maximum number of files."""
    image: ImageUpload | None = None
    """Settings for images. Sent by servers of 2024, and by newer ones if nothing was configured."""


@attrs.define(kw_only=True, eq=False, repr=False)
class SystemParameters(Model):
    """The server's limits on uploads, in MiB, and on the files of one run."""

    image_file_size_limit: int | None = None
    """Maximum size of an image, in MiB."""
    video_file_size_limit: int | None = None
    """Maximum size of a video, in MiB."""
    audio_file_size_limit: int | None = None
    """Maximum size of an audio file, in MiB."""
    file_size_limit: int | None = None
    """Maximum size of any other file, in MiB."""
    workflow_file_upload_limit: int | None = None
    """Maximum number of files in one run."""


@attrs.define(kw_only=True, eq=False, repr=False)
class AppParameters(Received):
    """`GET /parameters`: the app's input form, features and limits."""

    user_input_form: list[InputField] = attrs.Factory(list[InputField])
    """The input form."""
    file_upload: FileUpload = attrs.Factory(FileUpload)
    """Files in addition to the form."""
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

    def check(self, inputs: Inputs) -> list[str]:
        """Return one sentence for each input that the server would reject; [] if it would accept all.

        Use it before a run, and especially before many: on servers before 1.15, a streamed run with an
        invalid input occupies a connection of the server for five minutes. The check is never stricter than
        the
        server: values that some servers accept are not reported, and inputs that are not in the form are
        ignored.

        Args:
            inputs: The inputs of a run; may contain `InputFile`s.
        """
        given = fields_of(inputs) or {}
        problems = (problem_with(field, given.get(field.variable)) for field in self.user_input_form)
        return [problem for problem in problems if problem is not None]
