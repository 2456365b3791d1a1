"""Uploads and downloads with a real server."""

from __future__ import annotations

import asyncio
import io
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from dify_async import AppClient, InputFile, Timeouts, errors
from dify_async.models import FileType
from dify_async.testing import Delay, Drop, FakeDify, Refuse, StoredFile
from tests.support.clients import app_client
from tests.support.limits import HANGS_AFTER
from tests.support.servers import serve

CONTENT = bytes(range(256)) * 700  # More than one part.


async def _parts(content: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(content), 1000):
        yield content[start : start + 1000]


def _path(folder: Path) -> Any:
    path = folder / "data.csv"
    path.write_bytes(CONTENT)
    return path


def _opened_file(folder: Path) -> Any:
    file = (folder / "data.csv").open("w+b")
    file.write(b"skipped" + CONTENT)
    file.seek(len(b"skipped"))
    return file


SOURCES: dict[str, Callable[[Path], Any]] = {
    "path": _path,
    "path as text": lambda folder: str(_path(folder)),
    "bytes": lambda _: CONTENT,
    "bytearray": lambda _: bytearray(CONTENT),
    "BytesIO": lambda _: io.BytesIO(CONTENT),
    "file": _opened_file,
    "iterator": lambda _: _parts(CONTENT),
}


@pytest.mark.parametrize("source", SOURCES)
async def test_every_source_is_uploaded_completely(
    client: AppClient, fake_dify: FakeDify, tmp_path: Path, source: str
) -> None:
    given = SOURCES[source](tmp_path)
    uploaded = await client.files.upload(given, name="data.csv")
    assert (uploaded.name, uploaded.size, uploaded.extension) == ("data.csv", len(CONTENT), "csv")
    assert (uploaded.mime_type, uploaded.type) == ("text/csv", FileType.DOCUMENT)
    assert uploaded.raw["id"] == uploaded.id
    stored = fake_dify.files[uploaded.id]
    assert (stored.content, stored.user) == (CONTENT, "ada")
    if isinstance(given, io.IOBase):
        assert not given.closed, "the caller's file stays open"
        given.close()


async def test_an_upload_has_the_name_of_the_file(client: AppClient, tmp_path: Path) -> None:
    with _opened_file(tmp_path) as file:
        assert (await client.files.upload(file)).name == "data.csv"
    assert (await client.files.upload(tmp_path / "data.csv")).name == "data.csv"


async def test_name_and_mime_type_can_be_set(client: AppClient, fake_dify: FakeDify) -> None:
    uploaded = await client.files.upload(b"x", name="notes", mime_type="text/x-notes")
    assert fake_dify.files[uploaded.id].mime_type == "text/x-notes"
    uploaded = await client.files.upload(InputFile(b"x", name="a.bin", mime_type="image/x-raw"))
    assert fake_dify.files[uploaded.id].mime_type == "image/x-raw"
    with pytest.raises(errors.ConfigurationError, match="pass them to InputFile"):
        await client.files.upload(InputFile(b"x", name="a.bin"), name="b.bin")
    with pytest.raises(errors.ConfigurationError, match="content to upload"):
        await client.files.upload(InputFile.url("https://example.com/a.png"))


NAMES = ["图 片.png", "😀👩‍👩‍👧.pdf", 'quoted "name".txt', "50%.txt", "%E5.txt", "semi;colon.txt", "naïve\u2028.txt",
         "back\\slash.txt", "a/b.txt", "'x'.txt", "x" * 300 + ".txt", "=?utf-8?b?eA==?=.txt"]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
async def test_names_are_stored_unchanged(werkzeug_server: tuple[str, list[object]], name: str) -> None:
    address, seen = werkzeug_server
    async with AppClient("app-x", user="Ünï 用户", base_url=address) as client:
        await client.files.upload(CONTENT, name=name)
        await client.files.upload(_parts(CONTENT), name=name)
    assert seen == [("file", name, CONTENT, {"user": "Ünï 用户"})] * 2


