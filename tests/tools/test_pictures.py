"""The tool writes a picture of everything that participants can see."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from mixer.card import TEXTS
from mixer.layout import NAMES, layout
from mixer.scene import Card
from tools.pictures import cards, layouts, main, signs


def test_pictures_are_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--into", str(tmp_path), "--only", "signs"]) == 0
    sizes = {}
    for path in tmp_path.iterdir():
        with Image.open(path) as image:
            sizes[path.name] = image.size
    assert sizes == {"signs-of-a-host.png": (1280, 720), "signs-of-a-host-360.png": (640, 360)}
    assert "1 views" in capsys.readouterr().out


def test_nothing_is_left_out() -> None:
    names = [name for name, _ in (*layouts(), *signs())] + [name for name, _, _ in cards()]
    assert len(set(names)) == len(names)
    assert sum(name.startswith("layout") for name in names) == sum(layout(name).seats + 1 for name in NAMES)
    assert sum(name.startswith("card") for name in names) == len(TEXTS) * (len(Card) - 1)
