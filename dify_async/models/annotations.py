"""Annotations: answers that an app gives as they were written, without asking a model."""

from __future__ import annotations

from datetime import datetime

import attrs

from dify_async.models._base import Received


@attrs.define(kw_only=True)
class Annotation(Received):
    """A question and the answer that was written for it."""

    id: str = ""
    question: str | None = None
    answer: str | None = None
    hit_count: int = 0
    """How often it was given as an answer."""
    created_at: datetime | None = None


@attrs.define(kw_only=True)
class AnnotationJob(Received):
    """A job that turns the answers by annotation on or off; it is done in the background."""

    job_id: str = ""
    job_status: str = ""
    """`waiting`, `processing` (one was going on already), `completed` or `error`."""
    error_msg: str = ""
    """Why it failed. Told only of jobs that are asked about, not of those just begun."""
