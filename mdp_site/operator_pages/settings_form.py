"""The form with all settings of a service, and what an operator changed in it.

Only what differs from the revision that the operator saw is a wish. So two operators who change different
settings do not undo each other's change, even if the form of one is old.
"""

from collections.abc import Collection, Mapping
from typing import Any, Final, NamedTuple

from django.forms import BoundField
from django.http import QueryDict

from marketdata.control import InvalidSettings
from marketdata.errors import ConfigurationError
from marketdata.runtime.settings import Applies, Declaration, declarations
from mdp_site.operator_pages.fields import DeclaredForm, label_of, shown_value
from mdp_site.operator_pages.held_settings import HeldSettings

REASON: Final = "_reason"
SEEN: Final = "_revision"
BACK: Final = "_environment"
OWN_NAMES: Final = frozenset({"csrfmiddlewaretoken", REASON, SEEN, BACK})
"""What a form sends beside settings or arguments. No declared name begins with an underscore."""


class Wishes(NamedTuple):
    """What an operator changed: new values, and settings that go back to the environment."""

    changes: Mapping[str, str | list[str]]
    unset: Collection[str]


class SettingRow(NamedTuple):
    """A setting on the page. `field` is None if it cannot be changed here. `goes_back`: it is checked."""

    declared: Declaration
    field: BoundField | None
    text: str
    is_given: bool
    own_text: str
    goes_back: bool

    @property
    def label(self) -> str:
        """Its name, for people."""
        return label_of(self.declared)

    @property
    def is_live(self) -> bool:
        """Whether a change takes effect while the processes run."""
        return self.declared.applies is Applies.LIVE


def settings_form(held: HeldSettings, data: QueryDict | None = None) -> DeclaredForm:
    """The form with the live settings."""
    return DeclaredForm(held.live, held.values(), data)


def wishes(form: DeclaredForm, seen: HeldSettings, data: QueryDict) -> Wishes:
    """What a valid form changes of the settings that its reader saw.

    Names that are no live settings are among the changes, so that these are refused.

    Raises:
        InvalidSettings: a setting has a new value, and goes back to the environment.
        ConfigurationError: nothing is changed.
    """
    live, values = seen.live, seen.values()
    changes: dict[str, Any] = {
        name: value for name, value in form.sent().items() if value != shown_value(live[name], values[name])
    }
    changes |= {name: data[name] for name in data if name not in live and name not in OWN_NAMES}
    unset = [name for name in data.getlist(BACK) if name]
    if both := changes.keys() & set(unset):
        words = "it has a new value and goes back to the environment; accepted: one of the two"
        raise InvalidSettings(dict.fromkeys(sorted(both), words))
    if not changes and not unset:
        raise ConfigurationError(
            "nothing is changed; accepted: another value, or a way back to the environment"
        )
    return Wishes(changes, unset)


def keep_typed(form: DeclaredForm, wished: Wishes) -> None:
    """Show what an operator typed in a form with newer settings."""
    form.initial.update({name: value for name, value in wished.changes.items() if name in form.fields})


def rows(held: HeldSettings, form: DeclaredForm | None, goes_back: Collection[str] = ()) -> list[SettingRow]:
    """A row for each setting, those that can be changed first. `form` None: nothing can be changed."""
    values = held.values()

    def row(name: str, declared: Declaration) -> SettingRow:
        return SettingRow(
            declared=declared,
            field=form[name] if form is not None and name in form.fields else None,
            text=declared.text(values[name]),
            is_given=name in held.given,
            own_text=held.own_text(name),
            goes_back=name in goes_back,
        )

    made = [row(name, declared) for name, declared in declarations(held.steered.kind).items()]
    return sorted(made, key=lambda each: not each.is_live)


def seen_number(data: Mapping[str, Any]) -> int:
    """The revision that the reader of a form saw.

    Raises:
        ConfigurationError: the form does not say it.
    """
    text = str(data.get(SEEN, ""))
    if not (text.isascii() and text.isdecimal() and len(text) <= len("1000000000")):
        raise ConfigurationError(
            f"the form lacks the number of the revision that it shows ({SEEN}). Load the page again"
        )
    return int(text)
