"""Hostile datagrams that lie beside the project, by kind."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

VECTORS = Path(__file__).parents[2] / ".." / "shared" / "vectors"

beside = pytest.mark.skipif(not VECTORS.is_dir(), reason="the vectors lie beside the project")


def vectors(kind: str) -> list[tuple[str, bytes, str]]:
    """(name, datagram, what may come of it) of all vectors of a kind."""
    if not VECTORS.is_dir():
        return []
    entries = json.loads((VECTORS / "manifest.json").read_text())
    return [
        (entry["name"], (VECTORS / entry["file"]).read_bytes(), entry["expect"])
        for entry in entries
        if entry["kind"] == kind
    ]
