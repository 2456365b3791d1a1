"""The settings that all commands share: from options, else the environment, else a profile."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, Concatenate, Final, ParamSpec, TypeAlias

import attrs
import typer

from dify_async.cli.env_file import load_env_file
from dify_async.cli.output import say
from dify_async.cli.profiles import read_profiles
from dify_async.cli.verbose import log_more

P = ParamSpec("P")

_DEFAULT_USER: Final = "dify-async"
_HELP_OF_KEY: Final = "safer in the environment or a profile, where other users cannot see it."

_AppKey = Annotated[
    str | None,
    typer.Option(
        "--api-key",
        envvar="DIFY_API_KEY",
        show_default=False,
        help=f"API key of the app, app-...; {_HELP_OF_KEY}",
    ),
]
_KnowledgeKey = Annotated[
    str | None,
    typer.Option(
        "--api-key",
        envvar="DIFY_KNOWLEDGE_API_KEY",
        show_default=False,
        help=f"API key of the Knowledge API, dataset-...; {_HELP_OF_KEY}",
    ),
]
_BaseUrl = Annotated[
    str | None,
    typer.Option(
        envvar="DIFY_BASE_URL", show_default="Dify Cloud", help="URL of the server; /v1 is appended."
    ),
]
_User = Annotated[
    str | None,
    typer.Option(
        envvar="DIFY_USER",
        show_default=_DEFAULT_USER,
        help="End user that runs and files belong to; only the same one can find them.",
    ),
]


def _names_of_profiles() -> list[str]:
    return list(read_profiles().by_name)


ProfileArgument = Annotated[
    str, typer.Argument(show_default=False, autocompletion=_names_of_profiles, help="Name of the profile.")
]
_ProfileName = Annotated[
    str | None,
    typer.Option(
        "--profile",
        envvar="DIFY_PROFILE",
        show_default="that of `profile use`",
        autocompletion=_names_of_profiles,
        help="Profile with the settings that neither options nor the environment have.",
    ),
]
_EnvFile = Annotated[
    Path | None,
    typer.Option(
        "--env-file",
        is_eager=True,  # Before the options that variables stand for.
        callback=load_env_file,
        show_default=False,
        help="File with lines such as DIFY_API_KEY=app-...; variables that are set already take precedence.",
    ),
]
_Timeout = Annotated[
    float | None,
    typer.Option(
        min=0.001,
        show_default=False,
        metavar="SECONDS",
        help="Time limit of each call; of each run, in a batch. A run that takes longer is stopped.",
    ),
]
_Verbosity = Annotated[
    int,
    typer.Option(
        "--verbose",
        "-v",
        count=True,
        show_default=False,
        help="Log retries and recovery to standard error; twice: each request and node.",
    ),
]


@attrs.frozen(kw_only=True)
class Settings:
    """Which server to call, and how."""

    api_key: str | None = attrs.field(repr=False)
    """The key of the app, or of the Knowledge API. None if there is none."""
    base_url: str | None
    """The server; Dify Cloud if None."""
    user: str
    """The end user."""
    timeout: float | None
    """Time limit of each call in seconds."""


_AppCommand: TypeAlias = Callable[Concatenate[Settings, P], None]


def app_command(command: _AppCommand[P]) -> Callable[..., None]:
    """Return a command with the options of apps; its first parameter gets the settings."""

    def settings(
        context: typer.Context,
        api_key: _AppKey = None,
        base_url: _BaseUrl = None,
        user: _User = None,
        profile: _ProfileName = None,
        env_file: _EnvFile = None,  # noqa: ARG001 - its callback has loaded it
        timeout: _Timeout = None,
        verbose: _Verbosity = 0,
    ) -> Settings:
        return _settings(context, profile, api_key, "api_key", base_url, user, timeout, verbose)

    return _with_options(command, settings)


def knowledge_command(command: _AppCommand[P]) -> Callable[..., None]:
    """Return a command with the options of the Knowledge API; its first parameter gets the settings."""

    def settings(
        context: typer.Context,
        api_key: _KnowledgeKey = None,
        base_url: _BaseUrl = None,
        profile: _ProfileName = None,
        env_file: _EnvFile = None,  # noqa: ARG001 - its callback has loaded it
        timeout: _Timeout = None,
        verbose: _Verbosity = 0,
    ) -> Settings:
        return _settings(context, profile, api_key, "knowledge_api_key", base_url, None, timeout, verbose)

    return _with_options(command, settings)


def _settings(
    context: typer.Context,
    profile: str | None,
    api_key: str | None,
    key_in_profile: str,
    base_url: str | None,
    user: str | None,
    timeout: float | None,
    verbose: int,
) -> Settings:
    log_more(verbose)
    stored = read_profiles().get(profile)
    if _source(context, "profile") == "COMMANDLINE":
        _report_overridden(
            context, {"api_key": key_in_profile, "base_url": "base_url", "user": "user"}, stored
        )
    return Settings(
        api_key=api_key if api_key is not None else getattr(stored, key_in_profile),
        base_url=base_url if base_url is not None else stored.base_url,
        user=user if user is not None else stored.user or _DEFAULT_USER,
        timeout=timeout,
    )


def _report_overridden(context: typer.Context, settings: dict[str, str], stored: object) -> None:
    """Report variables that hide settings of the profile that was asked for."""
    hiding = [
        str(option.envvar)
        for option in context.command.params
        if option.name in settings
        and _source(context, option.name) == "ENVIRONMENT"
        and getattr(stored, settings[option.name]) is not None
    ]
    if hiding:
        say(f"the environment takes precedence over the profile: {', '.join(hiding)}")


def _source(context: typer.Context, name: str) -> str | None:
    source = context.get_parameter_source(name)
    return source.name if source is not None else None


def _with_options(command: Callable[..., None], make: Callable[..., Settings]) -> Callable[..., None]:
    """Return a command that takes the parameters of both functions.

    Typer reads the signature of a command: the first parameter, the settings, is replaced by those of `make`.
    """
    own = _parameters(command)[1:]
    shared = _parameters(make)
    names = [parameter.name for parameter in shared]

    def call(**given: Any) -> None:
        settings = make(**{name: given.pop(name) for name in names})
        command(settings, **given)

    signature = inspect.Signature(
        [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in (*own, *shared)]
    )
    call.__name__, call.__doc__ = command.__name__, command.__doc__
    call.__signature__ = signature  # type: ignore[attr-defined]
    call.__annotations__ = {name: parameter.annotation for name, parameter in signature.parameters.items()}
    return call


def _parameters(function: Callable[..., object]) -> Sequence[inspect.Parameter]:
    return list(inspect.signature(function, eval_str=True).parameters.values())
