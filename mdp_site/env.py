"""Typed readers for environment variables.

A value that cannot be read stops the process at its start. The error names the setting, its value (unless it
is secret) and what is accepted. A secret is read from `NAME` or from the file that `NAME_FILE` names, because
container platforms provide secrets as files.
"""

import contextlib
import datetime as dt
import os
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import SplitResult, parse_qsl, urlsplit

from marketdata.errors import ConfigurationError
from marketdata.runtime.settings import (
    ACCEPTED_BOOLEANS,
    ACCEPTED_LISTS,
    Declaration,
    ServiceSettings,
    parse_boolean,
    parse_words,
    variables,
)

_Value = TypeVar("_Value")

# What can be written in a content security policy, whose sources have no IPv6 addresses (CSP level 3, 2.3.1).
_HOST_AND_PATH: Final = re.compile(
    r"[^:/?#]+://(?:[A-Za-z0-9-]+\.)*[A-Za-z0-9-]+(?::[0-9]+)?(?:/[A-Za-z0-9._~-]+)+/?"
)

_REDIS_ACCEPTED: Final = {
    **{
        scheme: f"{scheme}://host:port/number with a whole number, such as 0"
        for scheme in ("redis", "rediss")
    },
    "unix": "unix:///path?db=number with a whole number, such as 0",
}


def rejection(name: str, value: object, accepted: str) -> ConfigurationError:
    """The error for a setting with a wrong value."""
    return ConfigurationError(f"{name}={value!r} is not valid; accepted: {accepted}")


