"""The options that every method accepts in addition to its own arguments, as `**options`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypedDict

from dify_async._types import Json
from dify_async.settings import Retry, Timeouts

# Documentation tools drop the keys of a base TypedDict, so each of the four lists its own.


class CallOptions(TypedDict, total=False):
    """Options of one call. None means the client's own setting.

    - `timeout`: seconds for the whole call, or `Timeouts`.
    - `retry`: number of retries, or `Retry`.
    - `extra_headers`: headers in addition to the client's.
    """

    timeout: float | Timeouts | None
    retry: Retry | int | None
    extra_headers: Mapping[str, str] | None


class AppCallOptions(TypedDict, total=False):
    """Options of one call of `AppClient`. None means the client's own setting.

    - `timeout`: seconds for the whole call, or `Timeouts`.
    - `retry`: number of retries, or `Retry`.
    - `extra_headers`: headers in addition to the client's.
    - `user`: the end user of this call, its uploads, its recovery and its stop.
    """

    timeout: float | Timeouts | None
    retry: Retry | int | None
    extra_headers: Mapping[str, str] | None
    user: str | None


class RunOptions(TypedDict, total=False):
    """Options of a call that starts a run. None means the client's own setting.

    - `timeout`: seconds for the whole run, or `Timeouts`.
    - `retry`: number of retries, or `Retry`. A run is sent again only if it certainly did not start.
    - `extra_headers`: headers in addition to the client's.
    - `extra_body`: fields of the request body that this version has no argument for.
    """

    timeout: float | Timeouts | None
    retry: Retry | int | None
    extra_headers: Mapping[str, str] | None
    extra_body: Mapping[str, Json] | None


class AppRunOptions(TypedDict, total=False):
    """Options of a call of `AppClient` that starts a run. None means the client's own setting.

    - `timeout`: seconds for the whole run, or `Timeouts`.
    - `retry`: number of retries, or `Retry`. A run is sent again only if it certainly did not start.
    - `extra_headers`: headers in addition to the client's.
    - `extra_body`: fields of the request body that this version has no argument for.
    - `user`: the end user of this run, its uploads, its recovery and its stop.
    """

    timeout: float | Timeouts | None
    retry: Retry | int | None
    extra_headers: Mapping[str, str] | None
    extra_body: Mapping[str, Json] | None
    user: str | None
