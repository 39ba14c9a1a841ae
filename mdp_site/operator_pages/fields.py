"""Fields of forms for declared settings and for the arguments of actions.

A field shows what its declaration says. It does not check: the declarations do, when the form is used, so a
page refuses a value in the same words as API and terminal.
"""

import typing
from collections.abc import Mapping, Sequence
from typing import Any, Final

from django import forms
from django.utils.datastructures import MultiValueDict
from django.utils.html import format_html
from django.utils.safestring import SafeString

from marketdata.control import InvalidSettings
from marketdata.runtime.settings import Declaration

BOOLEANS: Final = ("on", "off")


class WordChoice(forms.CheckboxSelectMultiple):
    """A checkbox for each accepted word of a list.

    A browser does not send a list in which nothing is checked. So the list is sent with an empty word, and a
    form that lacks the list altogether leaves it as it is.
    """

    def value_from_datadict(
        self, data: Mapping[str, Any], files: MultiValueDict[str, Any], name: str
    ) -> list[str] | None:
        """The checked words; None if the form lacks the list."""
        words = super().value_from_datadict(data, files, name)
        return [word for word in words if word] if name in data else None

    def render(self, name: str, value: Any, *arguments: Any, **options: Any) -> SafeString:
        """The checkboxes, and the hidden empty word."""
        boxes = super().render(name, value, *arguments, **options)
        return format_html('<input type="hidden" name="{}" value="">{}', name, boxes)


def field_of(declared: Declaration, *, required: bool = False) -> forms.Field:
    """The field of a declared setting or argument."""
    shown: dict[str, Any] = {
        "required": False,  # the declaration says what is missing, in its own words
        "label": label_of(declared),
        "help_text": _help(declared),
    }
    if declared.is_list and declared.choices:
        words = [(word, word) for word in declared.choices]
        return forms.Field(widget=WordChoice(choices=words), **shown)
    return forms.CharField(widget=_widget(declared, required=required), **shown)


def label_of(declared: Declaration) -> str:
    """The name of a setting or argument, for people."""
    return declared.name.replace("_", " ").capitalize()


def _widget(declared: Declaration, *, required: bool) -> forms.Widget:
    kind = typing.get_args(declared.kind)[0]
    choices: Sequence[Any] = BOOLEANS if kind is bool else declared.choices
    if choices:
        unchosen = [("", "Choose…")] if required else []
        return forms.Select(choices=[*unchosen, *((each, each) for each in choices)])
    attributes: dict[str, Any] = {"autocomplete": "off", "spellcheck": "false"}
    if not declared.is_list and kind in (int, float):
        bounds = {"min": declared.minimum, "max": declared.maximum}
        attributes |= {name: f"{bound:.15g}" for name, bound in bounds.items() if bound is not None}
        attributes["step"] = "any" if kind is float else 1
        return forms.NumberInput(attributes)
    if declared.longest_characters is not None:
        attributes["maxlength"] = declared.longest_characters
    return forms.TextInput(attributes | {"class": "vTextField"})


def _help(declared: Declaration) -> str:
    """The explanation, and the accepted values unless the field lists them."""
    return (
        declared.explanation if declared.choices else f"{declared.explanation} Accepted: {declared.accepted}."
    )


def shown_value(declared: Declaration, value: Any) -> str | list[str]:
    """A value as its field shows it, and sends it back if it is left as it is."""
    if declared.is_list and declared.choices:
        return [word for word in declared.choices if word in value]
    return declared.text(value).strip()


class DeclaredForm(forms.Form):
    """A form with a field for each declaration. `values` are those that it shows at first."""

    def __init__(
        self,
        declared: Mapping[str, Declaration],
        values: Mapping[str, Any],
        data: Any = None,
        *,
        required: frozenset[str] = frozenset(),
    ) -> None:
        super().__init__(data)
        for name, declaration in declared.items():
            self.fields[name] = field_of(declaration, required=name in required)
            if name in values:
                self.initial[name] = shown_value(declaration, values[name])

    def sent(self) -> dict[str, str | list[str]]:
        """The values of a valid form as the browser sent them. Those that it did not send are left out."""
        return {name: value for name, value in self.cleaned_data.items() if name in self.data}

    def refuse(self, error: Exception) -> None:
        """Show an error at the fields that it names, else above the form."""
        errors = error.errors if isinstance(error, InvalidSettings) else {"": str(error)}
        for name, message in errors.items():
            self.add_error(name if name in self.fields else None, message)
