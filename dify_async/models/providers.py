"""The models that the workspace has, by provider."""

from __future__ import annotations

import attrs

from dify_async._types import Json
from dify_async.models._base import Model, OpenEnum

__all__ = ["LocalizedText", "ModelProvider", "ModelType", "ProviderModel"]


class ModelType(OpenEnum):
    """What a model does."""

    LLM = "llm"
    """Generates text."""
    TEXT_EMBEDDING = "text-embedding"
    """Computes embeddings of text."""
    RERANK = "rerank"
    """Sorts retrieved chunks by relevance."""
    SPEECH_TO_TEXT = "speech2text"
    """Transcribes speech."""
    MODERATION = "moderation"
    """Checks text for forbidden content."""
    TEXT_TO_SPEECH = "tts"
    """Converts text to speech."""


@attrs.define(kw_only=True, eq=False, repr=False)
class LocalizedText(Model):
    """A text in two languages."""

    zh_Hans: str | None = None  # noqa: N815 - the server's name
    """In Chinese."""
    en_US: str = ""  # noqa: N815 - the server's name
    """In English."""


@attrs.define(kw_only=True, eq=False, repr=False)
class ProviderModel(Model):
    """A model."""

    _shown_first = ("model", "status")

    model: str = ""
    """Its name, for example for `embedding_model`."""
    label: LocalizedText = attrs.Factory(LocalizedText)
    """Its display name."""
    model_type: ModelType = ModelType.LLM
    """What it does."""
    features: list[str] = attrs.Factory(list[str])
    """What it can do: `vision`, `tool-call`, ..."""
    fetch_from: str = ""
    """`predefined-model` or `customizable-model`."""
    model_properties: dict[str, Json] = attrs.Factory(dict[str, Json])
    """Its limits, for example `context_size` in tokens."""
    deprecated: bool = False
    """Whether the provider discourages its use."""
    status: str = ""
    """`active`, `no-configure`, `quota-exceeded`, `no-permission`, `disabled` or `credential-removed`."""
    load_balancing_enabled: bool = False
    """Whether requests are spread over several credentials."""
    has_invalid_load_balancing_configs: bool = False
    """Whether some of these credentials are not valid."""


@attrs.define(kw_only=True, eq=False, repr=False)
class ModelProvider(Model):
    """A provider of models, with those that can be used."""

    _shown_first = ("provider", "status")

    tenant_id: str = ""
    """The workspace's id."""
    provider: str = ""
    """Its name, for example for `embedding_model_provider`."""
    label: LocalizedText = attrs.Factory(LocalizedText)
    """Its display name."""
    icon_small: LocalizedText | None = None
    """The address of its icon."""
    icon_small_dark: LocalizedText | None = None
    """The address of its icon on dark ground."""
    status: str = ""
    """`active` or `no-configure`."""
    models: list[ProviderModel] = attrs.Factory(list[ProviderModel])
    """Its models."""
