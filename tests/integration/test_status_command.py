"""`manage.py status` says the truth while processes, cache, broker or database are killed."""

import asyncio
import contextlib
import json
import os
import signal
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from marketdata.clock import SystemClock
from marketdata.control.overview_reading import OverviewReader
from marketdata.control.verdict import Health, InstallationVerdict, judge
from marketdata.control.views import JobView, Life, Overview
from marketdata.store.connection import connect
from marketdata.store.keys import Keys
from marketdata.store.process_records import ProcessRecords
from tests.support.deadlines import eventually, scaled
from tests.support.running import running_command
from tests.support.services import ValkeyServer, free_port
from tests.support.site import Site

pytestmark = pytest.mark.redis

SOON_SECONDS = 10.0
START_SECONDS = 40.0


async def no_jobs() -> Sequence[JobView]:
    return ()


class Installation:
    """A cache and a broker of one test, its processes, and what an operator sees of them."""

    def __init__(self, cache: ValkeyServer, broker: ValkeyServer, directory: Path) -> None:
        self.cache = cache
        self.broker = broker
        self.environment = {
            "MDC_URL": cache.url,
            "MDQ_URL": broker.url,
            "STATE_DIR": str(directory),
            "MDQ_SHARDS": "2",
            "PARALLELISM": "1",
            "LOG_LEVEL": "ERROR",
            "MASSIVE_API_KEY": "a key",
            "MASSIVE_FEED": f"127.0.0.1:{free_port()}",
            "MASSIVE_SECURE": "false",
        }
        self._stack = contextlib.AsyncExitStack()
        redis = connect(cache.url, retries=0)
        self._stack.push_async_callback(redis.aclose)
        self._reader = OverviewReader(
            ProcessRecords(redis, Keys()),
            services=["web"],
            shard_count=2,
            read_jobs=no_jobs,
            clock=SystemClock(),
        )

    async def start(self, *arguments: str) -> Process:
        return await self._stack.enter_async_context(running_command(*arguments, **self.environment))

    async def close(self) -> None:
        await self._stack.aclose()

    async def overview(self) -> Overview:
        return await self._reader.newest()

    async def verdict(self) -> InstallationVerdict:
        return judge(await self.overview())

    async def until(self, holds: Callable[[Overview], bool], seconds: float = SOON_SECONDS) -> None:
        async def held() -> bool:
            return holds(await self.overview())

        await eventually(held, seconds)

    async def until_found(self, words: str, seconds: float = SOON_SECONDS) -> None:
        """Wait until a finding has these words."""

        async def found() -> bool:
            return any(words in finding.what for finding in (await self.verdict()).findings)

        await eventually(found, seconds)

    async def status(self, *options: str, **changes: str) -> tuple[int, str]:
        """Exit code and output of the command."""
        environment = self.environment | changes
        async with running_command("status", *options, **environment) as process:
            assert process.stdout is not None
            async with asyncio.timeout(scaled(60)):
                text = await process.stdout.read()
                return await process.wait(), text.decode()


@pytest.fixture
def broker() -> Iterator[ValkeyServer]:
    with ValkeyServer() as server:
        yield server


@pytest.fixture
async def installation(
    private_store: ValkeyServer, broker: ValkeyServer, tmp_path: Path
) -> AsyncIterator[Installation]:
    made = Installation(private_store, broker, tmp_path)
    yield made
    await made.close()


def runs(view: Overview, *services: str) -> bool:
    return set(services) <= {each.report.service for each in view.running}


async def until_ended(process: Process) -> int:
    async with asyncio.timeout(scaled(20)):
        return await process.wait()


async def test_each_process_that_is_killed_is_named_and_its_successor_is_seen(
    installation: Installation,
) -> None:
    scanner = await installation.start("run_scanner")
    processor = await installation.start("run_processor")
    await installation.until(lambda view: runs(view, "scanner", "processor"), START_SECONDS)
    await installation.until(lambda view: all(shard.owners for shard in view.shards), START_SECONDS)
    view = await installation.overview()
    assert [shard.handovers for shard in view.shards] == [0, 0]
    assert {each.report.status.role for each in view.running} == {"leader", "owner of 0, 1"}

    processor.kill()
    await until_ended(processor)
    await installation.until_found(
        f"no processor process runs; the last, {_at(processor, view)}, fell silent"
    )
    dead = next(
        each for each in (await installation.overview()).processes if each.report.pid == processor.pid
    )
    assert (dead.life, dead.report.ended_at_ms) == (Life.SILENT, 0)

    await installation.start("run_processor")
    await installation.until(
        lambda view: runs(view, "processor") and all(shard.owners for shard in view.shards), START_SECONDS
    )
    after = await installation.overview()
    assert [shard.handovers for shard in after.shards] == [1, 1]

    scanner.terminate()
    assert await until_ended(scanner) == 0
    await installation.until_found(
        f"no scanner process runs; the last, {_at(scanner, view)}, stopped in order"
    )


def _at(process: Process, view: Overview) -> str:
    return f"{view.processes[0].report.host}:{process.pid}"


async def test_a_leader_that_is_killed_is_replaced_and_both_are_listed(installation: Installation) -> None:
    first = await installation.start("run_scanner")
    await installation.until(lambda view: "leader" in _roles(view).values(), START_SECONDS)
    second = await installation.start("run_scanner")
    await installation.until(lambda view: _roles(view).get(second.pid) == "standby", START_SECONDS)
    first.kill()
    await until_ended(first)
    await installation.until(lambda view: _roles(view) == {second.pid: "leader"})
    assert {each.report.pid for each in (await installation.overview()).processes} == {first.pid, second.pid}


