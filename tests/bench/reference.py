"""Row `cold_start`: reference data of the whole market by REST, from an empty cache to what is announced."""

import asyncio
import contextlib
import dataclasses
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from marketdata.providers.massive.rest.source import RestSource
from marketdata.reference.loader import REQUEST_BUDGET, Loaded, ReferenceLoader
from marketdata.runtime.processes import ProcessManager, ProcessSpec
from marketdata.simulator.service import DEFAULT_SYMBOLS
from marketdata.store.connection import connect
from marketdata.store.keys import Keys
from marketdata.store.publisher import BlockPublisher
from marketdata.trading_calendar.exchange import exchange_calendar_around
from mdp_site.dev.demo.environment import (
    LOOPBACK,
    SIMULATOR_KEY,
    build_environment,
    choose_ports,
    free_port,
    load_secrets,
)
from mdp_site.dev.demo.plan import ROOT, market
from mdp_site.dev.demo.readiness import until_ready
from mdp_site.dev.demo.supervisor import child_environment
from tests.bench.rows import Row
from tests.support.services import ValkeyServer

START: Final = "2026-11-20T10:30"


def cold_start() -> Row:
    """REST calls, repeated ones included, that one load of the simulated market of 11,000 symbols takes."""
    loaded, seconds = asyncio.run(_cold_start())
    complete = len(loaded.block) == DEFAULT_SYMBOLS and loaded.volume_curve is not None
    missing = [flaw.name for flaw in loaded.flaws]
    note = (
        f"{seconds:.1f} s for {len(loaded.block):,} symbols and {len(loaded.block.columns)} columns, stored "
        f"and announced, simulator's work included; missing: {', '.join(missing) or 'nothing'}"
    )
    met = complete and not missing and loaded.requests <= REQUEST_BUDGET
    return Row("cold_start", loaded.requests, "requests", None, None, f"<= {REQUEST_BUDGET}", met, note=note)


async def _cold_start() -> tuple[Loaded, float]:
    async with _simulator() as url:
        with ValkeyServer() as cache:
            async with (
                contextlib.aclosing(connect(cache.url)) as redis,
                RestSource(url, SIMULATOR_KEY) as source,
            ):
                started = time.perf_counter()
                loaded = await ReferenceLoader(source, exchange_calendar_around).load()
                await BlockPublisher(redis, Keys()).publish_reference(
                    loaded.block, tickers=loaded.tickers, volume_curve=loaded.volume_curve
                )
                return loaded, time.perf_counter() - started


@contextlib.asynccontextmanager
async def _simulator() -> AsyncIterator[str]:
    """The address of a simulator of the whole market, in a process of its own."""
    with tempfile.TemporaryDirectory(prefix="mdp-bench-") as directory:
        state = Path(directory)
        ports = choose_ports({"PORT": str(free_port())})
        # Not the usual ports: a platform that starts beside the benchmark takes those.
        ports = dataclasses.replace(ports, simulator=free_port(), simulator_health=free_port())
        environment = child_environment({}, build_environment({}, ports, load_secrets(state), state))
        simulator = market(ports)
        manager = ProcessManager(state / "pids.json")
        try:
            await manager.start(
                ProcessSpec(
                    name=simulator.name,
                    argv=(*simulator.command, "--start", START),
                    log_path=state / "simulator.log",
                    environment=environment,
                    working_directory=ROOT,
                )
            )
            await until_ready(simulator)
            yield f"http://{LOOPBACK}:{ports.simulator}"
        finally:
            await manager.stop_all()
