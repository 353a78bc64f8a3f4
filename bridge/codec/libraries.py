"""Where the shared libraries of PyAV's wheel lie, for those of their functions that PyAV itself does not call."""

from __future__ import annotations

import ctypes.util
import importlib.util
from collections.abc import Iterator
from pathlib import Path


def candidates(name: str) -> Iterator[str]:
    """What to try to open for library `name` ("opus" for libopus): the wheel's own one, then the system's.

    av itself is not imported, it is large.
    """
    spec = importlib.util.find_spec("av")
    for folder in spec.submodule_search_locations or () if spec else ():
        for candidate in sorted((Path(folder).parent / "av.libs").glob(f"lib{name}-*.so*")):
            yield str(candidate)
    yield ctypes.util.find_library(name) or f"lib{name}.so"
