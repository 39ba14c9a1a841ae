"""`python -m tests.bench [row,row]`: run the benchmarks, print one table, write `bench.json`.

Exit code 0 when they ran, whatever they measured: a figure below its budget is a finding, not a failure. A
benchmark that fails is named at the end, with exit code 1; the others run all the same.
"""

import argparse
import sys
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from tests.bench import (
    burst,
    disturbances,
    entrances,
    fanout,
    listener,
    listener_publish,
    memory,
    reference,
    stages,
    system,
)
from tests.bench.rows import Row, to_json, to_table

BENCHMARKS: Final[Mapping[str, Callable[[], Row | list[Row]]]] = {
    "listener_route": listener.listener_route,
    "listener_publish_rabbitmq": listener_publish.listener_publish_rabbitmq,
    "listener_publish_redis": listener_publish.listener_publish_redis,
    "processor_aggregates": stages.processor_aggregates,
    "processor_trades": stages.processor_trades,
    "processor_quotes": stages.processor_quotes,
    "scanner_tick": stages.scanner_tick,
    "latency": system.latency,
    "latency_crowd": system.latency_crowd,
    "pipeline": system.pipeline,
    "pipeline_redis": system.pipeline_redis,
    "burst": burst.burst,
    "cold_start": reference.cold_start,
    "memory": memory.memory,
    "fanout": fanout.fanout,
    "fanout_4hz": fanout.fanout_4hz,
    "fanout_small": fanout.fanout_small,
    "connect": entrances.connect,
    "connect_postgresql": entrances.connect_postgresql,
    "connect_all": entrances.connect_all,
    "memory_connection": entrances.memory_connection,
    "stalled": disturbances.stalled,
    "hostile": disturbances.hostile,
    "overload": disturbances.overload,
    "shutdown": disturbances.shutdown,
}


def main(arguments: list[str]) -> int:
    """Run what was asked for, all by default."""
    parser = argparse.ArgumentParser(
        prog="make bench BENCH=row,row", description="Rows: " + ", ".join(BENCHMARKS)
    )
    parser.add_argument("rows", nargs="?", default=",".join(BENCHMARKS))
    asked = parser.parse_args(arguments).rows.split(",")
    if unknown := [name for name in asked if name not in BENCHMARKS]:
        parser.error(f"unknown row {', '.join(unknown)}; accepted: {', '.join(BENCHMARKS)}")
    rows: list[Row] = []
    failed: list[str] = []
    try:
        for name in asked:
            print(f"  {name} ...", flush=True)
            try:
                result = BENCHMARKS[name]()
            except Exception:  # noqa: BLE001 - a boundary: half an hour of other rows must not be lost
                traceback.print_exc()
                failed.append(name)
                continue
            rows += result if isinstance(result, list) else [result]
    finally:  # what was measured counts, also after Ctrl-C
        Path("bench.json").write_bytes(to_json(rows))
        print("\n" + to_table(rows), flush=True)
    if failed:
        print(f"not measured, since they failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
