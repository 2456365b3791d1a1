"""The Web API and chats in blocking clients."""

from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor

import pytest

from dify_async import errors
from dify_async.sync import AppClient, WebAppClient
from dify_async.testing import Chat, Completion, FakeDify, Field, Node, Workflow


def test_a_conversation_is_continued(fake_dify: FakeDify) -> None:
    fake_dify.app = Chat()
    with WebAppClient(fake_dify.app_code, user="ada", base_url=fake_dify.web_url) as web:
        talk = web.chat.conversation()
        first = talk.send("one")
        with talk.stream("two") as run:
            assert "".join(run.text) == run.partial_result.answer == run.result().answer == "Hello, world"
        assert talk.conversation_id == first.conversation_id
        assert list(fake_dify.messages.values())[-1].parent_message_id == first.message_id
        assert web.passport is not None
        assert [message.query for message in web.messages.list(first.conversation_id)] == ["one", "two"]


def test_threads_share_a_passport(fake_dify: FakeDify) -> None:
    with (
        WebAppClient(fake_dify.app_code, user="ada", base_url=fake_dify.web_url) as web,
        ThreadPoolExecutor(8) as pool,
    ):
        results = list(pool.map(web.workflows.run, [{}] * 16))
    assert {result.status for result in results} == {"succeeded"}
    assert len(fake_dify.passports) == 1


def test_a_form_is_submitted(fake_dify: FakeDify) -> None:
    fake_dify.app = Workflow(nodes=[Node("Ask", form="Sure?")], outputs={"x": 1})
    with AppClient(fake_dify.api_key, user="ada", base_url=fake_dify.base_url) as client:
        with pytest.raises(errors.RunPaused) as caught:
            client.workflows.run({})
        (form,) = caught.value.paused.forms
        assert form.form_token is not None
        with client.workflows.resume(
            caught.value.handle, form.form_token, {"comment": "fine"}, "approve"
        ) as run:
            assert run.result().outputs == {"x": 1}


def test_all_operations_of_a_visitor(fake_dify: FakeDify) -> None:
    fake_dify.app = Chat(suggested=["And tomorrow?"])
    fake_dify.remote_files["https://example.org/a b.pdf?v=2"] = ("application/pdf", b"%PDF")
    with WebAppClient(fake_dify.app_code, user="ada", base_url=fake_dify.web_url) as web:
        answer = web.chat.send("Hi?", files=[web.files.upload(b"x", name="a.txt")])
        conversation = answer.conversation_id
        assert web.messages.suggested(answer.message_id) == ["And tomorrow?"]
        web.messages.feedback(answer.message_id, "like")
        (message,) = web.messages.list(conversation)
        assert message.feedback is not None
        assert message.feedback.rating == "like"
        web.conversations.pin(conversation)
        assert [one.id for one in web.conversations.list(pinned=True)] == [conversation]
        web.conversations.unpin(conversation)
        assert web.conversations.rename(conversation, "Lyon").name == "Lyon"
        web.conversations.delete(conversation)
        assert web.conversations.list().all() == []
        web.chat.stop("no-such-task")
        assert web.audio.speak("Hi") == b"speech: Hi"
        assert web.audio.transcribe(b"x", name="a.mp3") == fake_dify.transcript
        assert web.remote_files.info("https://example.org/a b.pdf?v=2").file_length == 4
        assert web.app.site().site.title == fake_dify.name
        assert web.app.access_mode().access_mode == "public"
        assert web.auth.status(user_id="ada").app_logged_in
        with pytest.raises(errors.NotSupportedByServer):
            web.auth.login("ada@example.org", "summer2026")
        fake_dify.app = Completion()
        saved = web.completions.create({}).message_id
        web.saved_messages.save(saved)
        assert [one.id for one in web.saved_messages.list()] == [saved]
        web.saved_messages.delete(saved)
        assert web.messages.more_like_this(saved).answer
        fake_dify.app = Workflow(form=[Field("doc", "file")], outputs={"x": 1})
        doc = web.remote_files.upload("https://example.org/a b.pdf?v=2")
        handle = web.workflows.submit({"doc": doc})
        assert web.workflows.wait(handle).outputs == {"x": 1}
        with web.workflows.attach(handle) as run:
            assert [event.event for event in run] == ["workflow_finished"]
        assert web.auth.passport() == web.passport
        web.auth.logout()
        assert web.passport is None


def test_a_form_with_a_file_is_submitted_by_another_person(fake_dify: FakeDify) -> None:
    fake_dify.app = Workflow(nodes=[Node("Ask", form="Sure?", form_fields=[Field("scan", "file")])])
    with WebAppClient(fake_dify.app_code, user="ada", base_url=fake_dify.web_url) as web:
        with pytest.raises(errors.RunPaused) as caught:
            web.workflows.run({})
        token = str(caught.value.paused.forms[0].form_token)
        with WebAppClient(fake_dify.app_code, user="bob", base_url=fake_dify.web_url) as bob:
            assert bob.forms.get(token).form_content == "Sure?"
            scan = bob.forms.upload(b"%PDF", bob.forms.upload_token(token).upload_token, name="a.pdf")
            bob.forms.submit(token, {"scan": scan}, "approve")
        assert web.workflows.wait(caught.value.handle, continue_on_pause=True).status == "succeeded"
        with pytest.raises(errors.FormClosed):
            web.forms.get(token)


def test_a_private_app_works_after_a_login(fake_dify: FakeDify) -> None:
    fake_dify.app = Chat()
    fake_dify.webapp_auth, fake_dify.access_mode = True, "private"
    fake_dify.accounts["ada@example.org"] = "summer2026"
    with WebAppClient(fake_dify.app_code, base_url=fake_dify.web_url) as web:
        assert web.system.features().webapp_auth.enabled
        with pytest.raises(errors.LoginRequired):
            web.chat.send("Hi?")
        sent = web.auth.send_password_reset("ada@example.org")
        checked = web.auth.check_password_reset(
            "ada@example.org", fake_dify.codes["ada@example.org"], sent.data
        )
        web.auth.reset_password(checked.token, "winter2027")
        web.auth.login("ada@example.org", "winter2027")
        assert web.app.permission(web.app.site().app_id)
        sent = web.auth.send_login_code("ada@example.org")
        web.auth.login_with_code("ada@example.org", fake_dify.codes["ada@example.org"], sent.data)
        assert web.login_token is not None
        assert web.chat.send("Hi?").answer == "Hello, world"


def test_a_client_pickles_with_its_passport(fake_dify: FakeDify) -> None:
    fake_dify.app = Chat()
    with WebAppClient(fake_dify.app_code, base_url=fake_dify.web_url) as web:
        web.chat.send("one")
        with pickle.loads(pickle.dumps(web)) as again:
            again.chat.send("two")
            assert again.passport == web.passport
    with pytest.raises(errors.ConfigurationError, match="session"):
        WebAppClient("c0de", session=object())  # type: ignore[arg-type]
