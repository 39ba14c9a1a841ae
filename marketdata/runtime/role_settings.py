"""The settings with which operators run, pause, drain and restart the processes of a role.

Each of them is a wanted state that a live process follows: a process that is paused stays alive, reports
that it is, and works again as soon as it shall.
"""

from typing import Annotated, Final

from marketdata.observability.tracing import DEFAULT_SAMPLING_RATIO, set_sampling_ratio
from marketdata.runtime.settings import ServiceSettings, setting

PROCESSOR: Final = "processor"
SCANNER: Final = "scanner"
"""The names of roles that other roles know."""


class RunSettings(ServiceSettings, frozen=True, kw_only=True):
    """Of a role that can be paused as a whole."""

    running: Annotated[
        bool,
        setting(
            "Whether its processes work. One that is paused stays alive, and works again when it shall.",
            variable=None,
        ),
    ] = True

    def works(self, source: str) -> bool:
        """Whether the process with this identity shall work."""
        del source
        return self.running


class RoleSettings(RunSettings, frozen=True, kw_only=True):
    """Of a role whose processes can be restarted, too."""

    restarting: Annotated[
        tuple[str, ...],
        setting(
            "Processes that restart, by identity: an orderly stop, and then the same command in the same "
            "process. Its identity is another one afterwards, so it restarts once.",
            variable=None,
        ),
    ] = ()
    trace_sampling: Annotated[
        float,
        setting(
            "The share of batches and requests with which a trace begins, if traces are exported. A "
            "sampler that OTEL_TRACES_SAMPLER names has priority.",
            minimum=0,
            maximum=1,
            effect=set_sampling_ratio,
        ),
    ] = DEFAULT_SAMPLING_RATIO


class SharedRoleSettings(RoleSettings, frozen=True, kw_only=True):
    """Of a role that several processes share: one of them can leave its work to the others."""

    drained: Annotated[
        tuple[str, ...],
        setting(
            "Processes that are paused although the role runs, by identity: their work goes to the others.",
            variable=None,
        ),
    ] = ()

    def works(self, source: str) -> bool:
        """Whether the process with this identity shall work."""
        return self.running and source not in self.drained