@pytest.mark.parametrize("name", ["a\r\nX: y.txt", "a\0.txt", "\x7f", "a\ud800.txt", ""])
async def test_names_that_no_header_can_carry_are_rejected(client: AppClient, name: str) -> None:
    with pytest.raises(errors.ConfigurationError, match="name of a file"):
        await client.files.upload(b"x", name=name)


async def test_a_name_on_disk_that_is_not_valid_unicode_is_sent_as_str(
    client: AppClient, tmp_path: Path
) -> None:
    path = os.fsencode(tmp_path) + b"/caf\xe9.txt"
    Path(os.fsdecode(path)).write_bytes(b"x")
    assert (await client.files.upload(os.fsdecode(path))).name == "caf\ufffd.txt"


async def test_a_file_that_cannot_be_read_is_an_error(client: AppClient, tmp_path: Path) -> None:
    with pytest.raises(errors.ConfigurationError, match="No such file"):
        await client.files.upload(tmp_path / "missing.pdf")
    with pytest.raises(errors.ConfigurationError, match="directory"):
        await client.files.upload(tmp_path)


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("https://example.com/a.png", r"InputFile\.url"),
        (io.StringIO("x"), 'mode "rb"'),
        (b"x", "no name"),
        (5, "got int"),
        (None, "got NoneType"),
    ],
)
async def test_a_value_that_is_not_a_file_is_an_error(client: AppClient, source: Any, sentence: str) -> None:
    with pytest.raises(errors.ConfigurationError, match=sentence):
        await client.files.upload(source)


async def test_exceptions_of_a_custom_source_propagate(client: AppClient, fake_dify: FakeDify) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"x" * 100_000
        raise RuntimeError("the disk is on fire")

    async def texts() -> AsyncIterator[Any]:
        yield "x"

    with pytest.raises(RuntimeError, match="on fire"):
        await client.files.upload(broken(), name="a.txt")
    with pytest.raises(errors.ConfigurationError, match="must yield bytes, got str"):
        await client.files.upload(texts(), name="a.txt")
    assert fake_dify.files == {}


async def test_limits_of_the_server_are_reported(client: AppClient, fake_dify: FakeDify) -> None:
    with pytest.raises(errors.FileTooLarge) as caught:
        await client.files.upload(bytes(11 * 2**20), name="big.png")
    assert (caught.value.status, caught.value.code) == (413, "file_too_large")
    assert (await client.files.upload(bytes(11 * 2**20), name="big.txt")).size == 11 * 2**20
    page = b"<html><head><title>413 Request Entity Too Large</title></head></html>"
    fake_dify.faults.append(Refuse(status=413, body=page, on="POST"))
    with pytest.raises(errors.FileTooLarge, match="client_max_body_size"):
        await client.files.upload(b"x", name="a.txt")


