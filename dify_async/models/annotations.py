"""Annotations: prepared answers that an app returns without asking a model."""

from __future__ import annotations

from datetime import datetime

import attrs

from dify_async.models._base import Received

__all__ = ["Annotation", "AnnotationJob"]


@attrs.define(kw_only=True, eq=False, repr=False)
class Annotation(Received):
    """A question and its prepared answer."""

    id: str = ""
    """The annotation's id."""
    question: str | None = None
    """The question."""
    answer: str | None = None
    """The prepared answer."""
    hit_count: int = 0
    """How many times the annotation was used as an answer."""
    created_at: datetime | None = None
    """When the annotation was created."""


@attrs.define(kw_only=True, eq=False, repr=False)
class AnnotationJob(Received):
    """A background job that turns annotation replies on or off."""

    action: str = ""
    """`enable` or `disable`. Not part of the response."""
    job_id: str = ""
    """The job's id, for its status."""
    job_status: str = ""
    """`waiting`, `processing` (a job was running already), `completed` or `error`."""
    error_msg: str = ""
    """Why the job failed. Set only in the job's status, not in the response that starts the job."""
