"""A whole simulated day as it arrives, and what the oracle says of it at several instants."""

import random
from collections import Counter
from collections.abc import Mapping
from typing import Final

from marketdata.synthetic_market.daily import DailyPrices
from tests.oracle.comparison import Answer, answer_of
from tests.oracle.disturbance import arrivals, disturbed
from tests.oracle.invented_reference import invented_reference
from tests.oracle.market import MANY_ROWS, Oracle
from tests.oracle.reference import ReferenceData
from tests.oracle.simulated_days import DATE, oracle_day, scenario_day, universe
from tests.oracle.terms import epoch_ms, new_york

INSTANTS: Final = ("04:10", "07:00", "09:29:30", "09:45", "10:04", "12:45", "16:05", "23:59")
"""When everything is compared: the last one lies behind all that comes."""


class ArrivedDay:
    """A day of one scenario and seed: what arrives, and the oracle's answers by the index of what came last.

    With `further` all symbols of the universe are known, and these, with their previous close; for `shards`
    and `unknown_rows` see `Oracle`. `refused` counts all that changes nothing, by reason.
    """

    def __init__(
        self,
        scenario: str,
        seed: int,
        *,
        further: Mapping[str, float] | None = None,
        shards: int = 1,
        unknown_rows: int = MANY_ROWS,
    ) -> None:
        chance = random.Random(f"{scenario} {seed}")
        self.sent = scenario_day(scenario, DATE, seed)
        self.arrived = tuple(arrivals(disturbed(self.sent, chance), chance))
        self.reference = _reference(seed, further)
        self.refused: Counter[str] = Counter()
        oracle = Oracle([oracle_day(DATE)], self.reference, shards=shards, unknown_rows=unknown_rows)
        self.answers = self._answers(oracle)

    def _answers(self, oracle: Oracle) -> Mapping[int, Answer]:
        instants = [epoch_ms(new_york(DATE, instant)) for instant in INSTANTS]
        answers: dict[int, Answer] = {}
        for index, group in enumerate(self.arrived):
            for event in group.events:
                oracle.take(event, received_ms=group.received_ms, feed_time_ms=group.feed_time_ms)
            self.refused.update(group.refused)
            last = index + 1 == len(self.arrived)
            next_ms = instants[-1] if last else self.arrived[index + 1].received_ms
            if next_ms >= instants[0]:
                answers[index] = answer_of(oracle)
                del instants[0]
        self.refused.update(oracle.refused)
        return answers


def _reference(seed: int, further: Mapping[str, float] | None) -> ReferenceData:
    prices = DailyPrices(universe(seed), seed).closes(new_york(DATE, "00:00").date())
    by_symbol = dict(zip(universe(seed).symbols, prices.tolist(), strict=True))
    return invented_reference(
        {**by_symbol, **(further or {})},
        oracle_day(DATE).start_ms,
        random.Random(seed),
        all_known=further is not None,
    )
