"""The pages' cache on a real server: whoever writes to the server writes data, and runs nothing."""

import os
import pickle
from pathlib import Path

import pytest
from redis import Redis

from mdp_site.cache import DataCache

KEY = "limit"


@pytest.fixture
def cache(redis_url: str, unique_prefix: str) -> DataCache:
    return DataCache([redis_url], {"KEY_PREFIX": unique_prefix})


@pytest.fixture
def server(redis_url: str) -> Redis:
    return Redis.from_url(redis_url)


class Attack:
    """A pickle of this makes a file when it is read."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self._path),)


def test_a_pickle_in_the_server_is_not_run_and_not_there(
    cache: DataCache, server: Redis, tmp_path: Path
) -> None:
    trap = tmp_path / "sprung"
    cache.set(KEY, [1.5])
    server.set(cache.make_key(KEY), pickle.dumps(Attack(trap)))

    assert cache.get(KEY, "absent") == "absent"
    assert cache.get_many([KEY]) == {}
    assert not trap.exists()


def test_it_works_as_the_login_limits_need_it(cache: DataCache) -> None:
    assert cache.add("lock", True, timeout=60)
    assert not cache.add("lock", True, timeout=60)
    cache.set(KEY, [1.25, 2.5], timeout=60)
    assert cache.get(KEY, []) == [1.25, 2.5]
    cache.set("count", 5)
    assert cache.incr("count") == 6
    assert cache.get_many([KEY, "count", "nothing"]) == {KEY: [1.25, 2.5], "count": 6}


def test_a_comma_in_the_address_does_not_cut_it(redis_url: str, unique_prefix: str) -> None:
    cache = DataCache([f"{redis_url}?client_name=a,b"], {"KEY_PREFIX": unique_prefix})
    cache.set(KEY, 1)
    assert cache.get(KEY) == 1
