"""Settings from options, the environment, an environment file, or a profile, in this order. Keys are never shown."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from dify_async.cli.env_file import load_env_file
from dify_async.cli.profiles import Profile, Profiles, profiles_path, read_profiles, write_profiles
from dify_async.errors import ConfigurationError
from dify_async.testing import FakeDify, Node, Refuse, Workflow
from tests.support.command import Command, on_a_terminal, the_error

NOTHING = {"DIFY_API_KEY": "", "DIFY_BASE_URL": "", "DIFY_USER": ""}


@pytest.fixture
def config(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]) -> Path:
    """The profiles of the commands, and of this process."""
    monkeypatch.setenv("XDG_CONFIG_HOME", environment["XDG_CONFIG_HOME"])
    return profiles_path()


# Profiles


def test_a_profile_replaces_all_other_settings(dify: Command, fake_dify: FakeDify, config: Path) -> None:
    add = ("profile", "add", "work", "--base-url", fake_dify.base_url, "--user", "eve")
    added = dify(*add, given=f"{fake_dify.api_key}\ndataset-123456\n", **NOTHING)
    assert (added.returncode, added.stdout) == (0, "")
    assert "stored the profile 'work'" in the_error(added)
    assert stat.S_IMODE(config.stat().st_mode) == 0o600
    assert stat.S_IMODE(config.parent.stat().st_mode) == 0o700
    assert read_profiles().get("work") == Profile(
        base_url=fake_dify.base_url, user="eve", api_key=fake_dify.api_key, knowledge_api_key="dataset-123456"
    )
    listed = dify("profile", "list")
    assert listed.stdout == f"*\twork\t{fake_dify.base_url}\teve\tapp, knowledge\n"
    shown = added.stderr + listed.stdout + listed.stderr + dify("profile", "list", "--json").stdout
    assert fake_dify.api_key not in shown
    assert "dataset-123456" not in shown
    assert dify("run", **NOTHING).returncode == 0
    assert [run.user for run in fake_dify.runs.values()] == ["eve"]


def test_precedence_of_options_environment_and_profile(
    dify: Command, fake_dify: FakeDify, config: Path, tmp_path: Path
) -> None:
    profile = Profile(base_url=fake_dify.base_url, user="profile", api_key=fake_dify.api_key)
    write_profiles(
        Profiles(default="one", by_name={"one": profile, "two": Profile(user="two", api_key="app-2")})
    )
    (tmp_path / "dify.env").write_text("DIFY_USER=file\nDIFY_PROFILE=one")
    settings = {"DIFY_API_KEY": "", "DIFY_BASE_URL": "", "DIFY_USER": "variable"}
    file = ("--env-file", "dify.env")
    for arguments, variables in (
        (["--user", "option", *file], settings),
        (list(file), settings),
        (list(file), {**settings, "DIFY_USER": None}),
        ([], NOTHING),
    ):
        done = dify("run", *arguments, **variables)
        assert done.returncode == 0, done.stderr
    assert [run.user for run in fake_dify.runs.values()] == ["option", "variable", "file", "profile"]
    hidden = dify("info", "--profile", "two")
    assert hidden.returncode == 0
    assert the_error(hidden) == "the environment takes precedence over the profile: DIFY_API_KEY, DIFY_USER"


def test_profiles_can_be_used_changed_and_removed(dify: Command, config: Path) -> None:
    write_profiles(
        Profiles(default="a", by_name={"a": Profile(api_key="app-a"), "b": Profile(api_key="app-b")})
    )
    assert dify("profile", "use", "b").returncode == 0
    assert dify("profile", "add", "b", "--user", "bob", given="").returncode == 0
    assert read_profiles() == Profiles(
        default="b", by_name={"a": Profile(api_key="app-a"), "b": Profile(api_key="app-b", user="bob")}
    )
    assert dify("profile", "remove", "b").returncode == 0
    assert read_profiles() == Profiles(default=None, by_name={"a": Profile(api_key="app-a")})


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["info", "--profile", "none"], "there is no profile 'none'; profiles: work. Add it: dify-async profile add none"),
        (["profile", "use", "none"], "there is no profile 'none'"),
        (["profile", "add", "a b"], "must consist of letters"),
        (["profile", "add", "x"], "standard input has no API key"),
        (["profile", "add", "x", "--api-key", "Bearer secret-1"], "must not start with 'Bearer '"),
        (["profile", "add", "x", "--api-key", "dataset-secret-1"], "takes a key that starts with 'app-'"),
        (["profile", "add", "x", "--api-key", "app-secret-1", "--base-url", "dify"], "--base-url must start with"),
        (["info", "--env-file", "none.env"], "--env-file 'none.env' cannot be read"),
        (["info", "--timeout", "0"], "'--timeout'"),
    ],
)  # fmt: skip
def test_invalid_settings_are_reported(
    dify: Command, config: Path, arguments: list[str], sentence: str
) -> None:
    write_profiles(Profiles(by_name={"work": Profile(api_key="app-work")}))
    done = dify(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert sentence in the_error(done)
    assert "secret-1" not in done.stderr
    assert list(read_profiles().by_name) == ["work"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('[profiles.work]\nkey = "app-secret"', "there is no setting 'key'"),
        ("[profiles.work]\napi_key = 5", "`api_key` in [profiles.work]"),
        ('default = "work', "not valid TOML"),
        ("profiles.work = 5", "must be a table"),
    ],
)
def test_an_invalid_profiles_file_is_reported(config: Path, text: str, sentence: str) -> None:
    config.parent.mkdir(parents=True)
    config.touch(0o600)
    config.write_text(text)
    with pytest.raises(ConfigurationError) as raised:
        read_profiles()
    assert sentence in str(raised.value)
    assert "secret" not in str(raised.value)


def test_a_profiles_file_that_others_can_read_is_reported(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_profiles(Profiles(by_name={"work": Profile(api_key="app-work")}))
    read_profiles()
    assert capsys.readouterr().err == ""
    config.chmod(0o644)
    read_profiles()
    assert "can be read by other users: chmod 600" in capsys.readouterr().err


@pytest.mark.usefixtures("config")
@pytest.mark.parametrize("user", ['a"b\\c', "明天", "\x7f\x1b\n", "# no comment"])
def test_a_profile_preserves_any_text(user: str) -> None:
    profiles = Profiles(by_name={"work": Profile(user=user)})
    write_profiles(profiles)
    assert read_profiles() == profiles


def test_a_profile_preserves_a_quoted_name(config: Path) -> None:
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text('[profiles."prod.eu"]\nuser = "ada"\n')
    config.chmod(0o600)
    profiles = read_profiles()
    write_profiles(profiles)
    assert read_profiles() == profiles == Profiles(by_name={"prod.eu": Profile(user="ada")})


def test_the_prompt_for_a_key_does_not_echo_it(environment: dict[str, str], config: Path) -> None:
    code, shown = on_a_terminal(
        "profile", "add", "work", typed="app-typed-1234\n", at="not shown", **environment
    )
    assert (code, read_profiles().get("work").api_key) == (0, "app-typed-1234")
    assert "API key, app-... or dataset-..." in shown
    assert "typed-1234" not in shown


# Environment files


def test_an_environment_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ["A_PLAIN", "A_QUOTED", "A_SINGLE", "A_EXPORTED", "A_COMMENT", "A_EMPTY", "A_LINE", "A_SET"]
    for name in names:
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    monkeypatch.setenv("A_SET", "before")
    path = tmp_path / "dify.env"
    path.write_text(
        '\ufeff# a comment\n\nA_PLAIN=x y\nA_QUOTED = "a \\"b\\"\\n" # why\nA_SINGLE=\'$x # y\'\n'
        "export A_EXPORTED=1\nA_COMMENT=a#b # c\nA_EMPTY=\nA_LINE=a\u2028b\r\nA_SET=after\n",
        encoding="utf-8",
    )
    load_env_file(path)
    assert [os.environ[name] for name in names] == [
        "x y",
        'a "b"\n',
        "$x # y",
        "1",
        "a#b",
        "",
        "a\u2028b",
        "before",
    ]
    for line in ("no-value", "A B=1", 'A="open', "=1"):
        path.write_text(f"# first\n{line}")
        with pytest.raises(ConfigurationError, match="line 2 of --env-file"):
            load_env_file(path)


# Time limits and logs


def test_a_run_that_takes_too_long_is_stopped(dify: Command, fake_dify: FakeDify) -> None:
    fake_dify.workflow = Workflow(nodes=[Node("Wait", seconds=60)])
    done = dify("run", "--timeout", "0.5")
    assert done.returncode == 3
    assert "not complete after 0.5 s (--timeout)" in the_error(done)
    assert fake_dify.wait_for(lambda: fake_dify.runs_stopped == 1)


def test_logs_of_retries_and_requests(dify: Command, fake_dify: FakeDify) -> None:
    fake_dify.faults.append(Refuse(status=503, on="GET /v1/info", times=1))
    done = dify("info", "-v")
    assert (done.returncode, done.stderr.count("\n")) == (0, 1)
    assert "attempt 1 failed, next in" in done.stderr
    done = dify("run", "-vv")
    assert done.returncode == 0
    assert "dify-async: GET /parameters at 127.0.0.1" in done.stderr
    assert "dify-async: POST /workflows/run at 127.0.0.1" in done.stderr
    assert ": 200 after " in done.stderr
    assert fake_dify.api_key not in done.stderr


# Completion


def test_the_shell_completes_commands_options_and_profiles(dify: Command, config: Path) -> None:
    write_profiles(Profiles(by_name={"work": Profile(), "home": Profile()}))

    def completed(line: str) -> list[str]:
        variables = {"COMP_WORDS": line, "COMP_CWORD": str(len(line.split(" ")) - 1)}
        return dify(_DIFY_ASYNC_COMPLETE="complete_bash", **variables).stdout.split()

    assert completed("dify-async pro") == ["probe", "profile"]
    assert "--timeout" in completed("dify-async run --")
    assert completed("dify-async run --profile w") == ["work"]
    assert completed("dify-async profile use ") == ["work", "home"]
