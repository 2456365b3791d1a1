"""Documents of knowledge bases: their files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dify_async import errors, sync
from tests.support.clients import knowledge_client
from tests.support.raw_server import Call, RawServer, answer

KEY = b"SECRETsecret123"


def server_with_a_file(address: str = "/files/f/file-preview?sign=s%2Bg") -> RawServer:
    async def handler(call: Call) -> None:
        if call.path.endswith("/download"):
            await call.send(answer({"url": address}))
        else:
            await call.send(answer(b"text", headers="Content-Type: text/plain\r\n"))

    return RawServer(handler)


async def test_the_file_of_a_document_is_downloaded_without_the_key(tmp_path: Path) -> None:
    with server_with_a_file() as server:
        async with knowledge_client(server.base_url, headers={"X-Proxy": "p"}) as client:
            assert await client.documents.download("d", "o") == b"text"
            path = await client.documents.download("d", "o", tmp_path / "a.txt")
    assert path.read_bytes() == b"text"
    asked, fetched = server.calls[:2]
    assert asked.path == "/v1/datasets/d/documents/o/download"
    assert KEY in asked.head
    assert fetched.path == "/files/f/file-preview?sign=s%2Bg"
    assert KEY not in fetched.head
    assert b"X-Proxy" not in fetched.head


def test_the_file_of_a_document_is_downloaded_without_the_key_by_the_blocking_client(tmp_path: Path) -> None:
    with (
        server_with_a_file() as server,
        sync.KnowledgeClient("dataset-x", base_url=server.base_url) as client,
    ):
        assert client.documents.download("d", "o", tmp_path / "a.txt").read_bytes() == b"text"
        assert client.documents.download_zip("d", ["o"], tmp_path / "a.zip").read_bytes() == b"text"


async def test_the_archive_of_documents_is_written_completely_or_not_at_all(tmp_path: Path) -> None:
    async def handler(call: Call) -> None:
        await call.send(answer(b"PK" * 100, headers="Content-Type: application/zip\r\n")[:-50])

    target = tmp_path / "a.zip"
    target.write_bytes(b"old")
    with RawServer(handler) as server:
        async with knowledge_client(server.base_url, retry=0) as client:
            with pytest.raises(errors.ConnectionFailed):
                await client.documents.download_zip("d", ["o"], target)
    assert target.read_bytes() == b"old"
    assert [*tmp_path.iterdir()] == [target]


async def test_a_document_that_is_not_a_file_has_no_url() -> None:
    body = {"code": "not_found", "message": "Document does not have an uploaded file.", "status": 404}
    with RawServer(lambda call: call.send(answer(body, "404 NOT FOUND"))) as server:
        async with knowledge_client(server.base_url) as client:
            with pytest.raises(errors.NotFound) as caught:
                await client.documents.download("d", "o")
    assert type(caught.value) is errors.NotFound
    assert len(server.calls) == 1


async def test_creating_a_document_is_not_repeated() -> None:
    async def handler(call: Call) -> None:
        await call.send(answer(b"<h1>bad gateway</h1>", "502 Bad Gateway", "Content-Type: text/html\r\n"))

    with RawServer(handler) as server:
        async with knowledge_client(server.base_url) as client:
            with pytest.raises(errors.GatewayError):
                await client.documents.create_by_text("d", "n", "t")
        assert len(server.calls) == 1


async def test_a_retried_delete_of_a_deleted_document_succeeds() -> None:
    async def handler(call: Call) -> None:
        if len(server.calls) == 1:
            await call.send(answer(b"", "503 Service Unavailable", "Content-Type: text/html\r\n"))
        else:
            await call.send(answer({"code": "not_found", "message": "", "status": 404}, "404 NOT FOUND"))

    with RawServer(handler) as server:
        async with knowledge_client(server.base_url) as client:
            await client.documents.delete("d", "o")
        assert len(server.calls) == 2


async def test_settings_of_an_upload_are_one_form_field() -> None:
    with RawServer(lambda call: call.send(answer({"batch": "b"}))) as server:
        async with knowledge_client(server.base_url) as client:
            await client.documents.create_by_file(
                "d", b"x", name="文.txt", process_rule={"mode": "automatic"}
            )
    (call,) = server.calls
    assert json.dumps({"process_rule": {"mode": "automatic"}}, separators=(",", ":")).encode() in call.body
    assert 'filename="文.txt"'.encode() in call.body
