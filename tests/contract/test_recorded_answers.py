"""Recorded responses of a real server match their models, and no value is lost."""

from __future__ import annotations

import json
import pickle
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Any

import attrs
import pytest

from dify_async import models
from dify_async._wire.decoding.codegen import origin_of
from dify_async._wire.decoding.decode import decode_model
from dify_async._wire.operation import Operation
from dify_async.models._base import Received
from dify_async.operations import knowledge as knowledge_operations
from dify_async.operations import web as web_operations
from tests.support import operations
from tests.support.contract import LEFT_OUT, by_key
from tests.support.recordings import Recording, matching

OPERATIONS = [
    one
    for table in (operations, web_operations, knowledge_operations)
    for one in vars(table).values()
    if isinstance(one, Operation)
]
ALIASES = {"/hit-testing": "/retrieve"}
"""Ends of paths that Dify has two of, and the one that is in the table."""


def model_for(recording: Recording) -> type[Received]:
    """Return the type of a response in the table of operations."""
    _, api, path = recording.path.partition("?")[0].split("/", 2)
    for alias, known in ALIASES.items():
        path = path.replace(alias, known)
    if path == "site":
        return models.WebSite if api == "api" else models.AppSite
    found = [
        operation
        for operation in OPERATIONS
        if operation.method == recording.method and is_path("/" + path, operation.path)
    ]
    # `tags` in `/datasets/tags` is not the id of a dataset.
    fewest = min(operation.path.count("{") for operation in found)
    (kind,) = {operation.answer for operation in found if operation.path.count("{") == fewest}
    assert issubclass(origin_of(kind), Received)
    return kind


def is_path(path: str, template: str) -> bool:
    return re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path) is not None


@cache
def answers() -> dict[str, Recording]:
    """Return the recorded responses that are one JSON document, by name."""
    found = matching("")
    return {one.name: one for one in found if one.status in {200, 201} and is_json(one)}


def is_json(recording: Recording) -> bool:
    is_plain = "content-encoding" not in recording.headers
    kind = recording.headers.get("content-type", "")
    # The server responds with null if there is no text to speak.
    return is_plain and kind.startswith("application/json") and recording.body.strip() != b"null"


each_answer = pytest.mark.parametrize("name", answers())


def lost(value: Any, found: Any, way: str = "") -> Iterator[str]:
    """Return the parts of a JSON value that are missing in the decoded object."""
    if isinstance(found, models.InputField) and "variable" not in value:
        ((control, value),) = value.items()
        value = {**value, "kind": control}
    if attrs.has(type(found)):
        for key, field in by_key(type(found)).items():
            if key in value:
                yield from lost(value[key], getattr(found, field.name), f"{way}.{key}")
    elif isinstance(found, list) and any(attrs.has(type(one)) for one in found):
        for place, (one, other) in enumerate(zip(value, found, strict=True)):
            yield from lost(one, other, f"{way}[{place}]")
    elif not is_same(value, found):
        yield f"{way}: {value!r} became {found!r}"


def is_same(value: Any, found: Any) -> bool:
    if value is None:
        return not found or found == -1  # An unknown size.
    if isinstance(found, datetime):
        return found.tzinfo is not None and found == time_of(value)
    if isinstance(found, Decimal):
        return found == Decimal(str(value))
    if isinstance(found, int) and isinstance(value, str):
        return str(found) == value
    if isinstance(found, dict) and isinstance(value, str):
        return bool(found == json.loads(value or "{}"))
    return bool(value == found) and isinstance(value, bool) == isinstance(found, bool)


def time_of(value: Any) -> datetime:
    if isinstance(value, (int, float)):
        return datetime.fromtimestamp(value, UTC)
    try:
        return datetime.fromisoformat(value).replace(tzinfo=UTC)
    except ValueError:
        return parsedate_to_datetime(value)


def unknown(value: Any, found: Any) -> Iterator[tuple[str, str]]:
    """Return the keys that were sent but belong to no field, with the class that lacks them."""
    if isinstance(found, models.InputField):
        return
    if attrs.has(type(found)):
        own = by_key(type(found))
        for key, inner in value.items():
            if key in own:
                yield from unknown(inner, getattr(found, own[key].name))
            else:
                yield type(found).__name__, key
    elif isinstance(found, list):
        for one, other in zip(value or [], found, strict=True):
            yield from unknown(one, other)


@each_answer
def test_no_recorded_value_is_lost(name: str) -> None:
    recording = answers()[name]
    found = decode_model(model_for(recording), recording.body)
    body = json.loads(recording.body)
    assert found.raw == body
    assert list(lost(body, found)) == []


@each_answer
def test_every_recorded_key_is_a_field_or_ignored_for_a_reason(name: str) -> None:
    recording = answers()[name]
    found = decode_model(model_for(recording), recording.body)
    assert set(unknown(json.loads(recording.body), found)) <= LEFT_OUT.keys()


def test_recorded_responses_can_be_pickled() -> None:
    for recording in answers().values():
        found = decode_model(model_for(recording), recording.body)
        again = pickle.loads(pickle.dumps(found))
        assert again == found
        assert again.raw == found.raw


def test_nested_models_have_no_raw() -> None:
    page = decode_model(models.Page[models.Conversation], b'{"data": [{"id": "c"}]}')
    assert page.data[0].raw == {}


SECRETS = {"access_token", "upload_token", "token"}


@each_answer
def test_no_response_shows_secrets(name: str) -> None:
    recording = answers()[name]
    found = decode_model(model_for(recording), recording.body)
    for key in SECRETS & json.loads(recording.body).keys():
        assert getattr(found, key)
        assert getattr(found, key) not in repr(found)
