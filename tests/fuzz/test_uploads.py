"""Forms as they are written here, read by the library that Dify reads them with."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from werkzeug.wrappers import Request

from dify_async import InputFile
from dify_async._core.identity import AppIdentity
from dify_async._core.multipart import Form, multipart
from dify_async.errors import ConfigurationError

fuzzed = settings.get_profile("fuzz")

names = st.text(
    alphabet=st.one_of(
        st.sampled_from("\"'\\/;:%=&?*<>|, .-_+#@[]()0aé图Ж😀\u200d\u2028\u202e\ufeff"),
        st.characters(codec="utf-8", exclude_categories=["Cc"]),
        st.characters(codec="utf-8", categories=["Cc"], min_codepoint=0x80),
    ),
    min_size=1,
    max_size=30,
) | st.sampled_from(["%0D%0A", "a%22b.txt", 'a".png"; x="y', "=?utf-8?b?eA==?=", "utf-8''%e5.txt", "C:\\a\\b", ".."])  # fmt: skip
users = st.text(st.sampled_from("\r\n\0\"'\\-;=%é图😀") | st.characters(codec="utf-8"), min_size=1, max_size=30)
contents = st.binary(max_size=300) | st.lists(
    st.sampled_from([b"\r\n", b"--", b"\r", b"\n", b"\0", b"Content-Disposition: form-data", b"\r\n\r\n", b"x" * 9])
).map(b"".join)
tokens = st.text(st.sampled_from("abcxyz0189.+-_"), min_size=1, max_size=12)
mime_types = st.none() | st.builds("{}/{}".format, tokens, tokens)


async def read(form: Form) -> tuple[dict[str, str], list[tuple[str, str | None, str, bytes]]]:
    """Write a form and read it: its fields, and for each file field, name, content type and content."""
    async with multipart(form) as written:
        body = written()
        ...
