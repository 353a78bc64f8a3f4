"""The test phone with a camera: one call with G.711 and pictures whose packets a test can lose.

with PicturePhone("anna", ("red", "blue"), tone=400) as anna:
    anna.call(bridge.uri("1001"))
    anna.camera.lose_out = lambda number: number % 20 == 0
    ...
    assert seats(anna.snapshot(), "4:0", 2) == ["lime", "cyan"]
"""

from __future__ import annotations

from types import TracebackType

from tests.peers.camera import Camera
from tests.peers.child import wait_until
from tests.peers.colours import Rgb
from tests.peers.sipphone import SipPhone
from tests.peers.siptext import SipText


class PicturePhone(SipPhone):
    """`camera` is what it shows and sees: see `Camera` for the other arguments."""

    def __init__(
        self,
        name: str,
        colours: tuple[str, ...],
        codec: str = "H264",
        *,
        tone: float | None = 440.0,
        size: tuple[int, int] = (320, 180),
        rate: int = 15,
        resends: bool = False,
        transport: str = "udp",
    ) -> None:
        super().__init__(name, tone=tone, transport=transport)
        self.camera = Camera(colours, codec, size=size, rate=rate, resends=resends, address=self.address)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, trace)
        self.camera.close()

    def snapshot(self, timeout: float = 8.0) -> Rgb:
        """The newest picture that came. Raises TimeoutError when there is none."""
        wait_until(lambda: self.camera.latest is not None, timeout, lambda: f"{self.name} sees a picture")
        assert self.camera.latest is not None
        return self.camera.latest

    def hang_up(self) -> SipText:
        """Send BYE and wait for its answer."""
        self.camera.connect(None)
        return super().hang_up()

    def _sdp(self) -> str:
        return super()._sdp() + self.camera.description

    def _use_sdp(self, body: str) -> None:
        super()._use_sdp(body)
        sound, _, pictures = body.partition("m=video ")
        port = int(pictures.split()[0]) if pictures else 0
        own = next((line[9:] for line in pictures.splitlines() if line.startswith("c=IN IP4 ")), "")
        host = own or next(line[9:] for line in sound.splitlines() if line.startswith("c=IN IP4 "))
        self.camera.connect((host, port) if port else None)
