"""What the documents say about the declared settings: lines of `environment.example`, and a table."""

import re
import textwrap
from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from marketdata.errors import ConfigurationError
from marketdata.runtime.settings import Applies, Declaration, ServiceSettings, declarations, variables

Services: TypeAlias = Mapping[str, type[ServiceSettings]]
"""The settings of each service, by its name."""

LINE_LENGTH: Final = 110
_BEGIN: Final = (
    "# The lines to the next heading are written by `make schema`, from the declarations in the code."
)
_BLOCK: Final = re.compile(rf"({re.escape(_BEGIN)}\n)(.*?)(?=\n# --- |\Z)", re.DOTALL)
_TABLE: Final = re.compile(r"(<!-- schema: settings -->\n)(.*?)(<!-- end of schema -->)", re.DOTALL)


def with_variables(example: str, services: Services) -> str:
    """`environment.example` with new lines for the variables of declared settings.

    Raises:
        ConfigurationError: the text has no place for them.
    """
    return _replaced(
        _BLOCK, example, lambda: _variables(services), "line `# The lines to the next heading ...`"
    )


def with_table(page: str, services: Services) -> str:
    """A page with a new table of the settings between its marks.

    Raises:
        ConfigurationError: the page has no marks.
    """
    return _replaced(
        _TABLE, page, lambda: _table(services), "mark <!-- schema: settings -->, or no end of it"
    )


def _replaced(place: re.Pattern[str], text: str, content: Callable[[], str], missing: str) -> str:
    if not place.search(text):
        raise ConfigurationError(f"the text has no {missing}")
    return place.sub(lambda found: found[1] + content() + "".join(found.groups()[2:]), text)


def _variables(services: Services) -> str:
    lines: list[str] = []
    for name, declared in variables(services.values()).items():
        users = [service for service, kind in services.items() if declared in declarations(kind).values()]
        text = f"{declared.explanation} Accepted: {declared.accepted}. {_change(declared, users)}"
        lines += [*textwrap.wrap(text, LINE_LENGTH, initial_indent="# ", subsequent_indent="# ")]
        lines.append(f"#{name}={declared.text(declared.default)}")
    return "\n".join(lines) + "\n"


def _change(declared: Declaration, users: list[str]) -> str:
    names = " and ".join(filter(None, (", ".join(users[:-1]), users[-1])))
    if declared.applies is Applies.RESTART:
        return f"A change needs a restart: {names}."
    return f"Operators can change it at runtime: {names}."


def _table(services: Services) -> str:
    lines = ["| service | setting | accepted | change | variable | meaning |", "|---|---|---|---|---|---|"]
    for service, kind in services.items():
        for declared in declarations(kind).values():
            variable = f"`{declared.variable}`" if declared.variable else "-"
            lines.append(
                f"| {service} | `{declared.name}` | {declared.accepted} | {declared.applies} | {variable} "
                f"| {declared.explanation} |"
            )
    return "\n".join(lines) + "\n"
