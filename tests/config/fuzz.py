"""Fuzz targets of the configuration: any bytes give a configuration, or mistakes; nothing is raised."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from config.load import parse

EXAMPLE = Path(__file__).parents[2] / "config" / "example.toml"


def fuzz_toml(data: bytes) -> None:
    """Read any bytes; a configuration without mistakes must have come out whole."""
    config, mistakes = parse(data, "fuzz.toml", lambda _: "", {})
    assert config is not None or mistakes
    assert all(1 <= mistake.line <= data.count(b"\n") + 1 for mistake in mistakes)


TARGETS: dict[str, tuple[Callable[[bytes], object], list[bytes]]] = {
    "toml": (
        fuzz_toml,
        [
            EXAMPLE.read_bytes().replace(b"\n#", b"\n")[:3000],
            b'[[rooms]]\nnumber = "1"\nkind = "open"\naliases = ["a@b", \'c\']\n',
            b'[sip]\nlisteners = [{protocol = "udp", port = 5060}]\n[[sip.peers]]\nname = """x"""\nkind = "trunk"\n',
        ],
    ),
}