def _roles(view: Overview) -> dict[int, str]:
    return {each.report.pid: each.report.status.role for each in view.running}


async def test_a_process_that_is_frozen_is_silent_and_comes_back_when_it_goes_on(
    installation: Installation,
) -> None:
    scanner = await installation.start("run_scanner")
    await installation.until(lambda view: runs(view, "scanner"), START_SECONDS)
    scanner.send_signal(signal.SIGSTOP)
    try:
        await installation.until_found("no scanner process runs")
    finally:
        scanner.send_signal(signal.SIGCONT)
    await installation.until(lambda view: runs(view, "scanner"))


async def test_a_cache_that_is_killed_leaves_the_state_unknown_until_it_is_back(
    installation: Installation,
) -> None:
    await installation.start("run_scanner")
    await installation.until(lambda view: runs(view, "scanner"), START_SECONDS)
    installation.cache.kill()
    await installation.until(lambda view: "cache" in view.unread)
    assert (await installation.verdict()).state is Health.UNKNOWN
    code, text = await installation.status()
    assert code == 2
    assert text.startswith("UNKNOWN  Cache away: ConnectionError")
    assert "PROCESSES" not in text

    installation.cache.start()  # it is empty
    await installation.until(lambda view: runs(view, "scanner"))


async def test_a_broker_that_is_killed_is_named_by_those_who_need_it(installation: Installation) -> None:
    await installation.start("run_listener")
    await installation.start("run_processor")
    await installation.until(lambda view: runs(view, "listener", "processor"), START_SECONDS)
    await installation.until_found("the feed is away (", START_SECONDS)
    installation.broker.kill()
    await installation.until_found("the broker of the queues is away: ")
    installation.broker.start()

    async def recovered() -> bool:
        return all(finding.rule != "broker away" for finding in (await installation.verdict()).findings)

    await eventually(recovered, SOON_SECONDS)


async def test_processes_with_another_number_of_shards_are_named(installation: Installation) -> None:
    await installation.start("run_scanner")
    await installation.until(lambda view: runs(view, "scanner"), START_SECONDS)
    installation.environment["MDQ_SHARDS"] = "4"
    other = await installation.start("run_processor")
    await installation.until_found("dispute the number of shards", START_SECONDS)

    def disputes(view: Overview) -> bool:
        held = {each.report.pid: each.report.disputes for each in view.running}
        return held.get(other.pid) == {"number of shards": "2"}

    await installation.until(disputes)


async def test_without_processes_and_tables_it_says_so_in_json(installation: Installation) -> None:
    code, text = await installation.status("--json")
    document: dict[str, Any] = json.loads(text)
    assert code == 2
    assert document["verdict"]["state"] == "down"
    assert document["verdict"]["findings"][0]["rule"] == "no process"
    assert "OperationalError" in document["overview"]["unread"]["database"]
    assert document["overview"]["jobs"] is None


async def test_a_database_that_is_away_is_named_and_processes_are_shown(installation: Installation) -> None:
    await installation.start("run_scanner")
    await installation.until(lambda view: runs(view, "scanner"), START_SECONDS)
    away = f"postgres://someone:secret@127.0.0.1:{free_port()}/market"
    code, text = await installation.status(DATABASE_URL=away)
    assert code == 2
    assert "Database away: OperationalError" in text
    assert "PROCESSES" in text
    assert "secret" not in text


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_watching_shows_each_reading_and_ends_cleanly(
    installation: Installation, number: signal.Signals
) -> None:
    async with running_command("status", "--watch", **installation.environment) as process:
        assert process.stdout is not None
        async with asyncio.timeout(scaled(60)):
            shown = b""
            while shown.count(b"\x1b[H") < 2:
                shown += await process.stdout.read(65_536)
            process.send_signal(number)
            rest = await process.stdout.read()
            assert await process.wait() == 2
    assert b"DOWN  No process has reported within a day." in shown
    assert b"Traceback" not in shown + rest


def test_web_and_jobs_processes_are_listed_and_their_ends_too(redis_url: str, unique_prefix: str) -> None:
    with Site(redis_url=redis_url, oidc_url="http://127.0.0.1:1", MDC_KEY_PREFIX=f"{unique_prefix}:") as site:
        reports = asyncio.run(_reports(redis_url, unique_prefix, site.environment))
        assert site.end() == 0
        site.kill()
        last = asyncio.run(_overview(redis_url, unique_prefix))
    web = reports["web"]
    assert web.report.status.clients is not None
    assert web.report.status.settings is not None
    assert web.life is Life.RUNNING
    assert {each.report.end for each in last.processes} == {"stopped in order"}


async def _overview(redis_url: str, prefix: str) -> Overview:
    async with connect(redis_url) as redis:
        records = ProcessRecords(redis, Keys(f"{prefix}:"))
        reader = OverviewReader(
            records, services=["web"], shard_count=1, read_jobs=no_jobs, clock=SystemClock()
        )
        return await reader.newest()


async def _reports(redis_url: str, prefix: str, environment: dict[str, str]) -> dict[str, Any]:
    """The processes by service, once the jobs process is among them; then it is stopped."""
    async with running_command("qcluster", **{**os.environ, **environment}) as jobs:

        async def listed() -> dict[str, Any]:
            view = await _overview(redis_url, prefix)
            found = {each.report.service: each for each in view.running}
            return found if {"web", "jobs"} <= set(found) else {}

        found: dict[str, Any] = await eventually(listed, START_SECONDS)
        jobs.terminate()
        assert await until_ended(jobs) == 0
        return found
