"""The contents to keep in a knowledge base: the files of a folder, or contents with names."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final, TypeAlias, cast

import attrs

from dify_async._local_files import CANNOT_OPEN, reason_of
from dify_async.errors import ConfigurationError

Content: TypeAlias = "bytes | os.PathLike[str]"
NamedContents: TypeAlias = (
    Mapping[str, Content] | Iterable[tuple[str, Content]] | AsyncIterable[tuple[str, Content]]
)
"""Bytes, or paths of files, by the relative path under which they are kept."""

_LONGEST_NAME: Final = 200
"""Characters of a file's name that Dify keeps."""
_SEPARATOR: Final = " - "


@attrs.frozen
class Digest:
    """Identifies a content, to detect changes."""

    hash: str
    """SHA-256, in hex."""
    size: int
    """Bytes."""

    @classmethod
    def of(cls, content: bytes) -> Digest:
        """Return the digest of bytes."""
        return cls(hashlib.sha256(content).hexdigest(), len(content))


@attrs.frozen
class Source:
    """A file or a content with a name."""

    path: str
    """Its relative path, with slashes."""
    content: Content = attrs.field(repr=False)
    """The bytes, or the path of the file."""

    async def digest(self) -> Digest:
        """Return the digest of the content, in constant memory."""
        if isinstance(self.content, bytes):
            return Digest.of(self.content)
        return await asyncio.to_thread(_digest_of_file, Path(self.content))

    async def read(self) -> bytes:
        """Return the content."""
        if isinstance(self.content, bytes):
            return self.content
        return await asyncio.to_thread(_bytes_of_file, Path(self.content))

    @property
    def document_name(self) -> str:
        """The name of its document: Dify allows no slashes, and cuts long names."""
        name = self.path.replace("/", _SEPARATOR)
        if len(name) <= _LONGEST_NAME:
            return name
        start = Digest.of(name.encode(errors="surrogatepass")).hash[:12] + _SEPARATOR
        return start + name[len(start) - _LONGEST_NAME :]


def sources_of(contents: object, include: Sequence[str], exclude: Path) -> AsyncIterator[Source]:
    """Yield the contents to keep: see `Documents.sync_folder`. `exclude` is a file to leave out."""
    if isinstance(include, str):
        raise ConfigurationError("`include` must be a list of patterns such as ['*.md'], got a str")
    for pattern in cast(Sequence[object], include):
        if not isinstance(pattern, str) or not pattern:
            raise ConfigurationError(f"a pattern of `include` must be a non-empty str, got {pattern!r:.100}")
    if isinstance(contents, str | os.PathLike):
        return _files_of(Path(cast(Any, contents)), include, exclude)
    if isinstance(contents, bytes) or not isinstance(contents, Mapping | Iterable | AsyncIterable):
        raise ConfigurationError(
            f"the contents must be a folder, or names with contents, got {type(contents).__name__}"
        )
    return _named(cast(NamedContents, contents), include)


async def _files_of(folder: Path, include: Sequence[str], exclude: Path) -> AsyncIterator[Source]:
    for path in await asyncio.to_thread(_walk, folder, exclude):
        name = path.relative_to(folder).as_posix()
        if _is_included(name, include):
            yield Source(name, path)


def _walk(folder: Path, exclude: Path) -> list[Path]:
    """Return the files of a folder in order, without hidden ones and `exclude`."""

    def raise_error(error: OSError) -> None:
        raise error  # Files of a folder that cannot be listed must not look like removed files.

    found: list[Path] = []
    try:
        for parent, folders, names in os.walk(folder, onerror=raise_error):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            found += [Path(parent, name) for name in sorted(names) if not name.startswith(".")]
    except CANNOT_OPEN as exc:
        place = getattr(exc, "filename", None) or str(folder)
        raise ConfigurationError(f"the folder {place!r} cannot be read: {reason_of(exc)}") from exc
    left_out = exclude.resolve()
    # A broken link is an error of that file; it must not look like one that was removed.
    files = [path for path in found if path.is_file() or not path.exists()]
    return [path for path in files if path.resolve() != left_out]


async def _named(contents: NamedContents, include: Sequence[str]) -> AsyncIterator[Source]:
    if isinstance(contents, AsyncIterable):
        async for name, content in contents:
            if _is_included(checked := _checked_path(name), include):
                yield Source(checked, _checked_content(name, content))
        return
    given: Any = contents
    pairs: Any = given.items() if isinstance(contents, Mapping) else given
    for name, content in pairs:
        if _is_included(checked := _checked_path(name), include):
            yield Source(checked, _checked_content(name, content))


def _is_included(path: str, patterns: Sequence[str]) -> bool:
    return not patterns or any(_matches(path.split("/"), _parts(pattern)) for pattern in patterns)


def _parts(pattern: str) -> list[str]:
    """Return the parts of a pattern, which matches in all folders unless it starts with a slash."""
    start, _, rest = pattern.partition("/")
    parts = [part for part in (rest if not start else pattern).split("/") if part != "."]
    if parts[-1:] == [""]:  # A slash at the end: everything in the folder.
        parts[-1] = "**"
    return parts if not start else ["**", *parts]


def _matches(path: list[str], pattern: list[str]) -> bool:
    if not pattern or not path:
        return not pattern and not path
    if pattern[0] == "**":
        return any(_matches(path[skipped:], pattern[1:]) for skipped in range(len(path) + 1))
    return fnmatchcase(path[0], pattern[0]) and _matches(path[1:], pattern[1:])


def _checked_path(name: object) -> str:
    is_valid = isinstance(name, str) and name.isprintable() and "\\" not in name
    if not isinstance(name, str) or not is_valid or {"", ".", ".."} & set(name.split("/")):
        raise ConfigurationError(
            f"the name of a content must be a relative path such as 'guides/setup.md', got {name!r:.100}"
        )
    return name


def _checked_content(name: str, content: object) -> Content:
    if isinstance(content, bytes | os.PathLike):
        return cast(Content, content)
    raise ConfigurationError(
        f"the content of {name!r} must be bytes or the Path of a file, got {type(content).__name__}"
    )


def _digest_of_file(path: Path) -> Digest:
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256")
            return Digest(digest.hexdigest(), file.tell())
    except CANNOT_OPEN as exc:
        raise _unreadable(path, exc) from exc


def _bytes_of_file(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except CANNOT_OPEN as exc:
        raise _unreadable(path, exc) from exc


def _unreadable(path: Path, error: OSError | ValueError) -> ConfigurationError:
    return ConfigurationError(f"the file {str(path)!r} cannot be read: {reason_of(error)}")
