"""What an app tells about itself: its name, its form, its icons, its site."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from dify_async._types import Json
from dify_async.models._base import OpenEnum, Received, wire
from dify_async.models._check import problem_with


class AppMode(OpenEnum):
    """The kind of app that a key opens."""

    COMPLETION = "completion"
    WORKFLOW = "workflow"
    CHAT = "chat"
    ADVANCED_CHAT = "advanced-chat"
    """A chatflow."""
    AGENT_CHAT = "agent-chat"
    AGENT = "agent"


@attrs.define(kw_only=True)
class AppInfo(Received):
    """`GET /info`: which app the key opens."""

    name: str = ""
    description: str | None = None
    tags: list[str] = attrs.Factory(list[str])
    mode: AppMode | None = None
    """None on servers that do not tell it yet."""
    author_name: str | None = None


@attrs.define(kw_only=True)
class AppMeta(Received):
    """`GET /meta`: the icons of the app's tools."""

    tool_icons: dict[str, Json] = attrs.Factory(dict[str, Json])
    """By tool name: a URL, or an emoji as `{background, content}`."""


@attrs.define(kw_only=True)
class AppSite(Received):
    """`GET /site`: how the app's web page looks."""

    title: str = ""
    chat_color_theme: str | None = None
    chat_color_theme_inverted: bool = False
    icon_type: str | None = None
    icon: str | None = None
    icon_background: str | None = None
    icon_url: str | None = None
    """Signed, where `icon_type` is `image`."""
    description: str | None = None
    copyright: str | None = None
    privacy_policy: str | None = None
    custom_disclaimer: str | None = None
    default_language: str = ""
    show_workflow_steps: bool = False
    use_icon_as_answer_icon: bool = False
    input_placeholder: str | None = None
    prompt_public: bool = False
    """Web API only."""


@attrs.define(kw_only=True)
class InputField:
    """One field of the form that the app's inputs come from."""

    kind: str = ""
    """`text-input`, `paragraph`, `select`, `number`, `checkbox`, `file`, `file-list`, `json_object`, ..."""
    variable: str = ""
    """Its name: the key in `inputs`."""
    label: str = ""
    required: bool = False
    default: Json = None
    options: list[Json] = attrs.Factory(list[Json])
    """What a `select` takes."""
    max_length: int | None = None
    """Characters of a text, or files of a file list, at most."""
    description: str | None = None
    hide: bool | None = None
    allowed_file_types: list[str] = attrs.Factory(list[str])
    """`image`, `document`, `audio`, `video`, `custom`."""
    allowed_file_extensions: list[str] = attrs.Factory(list[str])
    """Those of `custom`."""
    allowed_file_upload_methods: list[str] = attrs.Factory(list[str])
    """`local_file`, `remote_url`."""
    json_schema: Json = None

    @property
    def name(self) -> str:
        """The key in `inputs`."""
        return self.variable


@attrs.define(kw_only=True)
class Feature:
    """A switch of the app."""

    enabled: bool = False


@attrs.define(kw_only=True)
class TextToSpeech:
    """Whether and how the app reads its answers out."""

    enabled: bool = False
    voice: str | None = None
    language: str | None = None
    auto_play: str | None = attrs.field(default=None, metadata=wire("autoPlay"))


@attrs.define(kw_only=True)
class ImageUpload:
    """Pictures that go with an input, as servers of 2024 describe them."""

    enabled: bool = False
    number_limits: int | None = None
    detail: str | None = None
    transfer_methods: list[str] = attrs.Factory(list[str])


@attrs.define(kw_only=True)
class FileUpload:
    """Which files may go with an input besides its form."""

    enabled: bool = False
    allowed_file_types: list[str] = attrs.Factory(list[str])
    allowed_file_extensions: list[str] = attrs.Factory(list[str])
    allowed_file_upload_methods: list[str] = attrs.Factory(list[str])
    number_limits: int | None = None
    image: ImageUpload | None = None
    """Servers of 2024, and newer ones where nothing was configured."""


@attrs.define(kw_only=True)
class SystemParameters:
    """The server's limits on uploads, in MiB, and on files of one run."""

    image_file_size_limit: int | None = None
    video_file_size_limit: int | None = None
    audio_file_size_limit: int | None = None
    file_size_limit: int | None = None
    workflow_file_upload_limit: int | None = None
    """Files in one run."""


@attrs.define(kw_only=True)
class AppParameters(Received):
    """`GET /parameters`: the app's form, switches and limits."""

    user_input_form: list[InputField] = attrs.Factory(list[InputField])
    file_upload: FileUpload = attrs.Factory(FileUpload)
    system_parameters: SystemParameters = attrs.Factory(SystemParameters)
    opening_statement: str | None = None
    suggested_questions: list[str] = attrs.Factory(list[str])
    suggested_questions_after_answer: Feature = attrs.Factory(Feature)
    speech_to_text: Feature = attrs.Factory(Feature)
    text_to_speech: TextToSpeech = attrs.Factory(TextToSpeech)
    retriever_resource: Feature = attrs.Factory(Feature)
    annotation_reply: Feature = attrs.Factory(Feature)
    more_like_this: Feature = attrs.Factory(Feature)
    sensitive_word_avoidance: Feature = attrs.Factory(Feature)

    @property
    def form(self) -> dict[str, InputField]:
        """The fields of the form by name, in the order of the form."""
        return {field.variable: field for field in self.user_input_form}

    def check(self, inputs: Mapping[str, Json]) -> list[str]:
        """Say what the server would refuse of these inputs, in plain words; nothing where it would run.

        A streamed run with a bad input costs the server a connection for five minutes, so it is worth
        asking before a run, and more so before many. Never stricter than the server: what it may take,
        such as keys that the form does not have, is not told of.

        Args:
            inputs: As for a run, `InputFile`s included.
        """
        problems = (problem_with(field, inputs.get(field.variable)) for field in self.user_input_form)
        return [problem for problem in problems if problem is not None]


@attrs.define(kw_only=True)
class ServerInfo(Received):
    """`GET /v1/`: what the server says of itself, without a key."""

    welcome: str = ""
    api_version: str = ""
    server_version: str = ""
