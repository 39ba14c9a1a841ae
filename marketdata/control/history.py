"""What the installation did in the last 15 minutes: small samples, which the platform keeps. Pure.

A sample is made of the same document that the operations page shows. Its rates are averages since the sample
before, so nothing that happens between two samples is missed.
"""

from collections.abc import Mapping, Sequence
from heapq import nlargest
from typing import Final

import msgspec

from marketdata.control.document import InstallationDocument
from marketdata.control.verdict import Health
from marketdata.control.views import Overview

SAMPLE_SECONDS: Final = 5.0
HISTORY_MS: Final = 15 * 60 * 1_000

MOST_NAMES: Final = 10
"""How many stages, and how many reasons of losses, a sample has at most."""

LONGEST_NAME: Final = 60
WEB_STAGE: Final = "web"
"""What its book calls lost is harmless: a newer state replaced it, or its reader has gone."""


class Sample(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One sample. What is not known is None, and not 0.

    `at_ms`: epoch milliseconds of the cache server's clock. `state` of the verdict, and the `rule` of its
    first finding. `stages`: book -> what came in and went on, per second. `lost`: reason -> losses per second
    in all stages and queues but the web processes'. `oldest_age_ms`: of the oldest batch in any queue; 0 if
    none waits. The others are those of `ClientsView`.
    """

    at_ms: int
    state: Health
    rule: str = ""
    stages: Mapping[str, tuple[float | None, float | None]] = {}
    lost: Mapping[str, float] = {}
    oldest_age_ms: int | None = None
    connections: int | None = None
    blocked: int | None = None
    bytes_per_second: int | None = None
    data_age_ms: int | None = None


_encoder: Final = msgspec.json.Encoder()
_decoder: Final = msgspec.json.Decoder(Sample)


def sample_of(document: InstallationDocument) -> Sample | None:
    """The sample of a document; None if the cache was not read, since nothing is known then."""
    overview, verdict = document.overview, document.verdict
    if not overview.processes:
        return None
    clients = overview.clients
    sample = Sample(
        at_ms=overview.read_at_ms,
        state=verdict.state,
        rule=verdict.findings[0].rule if verdict.findings else "",
        stages={
            each.book.name[:LONGEST_NAME]: (_tenth(each.in_per_second), _tenth(each.out_per_second))
            for each in overview.stages[:MOST_NAMES]
        },
        lost=_lost(overview),
        oldest_age_ms=max((each.oldest_age_ms or 0 for each in overview.queues), default=None),
    )
    if clients is None:
        return sample
    rate = clients.bytes_per_second
    return msgspec.structs.replace(
        sample,
        connections=clients.connections,
        blocked=clients.blocked,
        bytes_per_second=None if rate is None else round(rate),
        data_age_ms=clients.data_age_ms,
    )


def encode_sample(sample: Sample) -> bytes:
    """The sample as JSON that `read_samples` reads."""
    return _encoder.encode(sample)


def read_samples(stored: Sequence[bytes], now_ms: int) -> Sequence[Sample]:
    """The samples of the last 15 minutes, oldest first, each instant once.

    What cannot be read is left out: other software wrote it.
    """
    found = {}
    for value in stored:
        try:
            sample = _decoder.decode(value)
        except (msgspec.MsgspecError, UnicodeError):
            continue
        if now_ms - HISTORY_MS <= sample.at_ms <= now_ms:
            found[sample.at_ms] = sample
    return [found[at_ms] for at_ms in sorted(found)]


def _lost(overview: Overview) -> Mapping[str, float]:
    """The greatest losses by reason."""
    rates: dict[str, float] = {}
    counted = [each for each in overview.stages if not each.book.name.startswith(WEB_STAGE)]
    losses = [
        *(each.lost_per_second for each in counted),
        *(each.lost_per_second for each in overview.queues),
    ]
    for lost in losses:
        for reason, rate in lost.items():
            name = reason[:LONGEST_NAME]
            rates[name] = rates.get(name, 0.0) + rate
    return {name: round(rates[name], 1) for name in nlargest(MOST_NAMES, rates, key=lambda each: rates[each])}


def _tenth(rate: float | None) -> float | None:
    return None if rate is None else round(rate, 1)
