"""The settings of a service as they are now: those of the newest revision, and of the environment."""

from dataclasses import dataclass
from typing import Any

from marketdata.control import Given
from marketdata.errors import ContentError
from marketdata.runtime.settings import Applies, Declaration, ServiceSettings, declarations
from mdp_site.control_plane import history
from mdp_site.control_plane.models import Revision
from mdp_site.control_plane.services import SteeredService


@dataclass(frozen=True, slots=True)
class HeldSettings:
    """What operators gave to a service, and what the environment of this process has for the others.

    `newest` is None while operators gave nothing. `unreadable` says why this release does not accept what
    they gave; then `wanted` is the environment alone.
    """

    steered: SteeredService
    newest: Revision | None
    own: ServiceSettings
    wanted: ServiceSettings
    unreadable: str = ""

    @property
    def number(self) -> int:
        """The number of the newest revision; 0 is the environment alone."""
        return self.newest.number if self.newest else 0

    @property
    def given(self) -> Given:
        """What operators gave."""
        given: Given = self.newest.given if self.newest else {}
        return given

    @property
    def live(self) -> dict[str, Declaration]:
        """The settings that change while the processes run."""
        return {
            name: each
            for name, each in declarations(self.steered.kind).items()
            if each.applies is Applies.LIVE
        }

    def values(self) -> dict[str, Any]:
        """The wanted values by name."""
        return {name: getattr(self.wanted, name) for name in declarations(self.steered.kind)}

    def own_text(self, name: str) -> str:
        """The value of the environment as a text."""
        return declarations(self.steered.kind)[name].text(getattr(self.own, name))


def held_settings(steered: SteeredService, number: int | None = None) -> HeldSettings:
    """The settings of a service by its newest revision, or by the one of this number; 0 is the environment.

    Raises:
        ConfigurationError: there is no revision of this number.
    """
    if number is None:
        return held_by(steered, history.newest(steered.name))
    return held_by(steered, history.revision(steered.name, number) if number else None)


def held_by(steered: SteeredService, newest: Revision | None) -> HeldSettings:
    """The settings of a service by this revision; None is the environment alone."""
    own = steered.own()
    if newest is None:
        return HeldSettings(steered, None, own, own)
    try:
        return HeldSettings(steered, newest, own, steered.wanted(newest.given, version=newest.number))
    except ContentError as error:
        return HeldSettings(steered, newest, own, own, str(error))
