"""The version of Dify that a fake server imitates, and the differences between versions."""

from __future__ import annotations

import re
from typing import Final, Self

import attrs

from dify_async.errors import ConfigurationError

_LATEST_PATCH: Final = {(1, 14): 2, (1, 16): 1}
"""The releases that were recorded: "1.14" means 1.14.2."""


@attrs.frozen(order=True)
class ServerVersion:
    """A version of Dify. The properties describe the behavior that differs between versions."""

    major: int
    minor: int
    patch: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse "1.14", "1.16" or a full version such as "1.14.2"."""
        found = re.fullmatch(r"(\d+)\.(\d+)(?:\.(\d+))?", text) if isinstance(text, str) else None
        if found is None:
            raise ConfigurationError(
                f"`version` must be a Dify version such as '1.14' or '1.16.1', got {text!r}"
            )
        major, minor = int(found[1]), int(found[2])
        patch = int(found[3]) if found[3] is not None else _LATEST_PATCH.get((major, minor), 0)
        return cls(major, minor, patch)

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"

    def _from(self, major: int, minor: int) -> bool:
        return (self.major, self.minor) >= (major, minor)

    @property
    def has_passport_header(self) -> bool:
        """True if passports are sent as `X-App-Passport`, and not in `Authorization` (since 1.9)."""
        return self._from(1, 9)

    @property
    def rejects_by_failed_run(self) -> bool:
        """True if a stream reports rejected inputs as a failed run, not as an `error` event (since 1.15)."""
        return self._from(1, 15)

    @property
    def has_reasoning_events(self) -> bool:
        """True if reasoning is streamed as `reasoning_chunk`, not as `<think>` in the text (since 1.16)."""
        return self._from(1, 16)

    @property
    def reports_rate_limit(self) -> bool:
        """True if the model provider's rate limit has its own code in streams (since 1.16)."""
        return self._from(1, 16)

    @property
    def lists_usage(self) -> bool:
        """True if the list of messages contains tokens and prices (since 1.16)."""
        return self._from(1, 16)

    @property
    def pages_by_second(self) -> bool:
        """True if pages of messages end at whole seconds, so that messages may be missing (1.16)."""
        return self._from(1, 16)

    @property
    def has_approval_channels(self) -> bool:
        """True if the reason of a pause contains `approval_channels` (since 1.16)."""
        return self._from(1, 16)

    @property
    def has_input_placeholder(self) -> bool:
        """True if the page of the app contains `input_placeholder` and `mode` (since 1.16)."""
        return self._from(1, 16)

    @property
    def has_deployment_edition(self) -> bool:
        """True if the features of the server contain `deployment_edition` and others (since 1.16)."""
        return self._from(1, 16)

    @property
    def accepts_x_m4a(self) -> bool:
        """True if audio of the type `audio/x-m4a` is accepted (since 1.16)."""
        return self._from(1, 16)

    @property
    def rejects_two_log_filters(self) -> bool:
        """True if logs filtered by keyword and end user fail with status 500 (1.16)."""
        return self._from(1, 16)

    @property
    def has_maintainer(self) -> bool:
        """True if a knowledge base contains `maintainer` (since 1.16)."""
        return self._from(1, 16)

    @property
    def reports_vector_space(self) -> bool:
        """True if the indexing status contains `error_code` and the size of the vectors (since 1.16)."""
        return self._from(1, 16)

    @property
    def has_index(self) -> bool:
        """True if `GET /v1/` describes the server (before 1.16)."""
        return not self._from(1, 16)

    @property
    def tail(self) -> float:
        """Seconds that a stream stays open after its last event."""
        return 0.0 if self._from(1, 16) else 1.0
