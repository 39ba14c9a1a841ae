"""The declared settings of all services.

A new setting is one field in one of their structs. Its environment variable, its lines in
`deploy/environment.example` and its row in `docs/architecture.md` follow from the declaration.
"""

from collections.abc import Mapping
from typing import Final

from marketdata.listener.wanted import SERVICE as LISTENER
from marketdata.listener.wanted import ListenerWanted
from marketdata.recording.settings import RECORDER, RecorderSettings
from marketdata.replay_server.settings import REPLAY, ReplayRoleSettings
from marketdata.runtime.role_settings import PROCESSOR, SCANNER
from marketdata.runtime.settings import ServiceSettings
from marketdata.simulator.settings import SIMULATOR, SimulatorSettings
from mdp_site.jobs_settings import JOBS_ROLE, JobsSettings
from mdp_site.web_settings import WEB, WebSettings
from scanners.settings import ProcessorSettings, ScannerSettings

SERVICES: Final[Mapping[str, type[ServiceSettings]]] = {
    LISTENER: ListenerWanted,
    PROCESSOR: ProcessorSettings,
    SCANNER: ScannerSettings,
    WEB: WebSettings,
    JOBS_ROLE: JobsSettings,
    RECORDER: RecorderSettings,
    SIMULATOR: SimulatorSettings,
    REPLAY: ReplayRoleSettings,
}
"""The settings of each service, by its name. Recorder, simulator and replay run where they are wanted."""
