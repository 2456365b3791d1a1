"""The file of named profiles: servers, end users and keys. Only its owner can read it."""

from __future__ import annotations

import json
import os
import re
import stat
import sys
import tomllib
from pathlib import Path
from typing import Any, Final

import attrs
import typer

from dify_async.cli.output import say
from dify_async.errors import ConfigurationError
from dify_async.models._base import as_object

_NAME: Final = re.compile(r"[A-Za-z0-9_-]+")
"""Names that TOML needs no quotes for."""
_PRIVATE_FOLDER: Final = 0o700
_PRIVATE_FILE: Final = 0o600


@attrs.frozen(kw_only=True)
class Profile:
    """Settings that were stored under a name."""

    base_url: str | None = None
    """The server; Dify Cloud if None."""
    user: str | None = None
    """The end user."""
    api_key: str | None = attrs.field(default=None, repr=False)
    """The key of an app."""
    knowledge_api_key: str | None = attrs.field(default=None, repr=False)
    """The key of the Knowledge API."""


_SETTINGS: Final = [field.name for field in attrs.fields(Profile)]


@attrs.define(kw_only=True)
class Profiles:
    """The profiles of this user."""

    default: str | None = None
    """The profile that is used unless another one is named."""
    by_name: dict[str, Profile] = attrs.Factory(dict[str, Profile])

    def get(self, name: str | None) -> Profile:
        """Return the profile with a name, or the default one; an empty one if there is no default.

        Raises:
            ConfigurationError: There is no profile with this name.
        """
        name = name or self.default
        if name is None:
            return Profile()
        if name not in self.by_name:
            raise ConfigurationError(
                f"there is no profile {name!r}; profiles: {', '.join(self.by_name) or 'none'}. "
                f"Add it: dify-async profile add {name}"
            )
        return self.by_name[name]


def profiles_path() -> Path:
    """Return the path of the file, under this user's configuration folder."""
    return Path(typer.get_app_dir("dify-async")) / "profiles.toml"


def checked_name(name: str) -> str:
    """Return the name of a profile.

    Raises:
        ConfigurationError: It has characters other than letters, digits, "-" and "_".
    """
    if not _NAME.fullmatch(name):
        raise ConfigurationError(
            f"the name of a profile must consist of letters, digits, '-' and '_', got {name!r}"
        )
    return name


def read_profiles() -> Profiles:
    """Return the profiles of this user; none if there is no file.

    Raises:
        ConfigurationError: The file cannot be read, or is not valid.
    """
    path = profiles_path()
    try:
        with path.open("rb") as file:
            if sys.platform != "win32" and os.fstat(file.fileno()).st_mode & (stat.S_IRWXG | stat.S_IRWXO):
                say(f"the profiles contain keys and can be read by other users: chmod 600 {path}")
            found: dict[str, Any] = tomllib.load(file)
    except FileNotFoundError:
        return Profiles()
    except OSError as exc:
        raise ConfigurationError(f"the profiles {str(path)!r} cannot be read: {exc.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        # TOML's messages show positions, not values.
        raise ConfigurationError(f"the profiles {str(path)!r} are not valid TOML: {exc}") from None
    default = found.get("default")
    if default is not None and not isinstance(default, str):
        raise ConfigurationError(f"`default` in {str(path)!r} must be the name of a profile")
    tables = as_object(found.get("profiles", {})) or {}
    return Profiles(
        default=default, by_name={name: _profile(name, table, path) for name, table in tables.items()}
    )


def write_profiles(profiles: Profiles) -> None:
    """Write the file, whole or not at all.

    Raises:
        ConfigurationError: It cannot be written.
    """
    lines = [f"default = {_toml(profiles.default)}"] if profiles.default is not None else []
    for name, profile in profiles.by_name.items():
        lines += ["", f"[profiles.{name if _NAME.fullmatch(name) else _toml(name)}]"]
        lines += [
            f"{setting} = {_toml(value)}"
            for setting, value in attrs.asdict(profile).items()
            if value is not None
        ]
    path = profiles_path()
    temporary = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(mode=_PRIVATE_FOLDER, parents=True, exist_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PRIVATE_FILE)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write("\n".join([*lines, ""]).lstrip())
        temporary.replace(path)
    except OSError as exc:
        temporary.unlink(missing_ok=True)
        raise ConfigurationError(f"the profiles {str(path)!r} cannot be written: {exc.strerror}") from None


def _profile(name: str, table: object, path: Path) -> Profile:
    fields = as_object(table)
    if fields is None:
        raise ConfigurationError(f"[profiles.{name}] in {str(path)!r} must be a table")
    for setting, value in fields.items():
        if setting not in _SETTINGS:
            raise ConfigurationError(
                f"there is no setting {setting!r} (in [profiles.{name}] of {str(path)!r}); "
                f"settings: {', '.join(_SETTINGS)}"
            )
        if not isinstance(value, str):
            raise ConfigurationError(f"`{setting}` in [profiles.{name}] of {str(path)!r} must be a string")
    return Profile(**fields)


def _toml(text: str | None) -> str:
    # A string of JSON is one of TOML, except that TOML escapes DEL as well.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
