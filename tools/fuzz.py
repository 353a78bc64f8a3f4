"""Feed every parser mutated input: it parses, or raises ProtocolError, and nothing else.

    python -m tools.fuzz --cases 1000000 [--only sdp] [--seed 1] [--jobs 2]

Each test package may hold modules named `fuzz*.py` with `TARGETS`: name -> (function of bytes, seeds). Mutations are
made by a small seeded generator (bytes flipped, cut, doubled, spliced, numbers and separators swapped in), so that a
failure can be had again with its seed and case number.
"""

from __future__ import annotations

import argparse
import importlib
import os
import random
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from bridge.errors import ProtocolError

ROOT = Path(__file__).parents[1]
Target = Callable[[bytes], object]
TOKENS = [
    b"\r\n", b"\n", b"\0", b":", b";", b",", b"=", b"<", b">", b'"', b"\\", b"%", b"%00", b"@", b"/", b" ", b"\t",
    b"-1", b"0", b"+0", b"1_0", b"65536", b"4294967296", b"99999999999999999999", b"\xd9\xa1", b"\xff", b"\xed\xa0\x80",
    b"\r\n ", b"[", b"]", b"*", b"a" * 300,
]  # fmt: skip


def targets(root: Path) -> dict[str, tuple[Target, list[bytes]]]:
    """All targets of the test tree, by name "part/target"."""
    found: dict[str, tuple[Target, list[bytes]]] = {}
    for path in sorted((root / "tests").glob("*/fuzz*.py")):
        module = importlib.import_module(f"tests.{path.parent.name}.{path.stem}")
        for name, target in module.TARGETS.items():
            found[f"{path.parent.name}/{name}"] = target
    return found


def mutations(seeds: list[bytes], seed: int, count: int) -> Iterator[bytes]:
    """`count` mutated inputs; the seeds themselves come first."""
    chance = random.Random(seed)
    yield from seeds[:count]
    for _ in range(max(0, count - len(seeds))):
        value = bytearray(chance.choice(seeds))
        for _ in range(chance.randint(1, 4)):
            _mutate(value, seeds, chance)
        yield bytes(value[:70_000])


def _mutate(value: bytearray, seeds: list[bytes], chance: random.Random) -> None:
    place = chance.randint(0, len(value))
    match chance.randint(0, 6):
        case 0 if value:
            value[place % len(value)] = chance.randint(0, 255)
        case 1:
            value[place:place] = chance.choice(TOKENS)
        case 2:
            del value[place : place + chance.randint(1, 20)]
        case 3:
            value[place:place] = value[place : place + chance.randint(1, 60)] * chance.randint(1, 3)
        case 4:
            other = chance.choice(seeds)
            cut = chance.randint(0, len(other))
            value[place:] = other[cut:]
        case 5 if value:
            value[place % len(value)] ^= 1 << chance.randint(0, 7)
        case _:
            value[place : place + 1] = bytes([chance.choice([0, 1, 127, 128, 255])])


def fuzz_by_name(name: str, seed: int, cases: int) -> bool:
    """Run one target, found by its name, so that it can run in a process of its own. True if it held."""
    target, seeds = targets(ROOT)[name]
    return fuzz(name, target, seeds, seed, cases) is None


def fuzz(name: str, target: Target, seeds: list[bytes], seed: int, cases: int) -> bytes | None:
    """Run one target; returns the input that broke the sentence, or None."""
    start = time.perf_counter()
    refused = 0
    for case in mutations(seeds or [b""], seed, cases):
        try:
            target(case)
        except ProtocolError:
            refused += 1
        except Exception as fault:
            print(f"{name}: FAILED with {type(fault).__name__}: {fault}\n  input: {case!r}")
            return case
    spent = time.perf_counter() - start
    print(
        f"{name}: {cases} cases, {refused} refused, {spent / max(1, cases) * 1e6:.1f} us a case", flush=True
    )
    return None


def main() -> int:
    """The command line; exit code 1 when any target failed."""
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--cases", type=int, default=1_000_000)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--only", default="")
    options.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    chosen = options.parse_args()
    names = [name for name in targets(ROOT) if chosen.only in name]
    with ProcessPoolExecutor(chosen.jobs) as workers:
        runs = [workers.submit(fuzz_by_name, name, chosen.seed, chosen.cases) for name in names]
        broken = sum(not run.result() for run in runs)
    print(f"{broken} targets failed" if broken else "all parsers held")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
