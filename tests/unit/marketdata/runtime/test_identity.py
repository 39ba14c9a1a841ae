"""The name of a process is what operators find in the reports, and what they name in their orders."""

import multiprocessing
from multiprocessing.queues import Queue

from marketdata.runtime.identity import lease_owner, process_identity
from marketdata.runtime.reporting import Reporting


def _say(names: "Queue[str]") -> None:
    names.put(process_identity())


def test_a_process_has_one_name_in_its_report_and_in_its_orders() -> None:
    reporting = Reporting(None, service="web", name="web", facts={})
    assert reporting._newest.identity == process_identity() == process_identity()


def test_a_forked_child_has_a_name_of_its_own() -> None:
    forked = multiprocessing.get_context("fork")
    names: Queue[str] = forked.Queue()
    own = process_identity()
    child = forked.Process(target=_say, args=(names,))
    child.start()
    assert names.get(timeout=20) != own
    child.join()


def test_two_holders_of_one_process_have_different_names() -> None:
    assert lease_owner() != lease_owner()
    assert lease_owner().startswith(process_identity())
