"""Each source has a bucket of its own, and there are never too many of them."""

from __future__ import annotations

from bridge.bucket import Bucket
from bridge.web.sources import Sources


def test_one_source_empties_its_own_bucket_only() -> None:
    sources = Sources(lambda: Bucket(1.0, 2.0, 0.0))
    assert [sources.take("a", 0.0) for _ in range(3)] == [True, True, False]
    assert sources.take("b", 0.0)
    assert sources.take("a", 1.0)


def test_the_one_not_seen_for_longest_is_forgotten() -> None:
    sources = Sources(lambda: Bucket(0.0, 1.0, 0.0), most=2)
    for source in ("a", "b", "a", "c"):
        sources.take(source, 0.0)
    assert not sources.take("a", 0.0)
    assert not sources.take("c", 0.0)
    assert sources.take("b", 0.0)
