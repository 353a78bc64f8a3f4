"""One encoder and those who get its pictures.

Whoever comes is a joiner until the next key frame, and gets nothing of this stream before. Key frames are asked for by
joiners, by sinks that have lost something, and by a rate that cannot be had otherwise; one a second is given at most.
A picture that was begun is given only to those who may still have it when it is done.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from bridge.codec.video_encoder import EncoderError, Quality, VideoEncoder, make_encoder
from bridge.rtp import h264, vp8
from bridge.video.ladder import Format, width_of
from bridge.video.settings import Rung, VideoSettings
from mixer.picture import Picture

KEY_S: Final = 1.0
"""Between two key frames [s]."""

REST_S: Final = 0.2
"""Between two pictures of a view in which nothing changes [s]."""

_PICTURE_IDS = 0x8000


class Cut(NamedTuple):
    """One encoded picture, cut into RTP payloads."""

    key: bool
    payloads: tuple[bytes, ...]


Opener = Callable[[str, Quality, int], VideoEncoder]


class Stream:
    """One encoder. `view`: index of the view that it shows. All but `encode` is called on the loop.

    `members` get its pictures, `joiners` will from the next key frame on. `pending`: a picture is being encoded.
    """

    def __init__(
        self,
        form: Format,
        rung: Rung,
        settings: VideoSettings,
        picture_id: int,
        opener: Opener = make_encoder,
    ) -> None:
        self.form = form
        self.rung = rung
        self.view = 0
        self.members: set[str] = set()
        self.joiners: set[str] = set()
        self.pending = False
        self.bitrate = rung.most
        self.encoded_at = float("-inf")
        self._keyed_at = float("-inf")
        self._failed_at = float("-inf")
        self._wanted = False
        self._settings = settings
        self._opener = opener
        self._encoder: VideoEncoder | None = None
        self._picture_id = picture_id

    def want_key(self) -> None:
        """Somebody needs a key frame."""
        self._wanted = True

    def key_due(self, now: float) -> bool:
        """Whether the next picture is to be a key frame."""
        since = now - self._keyed_at
        if self._encoder is None:
            return True
        if since < KEY_S:
            return False
        return self._wanted or bool(self.joiners) or self._encoder.wants_key(since)

    def rests(self, now: float) -> bool:
        """Whether a picture just like the last one need not be encoded now."""
        return now - self.encoded_at < REST_S - 0.001 and not self.key_due(now)

    def mends(self, now: float) -> bool:
        """Whether its encoder failed so lately that another one is not tried yet."""
        return now - self._failed_at < KEY_S

    def begin(self, now: float, key: bool) -> frozenset[str]:
        """A picture is going to be encoded; gives those who are to have it."""
        self.pending = True
        self.encoded_at = now
        if not key:
            return frozenset(self.members)
        self._keyed_at = now
        self._wanted = False
        return frozenset(self.members | self.joiners)

    def encode(self, picture: Picture, composed: float, key: bool, bitrate: int) -> Cut | None:
        """Encode and cut, in any one thread; None = there is nothing to send. Raises EncoderError."""
        encoder = self._encoder
        if encoder is None:
            encoder = self._encoder = self._opener(self.form.codec, self._quality(), bitrate)
        encoder.set_bitrate(bitrate)
        encoded = encoder.encode(picture, composed, key)
        if encoded is None:
            return None
        if self.form.codec == "VP8":
            self._picture_id = (self._picture_id + 1) % _PICTURE_IDS
            return Cut(encoded.key, tuple(vp8.payloads(encoded.octets, self._picture_id)))
        try:
            return Cut(encoded.key, tuple(h264.payloads(encoded.octets, self.form.mode)))
        except ValueError as fault:  # a slice is longer than it was to be
            raise EncoderError(str(fault)) from None

    def end(self, key: bool, got: frozenset[str]) -> tuple[str, ...]:
        """The picture that `got` were to have is done: who has a right to it now, in order of their names."""
        self.pending = False
        if key:
            come = self.joiners & got
            self.members |= come
            self.joiners -= come
        return tuple(sorted(self.members & got))

    def begin_anew(self) -> None:
        """A picture was made and not given out: the next one begins with a key frame."""
        self.pending = False
        self._encoder = None

    def fail(self, now: float) -> None:
        """The encoder is of no use: a later picture gets a new one, and is a key frame."""
        self.pending = False
        self._failed_at = now
        self._encoder = None
        self.joiners |= self.members
        self.members.clear()

    def _quality(self) -> Quality:
        return Quality(
            width_of(self.form.height),
            self.form.height,
            self.form.fps,
            self.rung.most,
            self.form.codec == "H264" and self.form.mode == 0,
            self._settings.x264_preset,
            self._settings.vp8_speed,
        )
