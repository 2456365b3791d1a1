"""Operations of the Knowledge API, below `/v1`."""

from __future__ import annotations

from typing import Final

from dify_async.testing.routes.call import Routes
from dify_async.testing.routes.knowledge import datasets, documents, metadata, pipeline, segments, tags

ROUTES: Final[Routes] = [
    *tags.ROUTES,
    *datasets.ROUTES,
    *documents.ROUTES,
    *segments.ROUTES,
    *metadata.ROUTES,
    *pipeline.ROUTES,
]
"""They require the key of the Knowledge API."""
OPEN: Final[Routes] = documents.OPEN
"""Addresses outside of both APIs, without credentials."""
