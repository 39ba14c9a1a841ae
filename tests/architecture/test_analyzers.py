"""The room of the analyzers holds analyzers alone, so that one import contract keeps all of them apart."""

from collections import Counter
from pathlib import Path

from scanners import analyzers
from scanners.registry import routes


def test_each_module_and_package_of_the_room_is_one_analyzer_of_the_registry() -> None:
    """What several analyzers need belongs in `scanners.analysis`."""
    room = Path(str(analyzers.__file__)).parent
    children = [path.stem for path in room.iterdir() if not path.stem.startswith("__")]
    registered = [type(each).__module__.split(".")[2] for route in routes() for each in route.analyzers]
    assert Counter(registered) == Counter(children)
