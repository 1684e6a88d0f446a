import pytest
from django.core.cache import cache

from filot.cache import KeptClients


def test_one_client_serves_all_calls_of_a_cache() -> None:
    client = KeptClients(["redis://127.0.0.1:1/0"])
    assert client.get_client() is client.get_client("another key")
    assert client.get_client(write=True) is client.get_client(write=True)


def test_counting_up_a_key_that_is_not_there_makes_none_without_an_end() -> None:
    with pytest.raises(ValueError, match="not found"):
        cache.incr("nobody made it")
    assert not cache.has_key("nobody made it")


def test_counting_up_keeps_the_end_of_a_key() -> None:
    cache.add("calls", 1, timeout=60)
    assert [cache.incr("calls"), cache.incr("calls", 5)] == [2, 7]
    kept = cache._cache  # type: ignore[attr-defined]
    assert 0 < kept.get_client().ttl(cache.make_and_validate_key("calls")) <= 60
