"""Pages of any model, and lists of models, as the body of a response."""

from __future__ import annotations

import pickle

import pytest

from dify_async._wire.decoding.decode import decode_model
from dify_async._wire.decoding.hook import StructureError
from dify_async.models import Annotation, Conversation, Message, Page


def test_a_page_has_entries_of_its_type() -> None:
    conversations = decode_model(Page[Conversation], b'{"data": [{"id": "c"}], "has_more": true, "limit": 1}')
    annotations = decode_model(Page[Annotation], b'{"data": [{"id": "a"}], "total": 1}')
    assert conversations.data == [Conversation(id="c")]
    assert (conversations.has_more, conversations.limit) == (True, 1)
    assert annotations.data == [Annotation(id="a")]
    assert annotations.total == 1


@pytest.mark.parametrize("body", [b"{}", b'{"data": null}', b'{"data": [null]}', b"[]"])
def test_a_page_without_a_list_is_empty(body: bytes) -> None:
    assert decode_model(Page[Message], body).data == []


def test_a_bare_array_is_a_page() -> None:
    page = decode_model(Page[Conversation], b'[{"id": "a"}, {"id": "b"}]')
    assert [one.id for one in page.data] == ["a", "b"]
    assert not page.has_more
    assert page.raw == [{"id": "a"}, {"id": "b"}]


def test_a_list_of_models() -> None:
    assert decode_model(list[Conversation], b'[{"id": "a"}]') == [Conversation(id="a")]
    with pytest.raises(StructureError):
        decode_model(list[Conversation], b'{"id": "a"}')


@pytest.mark.parametrize("body", [b'{"data": {}}', b'{"data": "x"}', b'{"data": [1]}', b"1", b"null"])
def test_json_that_is_not_a_page_is_rejected(body: bytes) -> None:
    with pytest.raises(StructureError):
        decode_model(Page[Conversation], body)


def test_a_page_pickles() -> None:
    page = decode_model(Page[Conversation], b'{"data": [{"id": "c"}]}')
    again = pickle.loads(pickle.dumps(page))
    assert again == page
    assert again.raw == page.raw
