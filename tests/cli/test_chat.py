"""The commands `chat` and `complete`: real processes against a FakeDify, some on a terminal."""

from __future__ import annotations

import json
import re
import signal
from pathlib import Path
from typing import Any

import pytest

from dify_async.testing import Chat, Completion, FakeDify, Field, Node, Refuse, Thought, Workflow
from tests.support.command import COMMAND, Command, interrupted, on_a_terminal, the_error
from tests.support.limits import HANGS_AFTER
from tests.support.processes import running

ECHO = Chat(answer=lambda query, _: ["You said ", query, "."])
CHATFLOW = Workflow(mode="advanced-chat", nodes=[Node("Say", text=["It is ", "sunny."], tokens=5)])
BOTH = pytest.mark.parametrize("fake_dify_version", ["1.14", "1.16"])


@BOTH
@pytest.mark.parametrize(
    ("app", "answer"), [(ECHO, "You said Hi?.\n"), (CHATFLOW, "It is sunny.\n")], ids=["chat", "chatflow"]
)
def test_one_message(dify: Command, fake_dify: FakeDify, app: Any, answer: str) -> None:
    fake_dify.app = app
    done = dify("chat", "Hi?")
    assert (done.returncode, done.stdout, done.stderr) == (0, answer, "")
    (message,) = fake_dify.messages.values()
    assert (message.query, message.user) == ("Hi?", "ada")
    result = json.loads(
        dify("chat", "-", "--json", "--conversation", message.conversation.id, given="Hi?\n").stdout
    )
    assert (result["answer"], result["conversation_id"]) == (answer.strip(), message.conversation.id)
    events = [json.loads(line)["event"] for line in dify("chat", "Hi?", "--events").stdout.splitlines()]
    assert "message" in events
    assert "message_end" in events


def test_each_line_of_standard_input_is_a_message(dify: Command, fake_dify: FakeDify) -> None:
    fake_dify.app = ECHO
    done = dify("chat", given="One\n\nTwo\n")
    assert (done.returncode, done.stdout, done.stderr) == (0, "You said One.\nYou said Two.\n", "")
    assert len({message.conversation.id for message in fake_dify.messages.values()}) == 1


def test_inputs_and_files_go_with_the_first_message(
    dify: Command, fake_dify: FakeDify, tmp_path: Path
) -> None:
    fake_dify.app = Chat(form=[Field("tone", required=True)])
    (tmp_path / "a.pdf").write_bytes(b"%PDF")
    assert "tone is required" in the_error(dify("chat", "Hi?"))
    assert "--file: there is no file 'b.pdf'" in the_error(
        dify("chat", "Hi?", "-i", "tone=calm", "-f", "b.pdf")
    )
    assert dify("chat", "-i", "tone=calm", "-f", "a.pdf", given="One\nTwo\n").returncode == 0
    bodies = [
        json.loads(request.body) for request in fake_dify.requests if request.path == "/v1/chat-messages"
    ]
    assert [body["inputs"] for body in bodies] == [{"tone": "calm"}] * 2
    assert [len(body.get("files", [])) for body in bodies] == [1, 0]


def test_tools_and_a_replaced_answer_are_shown(dify: Command, fake_dify: FakeDify) -> None:
    thought = Thought("I look. ", "current_time", '{"zone": "UTC"}', "noon")
    fake_dify.app = Chat(mode="agent-chat", thoughts=[thought], answer="Noon.")
    done = dify("chat", "When?")
    assert "Noon." in done.stdout
    assert done.stdout.count("Noon.") == 1
    assert 'dify-async: calls current_time {"zone": "UTC"}' in done.stderr
    fake_dify.app = Chat(answer="Rude words", replaced="Kind words")
    done = dify("chat", "Well?")
    assert (done.stdout, the_error(done)) == ("Rude words\nKind words\n", "the server replaces the answer:")


