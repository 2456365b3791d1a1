"""The commands `profile add`, `list`, `use` and `remove`."""

from __future__ import annotations

import sys
from getpass import getpass
from typing import Annotated, Final

import attrs
import typer

from dify_async._http.auth import CLOUD, checked_base_url, checked_key, checked_user
from dify_async.cli.options import AsJson
from dify_async.cli.output import print_json, print_rows, say
from dify_async.cli.profiles import Profile, checked_name, profiles_path, read_profiles, write_profiles
from dify_async.cli.settings import ProfileArgument
from dify_async.errors import ConfigurationError

profile = typer.Typer(name="profile", help="Store servers, end users and keys under names.")

_HEADINGS: Final = ("", "name", "server", "user", "keys")
_KNOWLEDGE_PREFIX: Final = "dataset-"


@profile.command()
def add(
    name: Annotated[str, typer.Argument(show_default=False, help="Letters, digits, '-' and '_'.")],
    base_url: Annotated[
        str | None, typer.Option(show_default="Dify Cloud", help="URL of the server; /v1 is appended.")
    ] = None,
    user: Annotated[str | None, typer.Option(show_default=False, help="End user of runs and files.")] = None,
    api_key: Annotated[
        str | None,
        typer.Option(
            show_default=False,
            help="API key of an app. Without an option for a key, it is asked for, or read from standard "
            "input.",
        ),
    ] = None,
    knowledge_api_key: Annotated[
        str | None, typer.Option(show_default=False, help="API key of the Knowledge API.")
    ] = None,
) -> None:
    """Store settings under a name, or change those that are given. The first profile becomes the default.

    `dify-async profile add work --base-url https://dify.example.com < key.txt`
    """
    profiles = read_profiles()
    old = profiles.by_name.get(checked_name(name), Profile())
    if base_url is not None:
        base_url = checked_base_url(base_url, "", CLOUD, "v1")
    user = checked_user(user) if user is not None else None
    if api_key is None and knowledge_api_key is None:
        api_key, knowledge_api_key = _asked_keys(is_change=name in profiles.by_name)
    given = {
        "base_url": base_url,
        "user": user,
        "api_key": checked_key(api_key, "DIFY_API_KEY", "app-") if api_key is not None else None,
        "knowledge_api_key": checked_key(knowledge_api_key, "DIFY_KNOWLEDGE_API_KEY", _KNOWLEDGE_PREFIX)
        if knowledge_api_key is not None
        else None,
    }
    changes = {setting: str(value) for setting, value in given.items() if value is not None}
    profiles.by_name[name] = attrs.evolve(old, **changes)
    profiles.default = profiles.default or name
    write_profiles(profiles)
    is_default = " (the default)" if profiles.default == name else f"; select it with --profile {name}"
    say(f"stored the profile {name!r} in {profiles_path()}{is_default}")


@profile.command("list")
def list_(as_json: AsJson = False) -> None:
    """List the profiles, with an asterisk for the default. Keys are not shown."""
    profiles = read_profiles()
    if as_json:
        print_json([_record(name, one, profiles.default) for name, one in profiles.by_name.items()])
        return
    rows = [
        (
            "*" if name == profiles.default else "",
            name,
            one.base_url or CLOUD,
            one.user or "",
            ", ".join(_keys(one)),
        )
        for name, one in profiles.by_name.items()
    ]
    print_rows(_HEADINGS, rows)


@profile.command()
def use(name: ProfileArgument) -> None:
    """Make a profile the default."""
    profiles = read_profiles()
    profiles.get(name)
    profiles.default = name
    write_profiles(profiles)


@profile.command()
def remove(name: ProfileArgument) -> None:
    """Remove a profile and its keys."""
    profiles = read_profiles()
    profiles.get(name)
    del profiles.by_name[name]
    profiles.default = profiles.default if profiles.default != name else None
    write_profiles(profiles)


def _asked_keys(*, is_change: bool) -> tuple[str | None, str | None]:
    """Return the keys of an app and of the Knowledge API, read without showing them."""
    if not sys.stdin.isatty():
        found = [line.strip() for line in sys.stdin if line.strip()]
        if not found and not is_change:
            raise ConfigurationError("standard input has no API key: pass it as a line, or use --api-key")
    else:
        unchanged = "; press Enter to keep it" if is_change else ""
        found = [getpass(f"API key, app-... or dataset-... (not shown{unchanged}): ").strip()]
    app = [key for key in found if key and not key.startswith(_KNOWLEDGE_PREFIX)]
    knowledge = [key for key in found if key.startswith(_KNOWLEDGE_PREFIX)]
    if len(app) > 1 or len(knowledge) > 1:
        raise ConfigurationError("a profile has at most one key of an app and one of the Knowledge API")
    return (app[0] if app else None), (knowledge[0] if knowledge else None)


def _keys(one: Profile) -> list[str]:
    keys = {"app": one.api_key, "knowledge": one.knowledge_api_key}
    return [kind for kind, key in keys.items() if key is not None]


def _record(name: str, one: Profile, default: str | None) -> dict[str, object]:
    return {
        "name": name,
        "default": name == default,
        "base_url": one.base_url or CLOUD,
        "user": one.user,
        "keys": _keys(one),
    }
