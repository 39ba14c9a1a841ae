"""The settings with which operators run, pause, drain and restart the processes of a role.

Each of them is a wanted state that a live process follows: a process that is paused stays alive, reports
that it is, and works again as soon as it shall.
"""

from typing import Annotated, Final, TypeAlias

from marketdata.observability.tracing import set_sampling_ratio
from marketdata.runtime.settings import ServiceSettings, setting

PROCESSOR: Final = "processor"
SCANNER: Final = "scanner"
"""The names of roles that other roles know."""


TraceSamplingSetting: TypeAlias = Annotated[
    float,
    setting(
        "The share of batches, requests and jobs with which a trace begins, if traces are exported. A "
        "sampler that OTEL_TRACES_SAMPLER names has priority.",
        minimum=0,
        maximum=1,
        effect=set_sampling_ratio,
    ),
]
"""Of the roles that trace. A role without traces does not declare it."""


class RoleSettings(ServiceSettings, frozen=True, kw_only=True):
    """Of a role whose processes can be paused together, and restarted one by one."""

    running: Annotated[
        bool,
        setting(
            "Whether its processes work. One that is paused stays alive, and works again when it shall.",
            variable=None,
        ),
    ] = True
    restarting: Annotated[
        tuple[str, ...],
        setting(
            "Processes that restart, by identity: an orderly stop, and then the same command in the same "
            "process. Its identity is another one afterwards, so it restarts once.",
            variable=None,
        ),
    ] = ()

    def works(self, source: str) -> bool:
        """Whether the process with this identity shall work."""
        del source
        return self.running


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
