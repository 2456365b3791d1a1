"""`InputFile`: names, MIME types and kinds."""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

import pytest

from dify_async import InputFile
from dify_async.errors import ConfigurationError
from dify_async.models import FileType, UploadedFile


@pytest.mark.parametrize(
    ("name", "mime_type", "kind"),
    [
        ("a.png", "image/png", "image"),
        ("a.JPG", "image/jpeg", "image"),
        ("a.webp", "image/webp", "image"),
        ("a.svg", "image/svg+xml", "image"),
        ("a.bmp", "image/bmp", "image"),  # Not in the server's list: by its MIME type.
        ("a.mp3", "audio/mpeg", "audio"),
        ("a.m4a", "audio/mp4", "audio"),
        ("a.wav", "audio/wav", "audio"),
        ("a.mpga", "audio/mpeg", "audio"),
        ("a.webm", "video/webm", "video"),
        ("a.mp4", "video/mp4", "video"),
        ("a.mov", "video/quicktime", "video"),
        ("a.pdf", "application/pdf", "document"),
        ("a.md", "text/markdown", "document"),
        ("a.csv", "text/csv", "document"),
        ("a.docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document", "document"),
        ("a.xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "document"),
        ("a.pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation", "document"),
        ("a.eml", "message/rfc822", "document"),
        ("a.py", "text/x-python", "document"),
        ("a.json", "application/json", "custom"),
        ("a.zip", "application/zip", "custom"),
        ("a.exe", None, "custom"),
        ("a.tar.gz", "application/octet-stream", "custom"),
        ("README", "application/octet-stream", "custom"),
        (".png", "application/octet-stream", "custom"),
        ("图 片.png", "image/png", "image"),
    ],
)
def test_a_file_is_declared_by_its_extension(name: str, mime_type: str | None, kind: str) -> None:
    file = InputFile(b"", name=name)
    assert file.type == kind
    assert file.type.known
    if mime_type is not None:
        assert file.mime_type == mime_type
    assert UploadedFile(name=name, mime_type=file.mime_type).type == kind


def test_name_and_mime_type_can_be_set() -> None:
    assert InputFile(b"", name="a", mime_type="application/x-pdf").type is FileType.DOCUMENT
    assert InputFile(b"", name="a.pptx", type="custom").type is FileType.CUSTOM
    assert InputFile(b"", name="a.pptx", type=FileType.CUSTOM).type is FileType.CUSTOM


@pytest.mark.parametrize("mime_type", ["png", "image/", "image/png\r\nX: y", "bild/größe"])
def test_an_invalid_mime_type_is_rejected(mime_type: str) -> None:
    with pytest.raises(ConfigurationError, match="a MIME type must be"):
        InputFile(b"", name="a.png", mime_type=mime_type)


@pytest.mark.parametrize(
    ("url", "kind", "name"),
    [
        ("https://example.com/a/b.png?sign=x.mp3#y", "image", "b.png"),
        ("http://example.com/%E5%9B%BE.pdf", "document", "图.pdf"),
        ("https://example.com/clip.MP4", "video", "clip.MP4"),
    ],
)
def test_the_kind_of_a_url_comes_from_its_path(url: str, kind: str, name: str) -> None:
    file = InputFile.url(url)
    assert (file.type, file.name, file.address, file.source) == (kind, name, url, None)
    assert "sign" not in repr(file)


def test_a_url_without_an_extension_needs_a_kind() -> None:
    with pytest.raises(ConfigurationError, match='pass type="image"'):
        InputFile.url("https://example.com/download?id=5")
    assert InputFile.url("https://example.com/download?id=5", type="image").type is FileType.IMAGE
    assert InputFile.url("https://example.com/a.zip", type="custom").type is FileType.CUSTOM


@pytest.mark.parametrize("url", ["example.com/a.png", "file:///etc/passwd", "https:///a.png", ""])
def test_an_invalid_url_is_rejected(url: str) -> None:
    with pytest.raises(ConfigurationError, match="start with https://"):
        InputFile.url(url)


def test_an_async_file_is_rejected_with_a_hint() -> None:
    class Upload:
        async def read(self, size: int) -> bytes: ...

    upload: Any = Upload()
    with pytest.raises(ConfigurationError, match="pass the underlying file"):
        InputFile(upload, name="a.txt")


def test_the_repr_shows_neither_bytes_nor_urls() -> None:
    assert repr(InputFile(b"secret", name="a.txt")) == "InputFile('a.txt', type='document')"


def test_an_inputfile_pickles_if_its_source_does(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.touch()
    for file in (InputFile(path), InputFile(b"x", name="a.png"), InputFile.url("https://example.com/a.png")):
        copy = pickle.loads(pickle.dumps(file))
        assert (copy.name, copy.source, copy.address, copy.type) == (
            "a.png",
            file.source,
            file.address,
            "image",
        )
    with path.open("rb") as opened, pytest.raises(TypeError):
        pickle.dumps(InputFile(opened))


def test_a_source_without_a_name_needs_one() -> None:
    with open(0, "rb", closefd=False) as unnamed, pytest.raises(ConfigurationError, match="no name"):
        InputFile(unnamed)
    assert InputFile(io.BytesIO(b"x"), name="a.md").start == 0
