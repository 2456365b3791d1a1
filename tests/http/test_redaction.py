"""Secrets are masked in what a server sends back."""

from __future__ import annotations

import pytest

from dify_async._http.redaction import Redactor, Secret


@pytest.mark.parametrize(
    ("secret", "sent_back"),
    [
        ("app-SECRET", "Authorization: Bearer app-SECRET"),
        ("se cret/+", "https://x/?token=se%20cret/%2B"),
        ("se cret/+", "https://x/?token=se+cret%2F%2B"),
        ('pass"word', '{"echo": "pass\\"word"}'),
        ("pässword", '{"echo": "p\\u00e4ssword"}'),
    ],
)
def test_every_spelling_of_a_secret_is_masked(secret: str, sent_back: str) -> None:
    redactor = Redactor([secret, "another secret"])
    for seen in (
        redactor.text(sent_back),
        redactor.data(sent_back.encode()).decode(),
        redactor.headers({"X-Echo": sent_back})["x-echo"],
    ):
        assert "***" in seen
        assert "cret" not in seen
        assert "word" not in seen


def test_a_secret_that_contains_another_is_masked_as_a_whole() -> None:
    assert Redactor(["secret", "secret-and-more"]).text("a secret-and-more, a secret") == "a ***, a ***"


def test_short_secrets_are_not_masked() -> None:
    assert Redactor(["token"]).text("a token") == "a token"


def test_the_repr_of_a_secret_is_masked() -> None:
    assert repr(Secret("app-SECRET")) == "'***'"
    assert f"Bearer {Secret('app-SECRET')}" == "Bearer app-SECRET"
