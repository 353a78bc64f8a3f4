"""The bad network of the tests is as bad as it says, and the same in every run."""

from __future__ import annotations

from tests.net import Net


def carried(net: Net[int], count: int = 2000) -> list[int]:
    for number in range(count):
        net.send(number, number * 0.001)
    found = []
    while (when := net.next()) is not None:
        thing = net.pop(when)
        assert thing is not None
        found.append(thing)
    return found


def test_loss_reordering_and_copies_are_seeded() -> None:
    one = carried(Net(loss=0.1, reorder=0.05, duplicate=0.02, seed=3))
    assert one == carried(Net(loss=0.1, reorder=0.05, duplicate=0.02, seed=3))
    assert 0.85 < len(set(one)) / 2000 < 0.95
    assert one != sorted(one)
    assert len(one) > len(set(one))


def test_a_good_network_is_only_late() -> None:
    net: Net[int] = Net(delay_ms=20)
    net.send(1, 5.0)
    assert (net.pop(5.019), net.pop(5.02), net.next()) == (None, 1, None)
