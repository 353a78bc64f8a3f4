"""A crowd that comes by SIP: one socket for the signalling of all, a pair of ports for the sound of each, and one for
its pictures."""

from __future__ import annotations

import time
from collections.abc import Sequence

from tools.load.calls import Call, Caller, picture_lines
from tools.load.member import Part, Tell
from tools.load.pictures import PhonePictures
from tools.load.poll import Poll
from tools.load.speech import Codec
from tools.load.stream import PhoneStream


class Phones:
    """See `tools.load.member.Signalling`."""

    def __init__(
        self, uri: str, codec: Codec, parts: Sequence[Part], poll: Poll, on_up: Tell, on_over: Tell
    ) -> None:
        self.streams = [PhoneStream(codec, part.loop, part.position, part.listens) for part in parts]
        self.members = [Call(index, port=stream.port) for index, stream in enumerate(self.streams)]
        self.pictures = [PhonePictures(part.video, part.clip, part.looks) for part in parts if part.video]
        for call, pictures in zip(self.members, self.pictures, strict=False):
            call.picture_port = pictures.port
            call.video = picture_lines(pictures.codec, pictures.port, pictures.clip is not None)
        self._on_up, self._on_over = on_up, on_over
        self._caller = Caller(uri, codec, on_up=self._up, on_over=self._over)
        for stream in self.streams:
            poll.watch(stream, stream.receive)
        for pictures in self.pictures:
            poll.watch(pictures, pictures.receive)
        poll.watch(self._caller, lambda: self._caller.receive(time.monotonic()))

    @property
    def refusals(self) -> dict[int, int]:
        """How many were refused, by status."""
        return self._caller.refusals

    def begin(self, index: int, now: float) -> None:
        """Call."""
        self._caller.invite(self.members[index], now)

    def end(self, index: int, now: float) -> None:
        """Hang up."""
        self._caller.bye(self.members[index], now)

    def repeat_due(self, now: float) -> None:
        """Repeat what was not answered."""
        self._caller.repeat_due(now)

    def close(self) -> None:
        """Give the ports back."""
        self._caller.close()
        for stream in self.streams:
            stream.close()
        for pictures in self.pictures:
            pictures.close()

    def _up(self, call: Call) -> None:
        if call.remote is not None and call.remote[1]:
            self.streams[call.index].start(call.remote, call.event_type)
        if call.remote_pictures is not None and self.pictures:
            self.pictures[call.index].start(call.remote_pictures)
        self._on_up(call)

    def _over(self, call: Call) -> None:
        self.streams[call.index].stop()
        if self.pictures:
            self.pictures[call.index].stop()
        self._on_over(call)
