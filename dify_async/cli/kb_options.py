"""Arguments and options of several `kb` commands."""

from __future__ import annotations

import json
import uuid
from typing import Annotated, Final, Literal

import typer

from dify_async._types import Json
from dify_async.clients.knowledge import KnowledgeClient
from dify_async.errors import ConfigurationError
from dify_async.models._base import as_object

KnowledgeBase = Annotated[
    str, typer.Argument(show_default=False, metavar="KB", help="Name or id of the knowledge base.")
]
IndexingTechnique = Annotated[
    Literal["high_quality", "economy"] | None,
    typer.Option(
        show_default=False,
        help="How it is indexed: by an embedding model, or by keywords. Needed once, at the latest with "
        "the first document.",
    ),
]
ProcessRule = Annotated[
    str | None,
    typer.Option(
        show_default=False,
        metavar="automatic|JSON",
        help="How documents are divided into chunks. Needed with the first document.",
    ),
]
Concurrency = Annotated[
    int, typer.Option("--concurrency", "-c", min=1, help="Maximum number of files at the same time.")
]
PerMinute = Annotated[
    int | None,
    typer.Option(
        min=1,
        show_default="as many as the server takes",
        help="Maximum number of requests within a minute, for plans that limit them.",
    ),
]
Wait = Annotated[bool, typer.Option("--wait", help="Wait until the documents can be searched.")]

_PAGE: Final = 100


async def dataset_id_of(client: KnowledgeClient, name_or_id: str) -> str:
    """Return the id of a knowledge base."""
    try:
        return str(uuid.UUID(name_or_id))
    except ValueError:
        pass
    datasets = client.datasets.list(keyword=name_or_id, limit=_PAGE)
    found = [dataset.id async for dataset in datasets if dataset.name == name_or_id]
    if len(found) != 1:
        problem = f"{len(found)} knowledge bases are named" if found else "no knowledge base is named"
        raise ConfigurationError(f"{problem} {name_or_id!r}: see `dify-async kb list`")
    return found[0]


def process_rule_of(text: str | None) -> dict[str, Json] | None:
    """Return the rule of `--process-rule`."""
    if text in {None, "automatic"}:
        return None if text is None else {"mode": text}
    try:
        rule = as_object(json.loads(text or ""))
    except ValueError:
        rule = None
    if rule is None:
        raise ConfigurationError(f"--process-rule must be automatic or a JSON object, got {text!r:.100}")
    return rule
