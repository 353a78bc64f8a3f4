"""Debian's baresip, headless: a SIP endpoint that says a sine, shows a colour, and keeps what it hears and sees.

with Baresip("anna", tone=400, colour="red") as anna, Baresip("berit", tone=700, colour="blue") as berit:
    anna.dial(berit.uri)
    time.sleep(2)
    assert colour_of(berit.snapshot()) == "red"
    anna.hang_up()
    assert hears(berit.heard()[0], [400]) == ([], [])
"""

from __future__ import annotations

import contextlib
import json
import re
import socket
import subprocess
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from tests.peers.child import LOOPBACK, Child, Folder, free_port, wait_until
from tests.peers.colours import Rgb, hexadecimal, read_picture
from tests.peers.sound import Recording, read_wav

# As baresip writes them; G.722 has its RTP clock's name wrong everywhere, and so here (RFC 3551 section 4.5.2).
OPUS, G722, PCMU, PCMA = "opus/48000/2", "g722/16000/1", "pcmu", "pcma"
ALL_CODECS = (OPUS, G722, PCMU, PCMA)

# Codecs of pictures, and what baresip needs for them. "H264-0" offers and takes packetization-mode 0 alone, as accounts
# do that name H.264; "H264" offers mode 0, then mode 1, and some older codecs after them.
_VIDEO_MODULES = {"H264": "avcodec", "H264-0": "avcodec", "VP8": "vp8"}
_PICTURE_RATE = 15

_MODULES = "/usr/lib/baresip/modules"
# How long an endpoint lives at most, and for how long its recordings are prepared (see `_keep_recording`).
_LIFETIME_SECONDS = 600
_COLOUR_CODES = re.compile(r"\x1b\[[;0-9]*m")


class Event(NamedTuple):
    """What baresip tells of its own accord, e.g. kind "CALL_ESTABLISHED", at a time [monotonic seconds]."""

    at: float
    kind: str
    detail: str