def test_ctrl_c_stops_an_answer(environment: dict[str, str], fake_dify: FakeDify) -> None:
    fake_dify.app = Chat(answer=["First\n", *["more "] * 50], seconds=60)
    code, said = interrupted(environment, "chat", "Hi?", at="First")
    assert code == 130
    assert said == "dify-async: interrupted; the server was asked to stop the answer\n"
    assert fake_dify.wait_for(lambda: "/stop" in fake_dify.requests[-1].path)


@pytest.mark.parametrize(
    ("app", "command", "sentence"),
    [
        (ECHO, "run", "use dify-async chat or complete; dify-async info shows the mode of the app"),
        (Workflow(), "chat Hi", "use dify-async run or complete"),
        (ECHO, "complete Hi", "it may be an app of another mode"),
    ],
)
def test_an_app_of_another_mode(
    dify: Command, fake_dify: FakeDify, app: Any, command: str, sentence: str
) -> None:
    fake_dify.app = app
    done = dify(*command.split())
    assert done.returncode == 2
    assert sentence in done.stderr.splitlines()[-1]


# Interactive


def test_a_conversation_on_a_terminal(environment: dict[str, str], fake_dify: FakeDify) -> None:
    fake_dify.app = ECHO
    code, shown = on_a_terminal(
        "chat", typed=["One\n", "Two\n", "\x04"], at=["> ", "> ", "> "], **environment
    )
    assert code == 0
    assert "You said One." in shown
    assert "You said Two." in shown
    (conversation,) = {message.conversation.id for message in fake_dify.messages.values()}
    assert f"to continue: dify-async chat --conversation {conversation}" in shown
    code, shown = on_a_terminal(
        "chat", "--conversation", conversation, typed=["", "\x04"], at=["You said Two.", "> "], **environment
    )
    assert code == 0
    assert re.search(r"> One\r\nYou said One\.\r\n> Two\r\nYou said Two\.", shown)


def test_ctrl_c_stops_the_answer_and_a_second_one_the_chat(
    environment: dict[str, str], fake_dify: FakeDify
) -> None:
    fake_dify.app = Chat(answer=["First ", *["more "] * 50], seconds=60)
    code, shown = on_a_terminal(
        "chat", typed=["Go\n", "\x03", "\x03"], at=["> ", "First", "> "], is_controlling=True, **environment
    )
    assert code == 130
    assert "interrupted; the server was asked to stop the answer" in shown
    assert fake_dify.wait_for(lambda: "/stop" in fake_dify.requests[-1].path)


def test_an_error_does_not_end_a_conversation(environment: dict[str, str], fake_dify: FakeDify) -> None:
    fake_dify.app = ECHO
    fake_dify.faults.append(Refuse(status=500, message="oops", on="/chat-messages"))
    code, shown = on_a_terminal(
        "chat", typed=["One\n", "Two\n", "\x04"], at=["> ", "> ", "> "], **environment
    )
    assert code == 0
    assert "oops" in shown
    assert "You said Two." in shown


def test_sigterm_at_the_prompt_ends_the_chat(environment: dict[str, str], fake_dify: FakeDify) -> None:
    fake_dify.app = Chat(answer=["First\n", *["more "] * 50], seconds=60)
    with running([*COMMAND, "chat", "Hi?"], environment) as process:
        assert process.stdout is not None
        assert "First" in process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        assert process.wait(HANGS_AFTER) == 143


# Completions


def test_a_completion(dify: Command, fake_dify: FakeDify) -> None:
    fake_dify.app = Completion(
        form=[Field("query", "paragraph", required=True), Field("tone")],
        answer=lambda _, inputs: f"About {inputs['query']}, {inputs['tone']}",
    )
    done = dify("complete", "the sea", "-i", "tone=calm")
    assert (done.returncode, done.stdout, done.stderr) == (0, "About the sea, calm\n", "")
    piped = json.loads(dify("complete", "-", "--json", given="cats").stdout)
    assert piped["answer"] == "About cats, None"
    assert "query is required" in the_error(dify("complete"))