class Environment:
    """Reads settings from a mapping, by default from `os.environ`.

    An empty variable counts as absent. `names` collects the names of all variables that were read, so that a
    test can compare them with the documented ones.
    """

    def __init__(self, variables: Mapping[str, str] | None = None) -> None:
        self._variables = os.environ if variables is None else variables
        self.names: set[str] = set()

    def given(self, name: str) -> bool:
        """Whether the variable is set and not empty."""
        self.names.add(name)
        return bool(self._variables.get(name, "").strip())

    def text(self, name: str, default: str = "") -> str:
        """The value without surrounding blanks."""
        return self._read(name, default, str)

    def integer(self, name: str, default: int, *, minimum: int, maximum: int) -> int:
        """An integer from `minimum` to `maximum`."""
        accepted = f"a whole number from {minimum} to {maximum}"

        def parse(raw: str) -> int:
            try:
                value = int(raw)
            except ValueError:
                raise rejection(name, raw, accepted) from None
            if not minimum <= value <= maximum:
                raise rejection(name, raw, accepted)
            return value

        return self._read(name, default, parse)

    def declared(self, services: Iterable[type[ServiceSettings]]) -> Mapping[str, Any]:
        """The values of the settings that the services declare, by variable.

        See `marketdata.runtime.settings`.
        """
        return {name: self._declared(name, setting) for name, setting in variables(services).items()}

    def _declared(self, name: str, setting: Declaration) -> Any:
        def parse(raw: str) -> Any:
            try:
                return setting.checked(raw)
            except ConfigurationError:
                raise rejection(name, raw, setting.accepted) from None

        return self._read(name, setting.default, parse)

    def boolean(self, name: str, *, default: bool) -> bool:
        """A boolean: 1, true, yes, on; or 0, false, no, off. Upper and lower case are accepted."""

        def parse(raw: str) -> bool:
            try:
                return parse_boolean(raw)
            except ValueError:
                raise rejection(name, raw, ACCEPTED_BOOLEANS) from None

        return self._read(name, default, parse)

    def choice(self, name: str, default: str, *, accepted: tuple[str, ...], reason: str = "") -> str:
        """One of the accepted words, exactly as written. `reason` explains why others are not accepted."""

        def parse(raw: str) -> str:
            if raw in accepted:
                return raw
            words = accepted[0] if len(accepted) == 1 else "one of " + ", ".join(accepted)
            raise rejection(name, raw, f"{words} ({reason})" if reason else words)

        return self._read(name, default, parse)

    def time_of_day(
        self,
        name: str,
        default: dt.time,
        *,
        earliest: dt.time = dt.time(0),
        latest: dt.time = dt.time(23, 59),
    ) -> dt.time:
        """A time of day such as 09:30, from `earliest` to `latest`."""
        accepted = f"hours and minutes from {earliest:%H:%M} to {latest:%H:%M}, such as {default:%H:%M}"

        def parse(raw: str) -> dt.time:
            with contextlib.suppress(ValueError):
                if (
                    re.fullmatch(r"\d\d:\d\d", raw)
                    and earliest <= (value := dt.time.fromisoformat(raw)) <= latest
                ):
                    return value
            raise rejection(name, raw, accepted)

        return self._read(name, default, parse)

    def words(self, name: str, default: tuple[str, ...] = ()) -> list[str]:
        """A list of words, as JSON (`["a","b"]`) or separated by commas (`a,b`)."""

        def parse(raw: str) -> list[str]:
            try:
                return parse_words(raw)
            except ValueError:
                raise rejection(name, raw, ACCEPTED_LISTS) from None

        return self._read(name, list(default), parse)

    def url(self, name: str, default: str = "", *, schemes: tuple[str, ...]) -> str:
        """A URL with one of the schemes. Errors do not contain the value, since it may contain a password."""
        accepted = f"accepted: {', '.join(f'{each}://…' for each in schemes)}"

        def parse(raw: str) -> str:
            try:
                parts = urlsplit(raw)
                _ = parts.port  # parsed on access; fails for a password with an unescaped / or #
            except ValueError:
                raise ConfigurationError(
                    f"{name} cannot be read as an address; {accepted}; in a password / is %2F, # is %23, "
                    "? is %3F, @ is %40"
                ) from None
            if parts.scheme not in schemes:
                raise ConfigurationError(
                    f"{name} has the scheme {parts.scheme!r}, which is not valid; {accepted}"
                )
            if parts.scheme in _REDIS_ACCEPTED and not _names_redis_database(parts):
                raise ConfigurationError(
                    f"{name} names no database of a Redis server; accepted: {_REDIS_ACCEPTED[parts.scheme]}"
                )
            return raw

        return self._read(name, default, parse)

    def origin(self, name: str, default: str) -> str:
        """The address of a site: `http://` or `https://` and a host, nothing else but a last `/`."""
        raw = self.url(name, default, schemes=("http", "https"))
        parts = urlsplit(raw)
        if (
            not parts.hostname
            or "@" in parts.netloc
            or parts.path not in ("", "/")
            or parts.query
            or parts.fragment
        ):
            raise ConfigurationError(
                f"{name} is not the address of a whole site; accepted: scheme and host, such as "
                "https://scanner.example.com, without user, path, query or fragment"
            )
        return raw

    def websocket_url(self, name: str) -> str:
        """The address of a WebSocket: `ws://` or `wss://`, a host name and a path; empty if absent.

        A page gets it, and its content security policy names it. Errors do not contain the value.
        """
        accepted = "accepted: ws:// or wss://, a host name and a path, such as wss://feeds.example.com/ws/"
        raw = self.url(name, schemes=("ws", "wss"))
        for wrong, part in (
            ("@" in urlsplit(raw).netloc, "a user"),
            ("?" in raw, "a query"),
            ("#" in raw, "a fragment"),
        ):
            if wrong:
                raise ConfigurationError(f"{name} has {part}, which is not valid; {accepted}")
        if raw and not _HOST_AND_PATH.fullmatch(raw):
            raise ConfigurationError(
                f"{name} has no host name or no path, or other characters in them than ASCII letters, digits "
                f"and . - _ ~; {accepted}"
            )
        return raw

    def path(self, name: str, default: Path) -> Path:
        """An absolute path of a file or directory. `~` is the home directory."""
        return self._read(name, default, lambda raw: Path(raw).expanduser().absolute())

    def secret(self, name: str, default: str = "") -> str:
        """The value of `name`, or the content of the file that `name_FILE` names. Errors never contain it."""
        file_name = f"{name}_FILE"
        if self.given(name):
            if self.given(file_name):
                raise ConfigurationError(f"{name} and {file_name} are both set; accepted: one of the two")
            return self.text(name)
        if not self.given(file_name):
            return default
        return _read_secret_file(file_name, Path(self.text(file_name)))

    def _read(self, name: str, default: _Value, parse: Callable[[str], _Value]) -> _Value:
        if not self.given(name):
            return default
        return parse(self._variables[name].strip())


def _names_redis_database(parts: SplitResult) -> bool:
    """Whether the database in a Redis URL is a number or absent.

    This is checked because the driver is not strict: it reads a path that is not a number as database 0, and
    `/1/2` as database 12.
    """
    numbers = [value for key, value in parse_qsl(parts.query, keep_blank_values=True) if key == "db"]
    if parts.scheme != "unix" and parts.path not in ("", "/"):
        numbers.append(parts.path[1:])
    return all(number.isascii() and number.isdigit() for number in numbers)


def _read_secret_file(name: str, path: Path) -> str:
    try:
        content = path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise rejection(name, str(path), f"the path of a readable text file ({error})") from None
    if not content:
        raise rejection(name, str(path), "the path of a file that is not empty")
    return content
