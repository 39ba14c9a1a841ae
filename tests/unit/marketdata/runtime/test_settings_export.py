"""The documents of the settings follow from the declarations; text beside them stays as it is."""

from collections.abc import Callable
from typing import Annotated

import pytest

from marketdata.errors import ConfigurationError
from marketdata.runtime.settings import Applies, ServiceSettings, setting
from marketdata.runtime.settings_export import Services, with_table, with_variables


class Oven(ServiceSettings, frozen=True, kw_only=True):
    """Settings of a service that does not exist."""

    heat: Annotated[int, setting("How hot.", variable="OVEN_HEAT", unit="°C", minimum=50)] = 180
    light: Annotated[bool, setting("Whether to shine.", applies=Applies.RESTART)] = False
    name: Annotated[str, setting("Its name.", variable=None)] = ""


class Stove(ServiceSettings, frozen=True, kw_only=True):
    """Another one, which shares a setting."""

    light: Annotated[bool, setting("Whether to shine.", applies=Applies.RESTART)] = False


SERVICES: dict[str, type[ServiceSettings]] = {"oven": Oven, "stove": Stove}
EXAMPLE = """# --- Kitchen ---
# The lines to the next heading are written by `make schema`, from the declarations in the code.
#OUTDATED=1

# --- Garden ---
#TREES=2
"""
WRITTEN = """# --- Kitchen ---
# The lines to the next heading are written by `make schema`, from the declarations in the code.
# How hot. Accepted: a whole number from 50 °C. Operators can change it at runtime: oven.
#OVEN_HEAT=180
# Whether to shine. Accepted: on or off (also true, yes, 1; false, no, 0). A change needs a restart: oven and
# stove.
#LIGHT=off

# --- Garden ---
#TREES=2
"""


def test_each_variable_is_explained_once_with_what_is_accepted_its_default_and_its_services() -> None:
    assert with_variables(EXAMPLE, SERVICES) == WRITTEN
    assert with_variables(WRITTEN, SERVICES) == WRITTEN


def test_the_table_has_a_row_for_each_setting_of_each_service() -> None:
    page = "before\n<!-- schema: settings -->\n| old |\n<!-- end of schema -->\nafter\n"
    written = with_table(page, SERVICES)
    assert written.startswith("before\n<!-- schema: settings -->\n| service | setting |")
    assert written.endswith("|\n<!-- end of schema -->\nafter\n")
    assert "| oven | `heat` | a whole number from 50 °C | live | `OVEN_HEAT` | How hot. |\n" in written
    assert "| oven | `name` | a text | live | - | Its name. |\n" in written
    assert "| stove | `light` |" in written
    assert "old" not in written


@pytest.mark.parametrize("write", [with_variables, with_table])
def test_a_text_without_a_place_for_the_settings_is_refused(write: Callable[[str, Services], str]) -> None:
    with pytest.raises(ConfigurationError, match=r"the text has no (line|mark)"):
        write("nothing\n", SERVICES)
