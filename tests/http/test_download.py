"""Downloads to disk: complete or not at all, with any valid file name, and with unchanged permissions."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from dify_async import errors, sync
from dify_async.models import RunFile
from tests.support.clients import KEY, NO_RETRY, app_client
from tests.support.families import settings_for
from tests.support.raw_server import Call, RawServer, answer

FILE = RunFile(url="/files/x?sign=y")


async def hello(call: Call) -> bool:
    await call.send(answer(b"hello", headers="Content-Type: text/plain\r\n"))
    return True


@pytest.mark.parametrize("name", ["a" * 250, "a" * 255, "\u00e4" * 127, "a b'\"\u4f8b.txt"], ids=len)
async def test_a_file_name_that_the_disk_accepts(name: str, tmp_path: Path) -> None:
    with RawServer(hello) as server:
        async with app_client(server.base_url) as client:
            assert await client.files.download(FILE, tmp_path / name) == tmp_path / name
    assert (tmp_path / name).read_bytes() == b"hello"
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert KEY.encode() not in server.calls[0].head


@pytest.mark.parametrize("name", ["a" * 256, "\u00e4" * 128, "a\0b", "none/a"], ids=len)
async def test_a_file_name_that_the_disk_rejects(name: str, tmp_path: Path) -> None:
    with RawServer(hello) as server:
        async with app_client(server.base_url) as client:
            with pytest.raises(errors.ConfigurationError, match="cannot write the file"):
                await client.files.download(FILE, tmp_path / name)
        with sync.AppClient(**settings_for("app", server.base_url)) as blocking:
            with pytest.raises(errors.ConfigurationError, match="cannot write the file"):
                blocking.files.download(FILE, tmp_path / name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="permissions and links")
async def test_permissions_and_links_are_kept(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_bytes(b"old")
    target.chmod(0o600)
    link.symlink_to(target)
    with RawServer(hello) as server:
        async with app_client(server.base_url) as client:
            await client.files.download(FILE, link)
            await client.files.download(FILE, tmp_path / "new")
    assert link.is_symlink()
    assert (target.read_bytes(), target.stat().st_mode & 0o777) == (b"hello", 0o600)
    umask = os.umask(0)
    os.umask(umask)
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o666 & ~umask


async def test_an_interrupted_download_keeps_the_existing_file(tmp_path: Path) -> None:
    async def cut(call: Call) -> None:
        await call.send(answer(b"hello")[:-2])

    path = tmp_path / "a"
    path.write_bytes(b"old")
    with RawServer(cut) as server:
        async with app_client(server.base_url, retry=NO_RETRY) as client:
            with pytest.raises(errors.ConnectionFailed):
                await client.files.download(FILE, path)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
