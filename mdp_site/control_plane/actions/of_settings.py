"""Actions that are revisions of settings: what one of them stops, another one starts."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Final

from marketdata.control.arguments import Arguments
from marketdata.control.views import Overview, ProcessView
from marketdata.errors import ConfigurationError
from marketdata.listener.wanted import SERVICE as LISTENER
from marketdata.recording.settings import RECORDER
from marketdata.replay_server.settings import REPLAY
from marketdata.runtime.report import LEADER, STANDBY
from marketdata.runtime.role_settings import PROCESSOR, SCANNER
from marketdata.runtime.settings import setting
from marketdata.simulator.settings import SIMULATOR
from mdp_site.control_plane import changes
from mdp_site.control_plane.actions.declared import Action, BySettings
from mdp_site.control_plane.actions.in_words import connections, counted
from mdp_site.control_plane.actors import Actor
from mdp_site.control_plane.models import Revision
from mdp_site.control_plane.services import STEERED
from mdp_site.jobs_settings import JOBS_ROLE
from mdp_site.web_settings import WEB
from widgets.settings import MAX_BANNER_CHARACTERS


def _services_with(action: str) -> Sequence[str]:
    return [name for name, steered in STEERED.items() if action in steered.actions]


class OfService(Arguments, frozen=True, kw_only=True):
    """A service that can be stopped and started."""

    service: Annotated[str, setting("The service.", variable=None, choices=_services_with("stop"))]


class OfRestart(Arguments, frozen=True, kw_only=True):
    """A service, or one process of it."""

    service: Annotated[str, setting("The service.", variable=None, choices=_services_with("restart"))]
    process: Annotated[
        str,
        setting(
            "The identity of the process. Of the listener it may be empty: then it only connects anew.",
            variable=None,
            longest_characters=200,
        ),
    ] = ""


class OfDrain(Arguments, frozen=True, kw_only=True):
    """One process of a service that several processes share."""

    service: Annotated[str, setting("The service.", variable=None, choices=_services_with("drain"))]
    process: Annotated[str, setting("The identity of the process.", variable=None, longest_characters=200)]


class OfBanner(Arguments, frozen=True, kw_only=True):
    """The text for users."""

    text: Annotated[
        str,
        setting(
            "What all users are shown on their pages. Empty: no banner any more.",
            variable=None,
            longest_characters=MAX_BANNER_CHARACTERS,
        ),
    ]


def _by_service(action: str) -> BySettings:
    def revise(arguments: Any, actor: Actor, reason: str, expected: int | None) -> Revision:
        process = getattr(arguments, "process", "")
        return changes.act(
            arguments.service, action, process=process, actor=actor, reason=reason, expected=expected
        )

    return BySettings(revise)


def _set_banner(arguments: OfBanner, actor: Actor, reason: str, expected: int | None) -> Revision:
    return changes.change(WEB, {"banner": arguments.text}, actor=actor, reason=reason, expected=expected)


def _process(overview: Overview, service: str, identity: str) -> ProcessView:
    running = overview.steered(service)
    for view in running:
        if view.report.identity == identity:
            return view
    accepted = ", ".join(view.report.identity for view in running) or "none: no process of it runs"
    raise ConfigurationError(f"process is {identity!r}; accepted: {accepted}")


_STOPPED: Final[dict[str, Callable[[Overview], str]]] = {
    LISTENER: lambda overview: f"No new market data arrives; {connections(overview)} keep what they have.",
    PROCESSOR: lambda overview: (
        "Batches of the queues are lost when their life ends. "
        f"{len(overview.shards)} shards and all boards stand still."
    ),
    SCANNER: lambda overview: f"Boards stand still for {connections(overview)}. Rows and alerts go on.",
    WEB: lambda overview: (
        f"WebSockets are closed, now {connections(overview)}, and new ones refused. Pages and API go on."
    ),
    JOBS_ROLE: lambda overview: (
        f"{len(overview.jobs or ())} scheduled jobs wait: reference data and holidays grow old."
    ),
    RECORDER: lambda _: "Its file is finished, and nothing is recorded. A listener can use the connection.",
    SIMULATOR: lambda _: "The simulated market stands still. Its clients stay connected and get no data.",
    REPLAY: lambda _: "The replay stands still, and goes on from there. Its clients stay connected.",
}


def _impact_of_stop(arguments: OfService, overview: Overview) -> str:
    return f"Pauses {_number(overview, arguments.service)}. {_STOPPED[arguments.service](overview)}"


def _impact_of_start(arguments: OfService, overview: Overview) -> str:
    return f"Lets {_number(overview, arguments.service)} of {arguments.service} work."


def _number(overview: Overview, service: str) -> str:
    if "cache" in overview.unread:
        return "an unknown number of processes"
    return counted(len(overview.steered(service)), "process")


def _impact_of_restart(arguments: OfRestart, overview: Overview) -> str:
    if arguments.service == LISTENER and not arguments.process:
        return "Closes the connection to the provider and connects anew. Events in between do not arrive."
    view = _process(overview, arguments.service, arguments.process)
    return f"{view.report.name} stops in order and begins again. {_left_to_others(view, overview)}"


def _impact_of_drain(arguments: OfDrain, overview: Overview) -> str:
    view = _process(overview, arguments.service, arguments.process)
    return f"{view.report.name} pauses. {_left_to_others(view, overview)}"


def _impact_of_undrain(arguments: OfDrain, overview: Overview) -> str:
    view = _process(overview, arguments.service, arguments.process)
    return f"{view.report.name} takes its part of the work again."


def _left_to_others(view: ProcessView, overview: Overview) -> str:
    others = len(overview.steered(view.report.service)) - 1
    role = view.report.status.role
    clients = view.report.status.clients
    held = f"Closes {counted(clients.connections, 'connection')}, which connect again. " if clients else ""
    shards = sum(1 for each in view.report.status.shards if each.owned_since_ms)
    held += f"It gives {counted(shards, 'shard')} away. " if shards else ""
    if role == STANDBY:
        return f"{held}It stands by, so no client notices."
    if not others:
        return f"{held}No other process can take over."
    return f"{held}{counted(others, 'other process')} can take over." + (
        " It is the leader." if role == LEADER else ""
    )


def _impact_of_banner(arguments: OfBanner, overview: Overview) -> str:
    if not arguments.text:
        return f"Removes the banner from {connections(overview)}."
    return f"Shows to {connections(overview)}: {arguments.text}"


def _service(arguments: Any) -> str:
    name: str = arguments.service
    return name


ACTIONS: Final = (
    Action(
        name="stop",
        label="Stop",
        explanation="Pause all processes of a service. They stay alive, and can be started again.",
        arguments=OfService,
        service=_service,
        impact=_impact_of_stop,
        work=_by_service("stop"),
    ),
    Action(
        name="start",
        label="Start",
        explanation="Let all processes of a service work.",
        arguments=OfService,
        service=_service,
        impact=_impact_of_start,
        work=_by_service("start"),
    ),
    Action(
        name="restart",
        label="Restart",
        explanation="Stop a process in order and begin its command again; or connect the listener anew.",
        arguments=OfRestart,
        service=_service,
        impact=_impact_of_restart,
        work=_by_service("restart"),
    ),
    Action(
        name="drain",
        label="Drain",
        explanation="Pause one process of a service: its work goes to the others.",
        arguments=OfDrain,
        service=_service,
        impact=_impact_of_drain,
        work=_by_service("drain"),
    ),
    Action(
        name="undrain",
        label="End the drain",
        explanation="Let a process that was drained work again.",
        arguments=OfDrain,
        service=_service,
        impact=_impact_of_undrain,
        work=_by_service("undrain"),
    ),
    Action(
        name="banner",
        label="Banner",
        explanation="Show a text to all users.",
        arguments=OfBanner,
        service=lambda _: WEB,
        impact=_impact_of_banner,
        work=BySettings(_set_banner),
    ),
)
