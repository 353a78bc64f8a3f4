"""Changed certificates are noticed, those that expire are told of in time, and our own are renewed."""

from __future__ import annotations

import asyncio
import datetime
import json
import os
from pathlib import Path

import pytest

from bridge import log
from bridge.certificate import expiry, self_made
from bridge.certificates import LOOK_S, REMIND_S, Certificates
from tests.faketime import run

NOW = datetime.datetime.now(datetime.UTC)


def told(capsys: pytest.CaptureFixture[str], event: str) -> list[dict[str, object]]:
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    return [line for line in lines if line["event"] == event]


def test_a_configured_one_is_taken_and_one_of_ours_is_told_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log.configure("info")
    certificates = Certificates(tmp_path, ["localhost"], lambda: None)
    files = certificates.serve("/x/chain.pem", "/x/key.pem", "web")
    assert (str(files.chain), str(files.key)) == ("/x/chain.pem", "/x/key.pem")
    assert certificates.serve("/x/both.pem", "", "web").key == Path("/x/both.pem")
    assert not told(capsys, "self-made-certificate")
    own = certificates.serve("", "", "web")
    assert own.chain.parent == tmp_path and expiry(own.chain) is not None
    (line,) = told(capsys, "self-made-certificate")
    assert line["level"] == "warning" and "[web]" in str(line["detail"])


def test_changes_are_noticed(tmp_path: Path) -> None:
    async def scene() -> None:
        changes: list[float] = []
        loop = asyncio.get_running_loop()
        certificates = Certificates(tmp_path, ["localhost"], lambda: changes.append(loop.time()))
        files = certificates.serve("", "", "sip")
        watching = asyncio.create_task(certificates.watch())
        await asyncio.sleep(2.5 * LOOK_S)
        assert changes == []
        os.utime(files.chain, (1, 1))
        await asyncio.sleep(LOOK_S)
        assert len(changes) == 1
        files.key.unlink()
        await asyncio.sleep(3 * LOOK_S)
        assert len(changes) == 2
        watching.cancel()

    run(scene())


@pytest.mark.parametrize(("days", "warned"), [(300, False), (343, False), (345, True), (366, True)])
def test_of_what_expires_within_three_weeks_there_is_a_warning(
    days: int, warned: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log.configure("info")
    chain, key = self_made(tmp_path, ["localhost"], NOW)
    later = NOW + datetime.timedelta(days=days)
    certificates = Certificates(tmp_path / "other", [], lambda: None, lambda: later)
    certificates.serve(str(chain), str(key), "web")
    certificates.remind()
    assert bool(told(capsys, "certificate-expires")) is warned


def test_a_warning_is_repeated_each_day_and_our_own_is_renewed(tmp_path: Path) -> None:
    async def scene() -> None:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        changes: list[float] = []
        certificates = Certificates(
            tmp_path, ["localhost"], lambda: changes.append(loop.time()),
            lambda: NOW + datetime.timedelta(days=int((loop.time() - begun) / REMIND_S) * 340),
        )  # fmt: skip
        files = certificates.serve("", "", "web")
        first = files.chain.read_bytes()
        watching = asyncio.create_task(certificates.watch())
        await asyncio.sleep(REMIND_S + 2 * LOOK_S)
        assert files.chain.read_bytes() != first and len(changes) == 1
        watching.cancel()

    run(scene())