class Baresip:
    """One endpoint, as a context manager.

    `transport` udp, tcp or tls; `security` none, srtp (RTP/AVP that offers SDES), srtp-mand (RTP/SAVP) or dtls_srtp;
    `ice` offers the machine's other addresses, since loopback is no candidate to it, `mux` RTCP on RTP's port;
    `codecs` in order of preference; `answer` auto or manual; `user` and `password` answer a digest challenge;
    `registrar` ("host:port") is where it registers. `colour` ("" = it has no camera): what it shows, with a mark that
    moves; `video`: the codec of its pictures, a key of `_VIDEO_MODULES`; `size` [pixels].
    """

    def __init__(
        self,
        name: str,
        tone: int = 440,
        *,
        transport: str = "udp",
        security: str = "none",
        ice: bool = False,
        mux: bool = False,
        codecs: tuple[str, ...] = ALL_CODECS,
        answer: str = "auto",
        user: str = "",
        password: str = "",
        registrar: str = "",
        colour: str = "",
        video: str = "H264",
        size: tuple[int, int] = (640, 360),
    ) -> None:
        self.name = name
        self.transport = transport
        self.events: list[Event] = []
        self._folder = Folder("bs")
        self._port = free_port(2)  # TLS listens on the second
        self._control_port = free_port()
        self._replies: dict[str, dict[str, Any]] = {}
        self._changed = threading.Condition()
        self._control: socket.socket | None = None
        modules = ["opus", "g722", "g711", "ausine", "sndfile"] + (["stun", "turn", "ice"] if ice else [])
        if security != "none":
            modules.append("dtls_srtp" if security == "dtls_srtp" else "srtp")
        if colour:
            modules += [_VIDEO_MODULES[video], "avformat", "fakevideo", "snapshot"]
        self._write_config(tone, modules, mux, _camera(colour, size) if colour else [])
        host = registrar or f"{LOOPBACK}:{self._port}"
        kind = "" if transport == "udp" else f";transport={transport}"
        account = [f"<sip:{name}@{host}{kind}>", f"answermode={answer}", f"audio_codecs={','.join(codecs)}"]
        account.append(f"regint={60 if registrar else 0}")
        account += [f"mediaenc={security}"] if security != "none" else []
        account += ["medianat=ice"] if ice else []
        if colour and video != "H264":
            account.append(f"video_codecs={video.partition('-')[0].lower()}")
        account += [f"auth_user={user}"] if user else []
        account += [f"auth_pass={password}"] if password else []
        (self._folder.path / "accounts").write_text(";".join(account) + "\n")
        argv: list[str | Path] = [
            "baresip",
            "-f",
            self._folder.path,
            "-4",
            "-v",
            "-s",
            "-t",
            str(_LIFETIME_SECONDS),
        ]
        self.child = Child(argv, self._folder.path / "log")

    def _write_config(self, tone: int, modules: list[str], mux: bool, camera: list[str]) -> None:
        folder = self._folder.path
        lines = [
            "poll_method epoll",
            # An interface name such as "lo" is refused here; the address is taken.
            f"net_interface {LOOPBACK}",
            f"sip_listen {LOOPBACK}:{self._port}",
            "call_local_timeout 120",
            "call_max_calls 4",
            f"audio_source ausine,{tone}",
            "audio_player none,nil",
            "audio_alert none,nil",
            "audio_path /usr/share/baresip",
            "audio_txmode poll",
            "ausrc_srate 48000",
            "ausrc_channels 2",
            "rtp_ports 16384-31998",
            "rtp_stats yes",
            f"rtcp_mux {'yes' if mux else 'no'}",
            "jitter_buffer_delay 1-10",
            *camera,
            "statmode_default off",
            f"snd_path {folder}",
            f"module_path {_MODULES}",
            *(f"module {module}.so" for module in modules),
            "module_tmp uuid.so",
            "module_tmp account.so",
            "module_app menu.so",
            "module_app debug_cmd.so",
            "module_app ctrl_tcp.so",
            f"ctrl_tcp_listen {LOOPBACK}:{self._control_port}",
        ]
        if self.transport == "tls":
            lines.append(f"sip_certificate {self_signed(folder)}")
        (folder / "config").write_text("\n".join(lines) + "\n")

    def _keep_recording(self) -> None:
        """Make baresip 1.0.0 go on recording after a hold.

        Its recorder of what is heard is not set up again while the recorder of what is said still stands. The latter
        is kept from ever standing: folders lie where it would write, one for each second of this endpoint's life.
        """
        begin = int(time.time())
        for second in range(begin, begin + _LIFETIME_SECONDS):
            stamp = time.strftime("%Y-%m-%d-%H-%M-%S", time.localtime(second))
            (self._folder.path / f"dump-{stamp}-enc.wav").mkdir()

    @property
    def uri(self) -> str:
        """Where it can be called."""
        port = self._port + (self.transport == "tls")
        kind = "" if self.transport == "udp" else f";transport={self.transport}"
        return f"sip:{self.name}@{LOOPBACK}:{port}{kind}"

    def __enter__(self) -> Self:
        self._keep_recording()
        self.child.__enter__()
        try:
            self.child.wait_text("baresip is ready", 15)
            self._control = wait_until(self._connect, 5, lambda: f"control of baresip: {self.child.tail()}")
        except BaseException:
            self.close()
            raise
        threading.Thread(target=self._read, args=(self._control,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End it; its folder is removed."""
        if self._control is not None:
            with contextlib.suppress(OSError):
                self._control.shutdown(socket.SHUT_RDWR)
            self._control.close()
        self.child.end()
        self._folder.remove()

    def _connect(self) -> socket.socket | None:
        try:
            return socket.create_connection((LOOPBACK, self._control_port))
        except ConnectionRefusedError:
            return None

    # -- its control socket: JSON in netstrings ("3:abc,") -------------------------------------------------------------

    def _read(self, control: socket.socket) -> None:
        with control.makefile("rb") as stream:
            try:
                while length := _netstring_length(stream):
                    self._take(json.loads(stream.read(length)))
                    stream.read(1)
            except (OSError, ValueError):
                return

    def _take(self, message: dict[str, Any]) -> None:
        with self._changed:
            if message.get("response"):
                self._replies[str(message.get("token"))] = message
            elif message.get("event"):
                self.events.append(Event(time.monotonic(), message["type"], str(message.get("param", ""))))
            self._changed.notify_all()

    def command(self, name: str, argument: str = "", timeout: float = 5.0) -> str:
        """Give a command of baresip's menu and return what it says to it. Raises RuntimeError when it refuses."""
        if self._control is None:
            raise RuntimeError("baresip was not started")
        token = str(time.monotonic_ns())
        raw = json.dumps({"command": name, "params": argument, "token": token}).encode()
        self._control.sendall(b"%d:%s," % (len(raw), raw))
        with self._changed:
            if not self._changed.wait_for(lambda: token in self._replies, timeout):
                raise TimeoutError(f"{self.name}: no answer to {name}; {self.child.tail()}")
            reply = self._replies.pop(token)
        if not reply.get("ok"):
            raise RuntimeError(f"{self.name}: {name}: {reply.get('data')}")
        return _COLOUR_CODES.sub("", str(reply.get("data", "")))

    def wait_event(self, kind: str, timeout: float = 10.0, start: int = 0) -> Event:
        """The first event of that kind in `events[start:]`; waits for it. Raises TimeoutError.

        Kinds: CALL_INCOMING, CALL_RINGING, CALL_ESTABLISHED, CALL_CLOSED, CALL_DTMF_START, REGISTER_OK, ...
        """

        def find() -> Event | None:
            return next((event for event in self.events[start:] if event.kind == kind), None)

        with self._changed:
            found = self._changed.wait_for(find, timeout)
        if found is None:
            seen = [event.kind for event in self.events[start:]]
            raise TimeoutError(f"{self.name}: no {kind} in {timeout} s, only {seen}; {self.child.tail()}")
        return found

    # -- what a person does ------------------------------------------------------------------------------------------

    def dial(self, uri: str, timeout: float = 10.0) -> None:
        """Call and wait for the answer (with `timeout` 0 do not wait)."""
        mark = len(self.events)
        # It adds its account's transport to what it dials.
        self.command("dial", uri.replace(f";transport={self.transport}", ""))
        if timeout:
            self.wait_event("CALL_ESTABLISHED", timeout, mark)

    def accept(self) -> None:
        """Answer a call that rings."""
        self.command("accept")

    def hang_up(self) -> None:
        self.command("hangup")

    def hold(self) -> None:
        """Hold with a=sendonly; it sends nothing while it holds."""
        self.command("hold")

    def resume(self) -> None:
        self.command("resume")

    def press(self, keys: str, pause: float = 0.3) -> None:
        """Press keys (RFC 4733); it sends no SIP INFO."""
        for key in keys:
            self.command("sndcode", key)
            time.sleep(pause)

    def set_tone(self, hz: int) -> None:
        """Say another tone from now on."""
        self.command("ausrc", f"ausine,{hz}")

    def heard_keys(self) -> str:
        """The keys that the other side pressed."""
        return "".join(event.detail for event in self.events if event.kind == "CALL_DTMF_START")

    def heard(self) -> list[Recording]:
        """What it heard, at the codec's rate: one recording for each call, and a new one from each re-INVITE.

        It records only while packets come: time without any is missing from it, not silent.
        """
        files = sorted(self._folder.path.glob("dump-*-dec.wav"))
        return [read_wav(path) for path in files if path.stat().st_size > 44]

    def snapshot(self, timeout: float = 5.0) -> Rgb:
        """The next picture that it gets. Raises TimeoutError when none comes."""
        path = self._folder.path / f"{time.monotonic_ns()}.png"
        self.command("snapshot_recv", str(path))

        def whole() -> bool:
            # It is written bit by bit.
            return path.exists() and path.read_bytes()[-8:-4] == b"IEND"

        wait_until(whole, timeout, lambda: f"{self.name} sees a picture: {self.command('video_debug')}")
        return read_picture(path)

    def pictures(self) -> int:
        """How many pictures it has shown so far."""
        found = re.search(r"vidisp: \S+ \d+ x \d+ frames=(\d+)", self.command("video_debug"))
        return int(found[1]) if found else 0

    def show(self, colour: str, size: tuple[int, int] = (640, 360)) -> None:
        """Show another colour from now on."""
        self.command("vidsrc", _camera(colour, size)[0].partition(" ")[2])

    def is_encrypted(self) -> bool:
        """Whether the call's sound is SRTP."""
        return "secure=yes" in self.command("audio_debug")

    def log(self) -> str:
        """All that it printed, its SIP messages included."""
        return _COLOUR_CODES.sub("", self.child.text())


def _camera(colour: str, size: tuple[int, int]) -> list[str]:
    """Lines of the configuration for a camera that shows a colour, with a white square that walks along below."""
    width, height = size
    edge = height // 10 // 2 * 2
    canvas = f"color=c=0x{hexadecimal(colour)}:s={width}x{height}:r={_PICTURE_RATE}[a]"
    mark = f"color=c=white:s={edge}x{edge}:r={_PICTURE_RATE}[b]"
    # What baresip takes is this format; an overlay leaves another one.
    both = f"[a][b]overlay=x=mod(t*100\\,{width - edge}):y={height - edge},format=yuv420p"
    return [
        f"video_source avformat,lavfi,{canvas};{mark};{both}",
        "video_display fakevideo,nil",
        f"video_size {width}x{height}",
        f"video_fps {_PICTURE_RATE}",
        "video_bitrate 500000",
    ]


def _netstring_length(stream: Any) -> int:
    """The number before the colon; 0 at the end of the stream."""
    digits = b""
    while (byte := stream.read(1)) not in (b":", b""):
        digits += byte
    return int(digits) if digits else 0


def self_signed(folder: Path) -> Path:
    """A fresh certificate for localhost with its key, in one PEM file of `folder`."""
    key, certificate, both = folder / "key.pem", folder / "certificate.pem", folder / "both.pem"
    made = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
    names = ["-addext", f"subjectAltName=DNS:localhost,IP:{LOOPBACK}"]
    command = [*made.split(), *names, "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True, timeout=30)
    both.write_text(certificate.read_text() + key.read_text())
    return both
