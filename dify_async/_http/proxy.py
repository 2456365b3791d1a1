"""Find the proxy of a client: from its settings, or from the environment."""

from __future__ import annotations

import base64
import contextlib
import ipaddress
import os
import re
from typing import Final
from urllib.parse import urlsplit

import attrs
from yarl import URL

from dify_async._http.redaction import Secret
from dify_async.errors import ConfigurationError


@attrs.frozen
class Proxy:
    """An HTTP proxy, and the headers that authenticate with it."""

    url: str
    headers: dict[str, str] = attrs.field(repr=False)
    secrets: tuple[str, ...] = attrs.field(repr=False)


_PORTS: Final = {"http": 80, "https": 443}
_SCHEME: Final = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)


def proxy_for(base_url: str, proxy: str | None) -> Proxy | None:
    """Return the proxy of a client, or None.

    Args:
        base_url: The server's URL.
        proxy: The client's setting; None means the environment.

    Raises:
        ConfigurationError: the URL is invalid, or not the URL of an HTTP proxy.
    """
    if proxy is not None:
        return proxy_at(proxy, "proxy=")
    parts = urlsplit(base_url)
    port = parts.port or _PORTS.get(parts.scheme)
    for name in (f"{parts.scheme}_proxy", "all_proxy"):
        value, variable = _variable(name)
        if value:
            return None if _is_bypassed(parts.hostname or "", port) else proxy_at(value, variable)
    return None


def proxy_at(url: object, name: str) -> Proxy:
    """Return the proxy for a URL; `name` is the setting that contains the URL.

    User and password are removed from the URL, because aiohttp shows it in errors.
    """
    hint = "use the URL of an HTTP proxy, such as http://proxy.example:8080; nothing was sent"
    if not isinstance(url, str):
        raise ConfigurationError(f"{name} must be a str, got {type(url).__name__}: {hint}")
    # Many programs accept a proxy without a scheme.
    text = url if _SCHEME.match(url) else f"http://{url}"
    try:
        address = URL(text)
        host, port = address.host or "", address.port or 0
        host.encode("idna")
    except (ValueError, UnicodeError):
        raise ConfigurationError(f"{name} must be a valid URL: {hint}") from None
    if address.scheme not in {"http", "https"}:
        raise ConfigurationError(f"{name} must have the scheme http or https, got {address.scheme!r}: {hint}")
    if not host or not 0 < port < 65536:
        raise ConfigurationError(f"{name} must be a valid URL: {hint}")
    plain = str(address.origin())
    if address.user is None:
        return Proxy(plain, {}, ())
    password = address.password or ""
    token = base64.b64encode(f"{address.user}:{password}".encode()).decode()
    return Proxy(plain, {"Proxy-Authorization": Secret(f"Basic {token}")}, (token, password))


def _variable(name: str) -> tuple[str, str]:
    """Return the value of an environment variable, and its name in lowercase or uppercase as it was found."""
    for spelling in (name, name.upper()):
        # In CGI programs, HTTP_PROXY comes from a header of the request.
        if spelling == "HTTP_PROXY" and "REQUEST_METHOD" in os.environ:
            continue
        if value := os.environ.get(spelling, "").strip():
            return value, spelling
    return "", name.upper()


def _is_bypassed(host: str, port: int | None) -> bool:
    """Return True for a host that `NO_PROXY` lists: by name, parent domain, address or network."""
    value, _ = _variable("no_proxy")
    address = None
    with contextlib.suppress(ValueError):
        address = ipaddress.ip_address(host)
    return any(_matches(entry.strip().lower(), host.lower(), port, address) for entry in value.split(","))


def _matches(
    entry: str, host: str, port: int | None, address: ipaddress.IPv4Address | ipaddress.IPv6Address | None
) -> bool:
    if not entry:
        return False
    if entry == "*":
        return True
    if address is not None:
        with contextlib.suppress(ValueError):
            return address in ipaddress.ip_network(entry.strip("[]"), strict=False)
    name, _, wanted = entry.rpartition(":") if re.search(r"[^:]:\d+$", entry) else (entry, "", "")
    if wanted and wanted != str(port):
        return False
    name = name.strip("[]").removeprefix("*").removeprefix(".")
    if address is not None:
        with contextlib.suppress(ValueError):
            return address in ipaddress.ip_network(name, strict=False)
        return False
    return host == name or host.endswith(f".{name}")
