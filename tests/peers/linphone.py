"""Debian's linphonec, headless: a second SIP stack, which sends keys by RFC 4733 or by INFO, and a still picture.

with Linphone("carl", tone=900) as carl:
    carl.dial("sip:100@127.0.0.1:5060")
    time.sleep(3)
    carl.hang_up()
    assert hears(carl.heard(), [400]) == ([], [])
"""

from __future__ import annotations

import contextlib
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from PIL import Image

from tests.peers.child import LOOPBACK, Child, Folder, environment_without, free_port, wait_until
from tests.peers.colours import COLOURS, Rgb, read_picture
from tests.peers.sound import Recording, read_wav, sine, write_wav

_PROMPT = "linphonec>"
_LIFETIME_SECONDS = 300


class Linphone:
    """One endpoint, as a context manager.

    `transport` udp or tcp; `security` none, srtp or dtls; it says `tone` [Hz] or the WAV `speech`; `keys_by` rtp or
    info; it answers by itself. It takes one line a second at its prompt. Its INFOs go one after the other, over UDP 5 s
    apart: use TCP for them. `colour` ("" = it has no camera): what its picture shows; `video`: the codec of it, VP8 or
    H264.
    """

    def __init__(
        self,
        name: str,
        tone: float = 900.0,
        *,
        speech: Path | None = None,
        transport: str = "udp",
        security: str = "none",
        keys_by: str = "rtp",
        colour: str = "",
        video: str = "VP8",
    ) -> None:
        self.name = name
        self.transport = transport
        self._folder = Folder("lp")
        folder = self._folder.path
        self._port = free_port()
        self._heard = folder / "heard.wav"
        self._speech = speech or folder / "tone.wav"
        if speech is None:
            write_wav(self._speech, sine(tone, 120, 16000), 16000)
        (folder / ".local/share/linphone").mkdir(parents=True)
        (folder / ".config/linphone").mkdir(parents=True)
        self._picture = folder / "picture.jpg" if colour else None
        if self._picture is not None:
            Image.new("RGB", (352, 288), COLOURS[colour]).save(self._picture)
        (folder / "settings").write_text(self._settings(security, keys_by, video if colour else ""))
        argv: list[str | Path] = [
            "timeout",
            str(_LIFETIME_SECONDS),
            "linphonec",
            "-a",
            "-c",
            folder / "settings",
        ]
        argv += ["-V"] if colour else []
        argv += ["-d", "6", "-l", folder / "debug"]
        # With a screen in sight it would look for one.
        environment = environment_without("DISPLAY") | {"HOME": str(folder)}
        self.child = Child(argv, folder / "log", environment=environment)

    def _settings(self, security: str, keys_by: str, video: str) -> str:
        seen = int(bool(video))
        ports = {kind: self._port if kind == self.transport else 0 for kind in ("udp", "tcp", "tls")}
        sections: dict[str, dict[str, str | int]] = {
            "sip": {
                "sip_port": ports["udp"],
                "sip_tcp_port": ports["tcp"],
                "sip_tls_port": ports["tls"],
                "bind_address": LOOPBACK,
                "contact": f'"{self.name}" <sip:{self.name}@{LOOPBACK}>',
                "guess_hostname": 0,
                # Both are needed, or it takes an IPv6 or outer address for its sound.
                "use_ipv6": 0,
                "ipv6_migration_done": 1,
                "media_encryption": security,
                "use_info": int(keys_by == "info"),
                "use_rfc2833": int(keys_by == "rtp"),
            },
            "rtp": {
                "bind_address": LOOPBACK,
                "audio_rtp_port": free_port(),
                "video_rtp_port": free_port(),
            },
            "sound": {"echocancellation": 0},
            "video": {
                "enabled": seen,
                "capture": seen,
                "display": seen,
                "automatically_initiate": seen,
                "automatically_accept": seen,
                "show_local": 0,
                "device": "StaticImage: Static picture",
            },
            **{
                f"video_codec_{number}": {"mime": codec, "rate": 90000, "enabled": int(codec == video)}
                for number, codec in enumerate(("VP8", "H264"))
            },
            "misc": {"history_max_size": 0},
        }
        lines = []
        for section, values in sections.items():
            lines += [f"[{section}]", *(f"{key}={value}" for key, value in values.items())]
        return "\n".join(lines) + "\n"

    @property
    def uri(self) -> str:
        """Where it can be called."""
        kind = "" if self.transport == "udp" else f";transport={self.transport}"
        return f"sip:{self.name}@{LOOPBACK}:{self._port}{kind}"

    def __enter__(self) -> Self:
        self.child.__enter__()
        try:
            self.child.wait_text(_PROMPT, 15)
            lines = ["soundcard use files", f"play {self._speech}", f"record {self._heard}"]
            for line in [*lines, *([f"staticpic set {self._picture}"] if self._picture else [])]:
                mark = len(self.child.text())
                self.command(line)
                self.child.wait_text(_PROMPT, 10, mark)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End it; its folder is removed."""
        if self.child.alive:
            self.command("quit")
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.child.wait(3)
        self.child.end()
        self._folder.remove()

    def command(self, line: str) -> None:
        """Type a line at its prompt."""
        self.child.type(line)

    def dial(self, uri: str, timeout: float = 10.0) -> None:
        """Call and wait until sound flows (with `timeout` 0 do not wait)."""
        mark = len(self.child.text())
        self.command(f"call {uri}")
        if timeout:
            self.child.wait_text("Media streams established", timeout, mark)

    def hang_up(self) -> None:
        mark = len(self.child.text())
        self.command("terminate")
        self.child.wait_text("ended", 5, mark)

    def hold(self) -> None:
        self.command("pause")

    def resume(self) -> None:
        self.command("resume")

    def press(self, keys: str, pause: float = 1.05) -> None:
        """Press keys; "#" cannot be typed at its prompt, which takes it for a comment."""
        if "#" in keys:
            raise ValueError("linphonec cannot send #")
        for key in keys:
            self.command(key)
            time.sleep(pause)

    def heard(self) -> Recording:
        """What it heard since it started."""
        return read_wav(self._heard)

    def snapshot(self, timeout: float = 8.0) -> Rgb:
        """What it sees. Raises TimeoutError when it sees nothing."""
        path = self._folder.path / f"{time.monotonic_ns()}.jpg"
        self.command(f"snapshot {path}")

        def whole() -> bool:
            return path.exists() and path.read_bytes()[-2:] == b"\xff\xd9"

        wait_until(whole, timeout, lambda: f"{self.name} sees a picture: {self.child.tail()}")
        return read_picture(path)

    def log(self) -> str:
        """Its debug log, SIP messages included."""
        return (self._folder.path / "debug").read_text("utf-8", "replace")
