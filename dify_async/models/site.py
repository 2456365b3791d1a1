"""The web page of an app."""

from __future__ import annotations

import attrs

from dify_async._types import Json
from dify_async.models._base import Model, Received

__all__ = ["AppSite", "SiteCustomConfig", "SiteModelConfig", "WebSite"]


@attrs.define(kw_only=True, eq=False, repr=False)
class AppSite(Received):
    """`GET /site`: appearance of the app's web page."""

    title: str = ""
    """Title of the page."""
    chat_color_theme: str | None = None
    """Color of the chat, as CSS."""
    chat_color_theme_inverted: bool = False
    """True if the color theme is inverted."""
    icon_type: str | None = None
    """`emoji`, `image` or `link`."""
    icon: str | None = None
    """The emoji, or the id of the image."""
    icon_background: str | None = None
    """Background color of the icon, as CSS."""
    icon_url: str | None = None
    """Signed URL of the icon. None unless `icon_type` is `image`."""
    description: str | None = None
    """The app's description."""
    copyright: str | None = None
    """The copyright notice."""
    privacy_policy: str | None = None
    """URL of the privacy policy."""
    custom_disclaimer: str | None = None
    """The disclaimer under the chat."""
    default_language: str = ""
    """Language of the page, such as `en-US`."""
    show_workflow_steps: bool = False
    """True if the page shows the nodes of a run."""
    use_icon_as_answer_icon: bool = False
    """True if answers are shown with the app's icon."""
    input_placeholder: str | None = None
    """Text in the empty input field."""
    prompt_public: bool = False
    """True if the prompt is public. Web API only."""


@attrs.define(kw_only=True, eq=False, repr=False)
class SiteCustomConfig(Model):
    """The workspace's branding of its web apps."""

    remove_webapp_brand: bool = False
    """True if Dify's name is removed."""
    replace_webapp_logo: str | None = None
    """URL of the workspace's logo."""


@attrs.define(kw_only=True, eq=False, repr=False)
class SiteModelConfig(Model):
    """The app's configuration. Dify 1.14 does not send it here."""

    opening_statement: str | None = None
    """The app's first message."""
    suggested_questions: list[str] = attrs.Factory(list[str])
    """Questions suggested at the start."""
    suggested_questions_after_answer: dict[str, Json] | None = None
    """Whether questions are suggested after an answer, as `{enabled}`."""
    more_like_this: dict[str, Json] | None = None
    """Whether "more like this" is on, as `{enabled}`."""
    model: dict[str, Json] | None = None
    """The app's model."""
    user_input_form: list[Json] = attrs.Factory(list[Json])
    """The app's input form, as JSON."""
    pre_prompt: str | None = None
    """The app's prompt."""


@attrs.define(kw_only=True, eq=False, repr=False)
class WebSite(Received):
    """The web app's page, and its end user."""

    app_id: str = ""
    """The app's id."""
    mode: str | None = None
    """The kind of app. None on servers before 1.16."""
    end_user_id: str | None = None
    """The server's id of the end user."""
    enable_site: bool = False
    """True if the page is turned on."""
    site: AppSite = attrs.Factory(AppSite)
    """Appearance of the page."""
    model_config: SiteModelConfig | None = None
    """The app's configuration. None on Dify 1.14."""
    plan: str | None = None
    """The workspace's plan."""
    can_replace_logo: bool = False
    """True if the plan allows a custom logo."""
    custom_config: SiteCustomConfig | None = None
    """The workspace's branding."""
    input_placeholder: str | None = None
    """Text in the empty input field. None on servers before 1.16."""