@pytest.mark.parametrize("size", [100, 50_000_000])
async def test_an_upload_ends_when_the_server_rejects_it(tmp_path: Path, size: int) -> None:
    page = b"<html><title>413 Request Entity Too Large</title></html>"

    handlers: list[asyncio.Task[None]] = []

    async def reject(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        handlers.append(task)
        await reader.readuntil(b"\r\n\r\n")
        head = f"HTTP/1.1 413 X\r\nContent-Type: text/html\r\nContent-Length: {len(page)}\r\n\r\n"
        writer.write(head.encode() + page)
        await writer.drain()
        await reader.read(2**16)  # The rest stays unread.
        await gone.wait()
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()

    gone = asyncio.Event()
    server = await asyncio.start_server(reject, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    path = tmp_path / "big.pdf"
    with path.open("wb") as file:
        file.truncate(size)
    async with (
        asyncio.timeout(HANGS_AFTER),
        AppClient("app-x", user="u", base_url=f"http://127.0.0.1:{port}") as client,
    ):
        with pytest.raises(errors.FileTooLarge):
            await client.files.upload(path)
        await asyncio.sleep(0)  # Unfinished sends end at the loop's next iteration.
    server.close()
    gone.set()
    await asyncio.gather(*handlers, return_exceptions=True)


async def test_an_upload_takes_constant_memory(fake_dify: FakeDify, tmp_path: Path) -> None:
    path = tmp_path / "large.bin"
    with path.open("wb") as file:
        file.truncate(300 * 2**20)
    program = f"""
import asyncio, resource
from dify_async import AppClient, errors
async def main():
    async with AppClient({fake_dify.api_key!r}, user="u", base_url={fake_dify.base_url!r}) as client:
        await client.files.upload(b"x", name="small.txt")
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        try:
            await client.files.upload({str(path)!r})
        except errors.FileTooLarge:
            print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
asyncio.run(main())
"""
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert int(done.stdout) < 20, "MiB"


# Retries


async def test_an_upload_is_retried_only_if_it_did_not_arrive(client: AppClient, fake_dify: FakeDify) -> None:
    fake_dify.faults.append(Drop(on="POST"))
    with pytest.raises(errors.ConnectionFailed):
        await client.files.upload(b"x", name="a.txt")
    fake_dify.faults.append(Refuse(status=503, on="POST"))
    with pytest.raises(errors.ServerError):
        await client.files.upload(b"x", name="a.txt")
    assert fake_dify.files == {}
    fake_dify.faults.append(Refuse(status=429, code="too_many_requests", on="POST"))
    with io.BytesIO(CONTENT) as file:
        await client.files.upload(file, name="a.txt")
    assert [file.content for file in fake_dify.files.values()] == [CONTENT], "complete, although sent again"


async def test_a_source_that_cannot_seek_is_read_once(client: AppClient, fake_dify: FakeDify) -> None:
    class Answer(io.BytesIO):
        def seekable(self) -> bool:
            return False

        def seek(self, *_: object) -> int:
            raise io.UnsupportedOperation("seek")

    with Answer(CONTENT) as answer:
        file = InputFile(answer, name="a.csv")
        await client.workflows.run({"doc": file})
        with pytest.raises(errors.ConfigurationError, match="cannot be read again"):
            await client.for_user("bob").workflows.run({"doc": file})
    assert [stored.content for stored in fake_dify.files.values()] == [CONTENT]


async def test_a_source_that_cannot_seek_is_not_sent_partially(
    client: AppClient, fake_dify: FakeDify
) -> None:
    fake_dify.faults.append(Refuse(status=429, code="too_many_requests", on="POST"))
    with pytest.raises(errors.ConfigurationError, match="cannot be read again"):
        await client.files.upload(_parts(CONTENT), name="a.txt")
    assert fake_dify.files == {}


# Files as inputs


async def test_a_file_becomes_an_object_and_a_list_of_files_an_array(
    client: AppClient, fake_dify: FakeDify
) -> None:
    report = InputFile(b"%PDF", name="q3.pdf")
    uploaded = await client.files.upload(b"x", name="b.png")
    result = await client.workflows.run(
        {
            "report": report,
            "pictures": [InputFile(b"y", name="a.png"), uploaded, None],
            "remote": [InputFile.url("https://example.com/x/c.jpg?sign=1")],
            "nothing": None,
            "nested": {"deep": [report]},
        },
        files=[
            report,
            {"type": "image", "transfer_method": "remote_url", "url": "https://example.com/d.png"},
        ],
    )
    sent = _run_body(fake_dify)
    ids = {file.name: file.id for file in fake_dify.files.values()}
    local = {"transfer_method": "local_file"}
    report_sent = {"type": "document", **local, "upload_file_id": ids["q3.pdf"]}
    assert sent["inputs"] == {
        "report": report_sent,
        "pictures": [
            {"type": "image", **local, "upload_file_id": ids["a.png"]},
            {"type": "image", **local, "upload_file_id": uploaded.id},
        ],
        "remote": [
            {"type": "image", "transfer_method": "remote_url", "url": "https://example.com/x/c.jpg?sign=1"}
        ],
        "nested": {"deep": [report_sent]},
    }
    assert sent["files"][0] == report_sent
    assert sent["files"][1]["url"] == "https://example.com/d.png"
    assert len(fake_dify.files) == 3, "each once"
    assert result.outputs["report"]["filename"] == "q3.pdf"
    assert [file.filename for file in result.files][:2] == ["q3.pdf", "a.png"]


def _run_body(dify: FakeDify) -> Any:
    import orjson

    return orjson.loads([seen for seen in dify.requests if seen.path.endswith("/run")][-1].body)


async def test_a_file_is_uploaded_once_for_each_end_user(client: AppClient, fake_dify: FakeDify) -> None:
    shared = InputFile(io.BytesIO(CONTENT), name="shared.csv")
    fake_dify.faults.append(Delay(seconds=0.05, on="files/upload"))
    await asyncio.gather(*(client.workflows.run({"doc": shared}) for _ in range(20)))
    bob = client.for_user("bob")
    await asyncio.gather(*(bob.workflows.run({"doc": shared}) for _ in range(3)))
    async with bob.workflows.stream({"doc": shared}) as run:
        assert (await run.result()).outputs["doc"]["filename"] == "shared.csv"
    await client.workflows.wait(await client.workflows.submit({"doc": shared}))
    await client.workflows.run({"doc": shared}, response_mode="blocking")
    assert sorted((file.user, file.content) for file in fake_dify.files.values()) == [
        ("ada", CONTENT),
        ("bob", CONTENT),
    ]
    assert all(run.status == "succeeded" for run in fake_dify.runs.values())


async def test_each_inputfile_is_uploaded_even_for_the_same_path(
    client: AppClient, fake_dify: FakeDify, tmp_path: Path
) -> None:
    path = _path(tmp_path)
    await client.workflows.run({"a": InputFile(path), "b": InputFile(path)})
    assert len(fake_dify.files) == 2


async def test_a_failed_upload_starts_no_run_and_is_retried_by_the_next_call(
    client: AppClient, fake_dify: FakeDify
) -> None:
    file = InputFile(b"x", name="a.txt")
    fake_dify.faults.append(Refuse(status=415, code="unsupported_file_type", on="files/upload"))
    for start in (client.workflows.run, client.workflows.submit):
        with pytest.raises(errors.UnsupportedFileType) as caught:
            await start({"doc": file})
        assert caught.value.operation == "POST /files/upload"
        fake_dify.faults.append(Refuse(status=415, code="unsupported_file_type", on="files/upload"))
    fake_dify.faults.clear()
    assert fake_dify.runs_started == 0
    assert (await client.workflows.run({"doc": file})).outputs["doc"]["filename"] == "a.txt"


async def test_a_cancelled_upload_is_continued_by_a_waiting_call(
    client: AppClient, fake_dify: FakeDify
) -> None:
    file = InputFile(b"x", name="a.txt")
    fake_dify.faults.append(Delay(seconds=30, on="files/upload"))
    first = asyncio.create_task(client.workflows.run({"doc": file}))
    assert await asyncio.to_thread(fake_dify.wait_for, lambda: len(fake_dify.requests) == 1)
    second = asyncio.create_task(client.workflows.run({"doc": file}))
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    assert (await second).outputs["doc"]["filename"] == "a.txt"
    assert fake_dify.runs_started == 1


async def test_the_total_timeout_of_a_run_includes_its_uploads(
    client: AppClient, fake_dify: FakeDify
) -> None:
    file = InputFile(b"x", name="a.txt")
    for timeout in (0.2, Timeouts(total=0.2)):
        for mode in ("streaming", "blocking"):
            fake_dify.faults.append(Delay(seconds=30, on="files/upload"))
            with pytest.raises(errors.TotalTimeout):
                await client.workflows.run({"doc": file}, timeout=timeout, response_mode=mode)  # type: ignore[arg-type]
    assert fake_dify.runs_started == 0


async def test_a_value_that_is_not_json_is_an_error_that_explains_files(
    client: AppClient, tmp_path: Path
) -> None:
    for value in (tmp_path, b"x", io.BytesIO()):
        with pytest.raises(errors.ConfigurationError, match=r"pass a file as InputFile\(\.\.\.\)"):
            await client.workflows.run({"doc": value})
    with pytest.raises(errors.ConfigurationError, match="must be a JSON value, got object"):
        await client.workflows.run({"doc": object()})


async def test_extra_headers_are_sent_with_uploads(client: AppClient, fake_dify: FakeDify) -> None:
    await client.workflows.run({"doc": InputFile(b"x", name="a.txt")}, extra_headers={"X-Gate": "open"})
    assert [seen.headers.get("X-Gate") for seen in fake_dify.requests] == ["open", "open"]


# Previews


@pytest.fixture
def stored(fake_dify: FakeDify) -> StoredFile:
    file = StoredFile(
        "7d9b2a58-0000-4000-8000-000000000001", "ü.png", "image/png", CONTENT, "ada", fake_dify.app_id, True
    )
    fake_dify.files[file.id] = file
    return file


async def test_a_file_of_a_message_can_be_previewed(
    client: AppClient, fake_dify: FakeDify, stored: StoredFile, tmp_path: Path
) -> None:
    assert await client.files.preview(stored.id) == CONTENT
    target = tmp_path / "saved.png"
    target.write_bytes(b"old")
    assert await client.files.preview(stored.id, target) == target
    assert target.read_bytes() == CONTENT
    assert fake_dify.requests[0].path == f"/v1/files/{stored.id}/preview?user=ada"


async def test_a_file_over_the_limit_can_be_saved_to_disk(
    fake_dify: FakeDify, stored: StoredFile, tmp_path: Path
) -> None:
    async with app_client(fake_dify, max_event_bytes=1000) as client:
        with pytest.raises(errors.TooLarge):
            await client.files.preview(stored.id)
        await client.files.preview(stored.id, str(tmp_path / "a.png"))
    assert (tmp_path / "a.png").read_bytes() == CONTENT


async def test_a_failed_download_keeps_the_existing_file(
    client: AppClient, fake_dify: FakeDify, stored: StoredFile, tmp_path: Path
) -> None:
    target = tmp_path / "kept.png"
    target.write_bytes(b"old")
    with pytest.raises(errors.NotFound, match="message context"):
        await client.files.preview("00000000-0000-0000-0000-000000000000", target)
    fake_dify.faults.append(Drop(on="preview", times=9))
    with pytest.raises(errors.ConnectionFailed):
        await client.files.preview(stored.id, target)
    fake_dify.faults.clear()
    with pytest.raises(errors.ConfigurationError, match="cannot write the file"):
        await client.files.preview(stored.id, tmp_path / "no" / "such.png")
    assert [path.name for path in tmp_path.iterdir()] == ["kept.png"]
    assert target.read_bytes() == b"old"


async def test_an_interrupted_download_is_retried(tmp_path: Path) -> None:
    tries: list[str] = []

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        tries.append(request.path)
        response = web.StreamResponse(headers={"Content-Length": str(len(CONTENT))})
        await response.prepare(request)
        if len(tries) == 1:
            await response.write(CONTENT[:70_000])
            assert request.transport is not None
            request.transport.abort()
        else:
            await response.write(CONTENT)
        return response

    async with serve(answer) as address, AppClient("app-x", user="u", base_url=address) as client:
        await client.files.preview("f", tmp_path / "whole.bin")
    assert len(tries) == 2
    assert (tmp_path / "whole.bin").read_bytes() == CONTENT
    assert len(list(tmp_path.iterdir())) == 1
