"""Whatever comes in whatever order, a SIP leg raises nothing, says once that it left, is gone once, and leaves no ports
behind."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.errors import Reason
from bridge.media import contract
from bridge.sdp.video import Content
from bridge.sip import commands, events
from bridge.sip.events import Ending
from bridge.sip.leg import State
from tests.faketime import run
from tests.sip.test_leg import TERMS, World, sdp
from tests.sip.test_leg_video import SEEING, picture

Step = Callable[["Agent"], None]


class Agent:
    """What a SIP agent says, and when it does not say it."""

    def __init__(self, world: World, outgoing: bool) -> None:
        self.world = world
        self.outgoing = outgoing
        self.dialled_up = False
        self.over = False

    @property
    def _answered(self) -> bool:
        if self.outgoing:
            return self.dialled_up
        return any(isinstance(each, commands.Answer) for each in self.world.told)

    def _may_say(self, event: events.Output) -> bool:
        if self.over or (self.outgoing and not self.world.told):
            return False
        match event:
            case events.DialProgress() | events.DialAnswered() | events.DialFailed():
                return self.outgoing and not self.dialled_up
            case events.CallEnded():
                return not self.outgoing or self.dialled_up
            case _:
                return self._answered

    def say(self, event: events.Output) -> None:
        if not self._may_say(event):
            return
        self.dialled_up |= isinstance(event, events.DialAnswered)
        self.over = isinstance(event, (events.CallEnded, events.DialFailed))
        self.world.leg.agent_event(event)


def told(event: events.Output) -> Step:
    return lambda agent: agent.say(event)


def heard(event: contract.Event) -> Step:
    return lambda agent: agent.world.switchboard.media_event(event)


AGENT: tuple[events.Output, ...] = (
    events.AckReceived("c1", None),
    events.AckReceived("c1", sdp()),
    events.Reinvited("c1", sdp("sendonly")),
    events.Reinvited("c1", sdp()),
    events.Reinvited("c1", None),
    events.Reinvited("c1", b"nonsense"),
    events.UpdateReceived("c1", sdp("inactive")),
    events.OfferAnswered("c1", sdp()),
    events.OfferAnswered("c1", b"nonsense"),
    events.OfferRefused("c1", 488),
    events.Reinvited("c1", sdp(more=picture())),
    events.OfferAnswered("c1", sdp(more=picture(port=0))),
    events.PictureFastUpdate("c1"),
    events.DigitReceived("c1", "5"),
    events.DialProgress("c1", 180),
    events.DialAnswered("c1", sdp()),
    events.DialAnswered("c1", None),
)
ENDS: tuple[events.Output, ...] = (
    events.CallEnded("c1", Ending.BYE), events.CallEnded("c1", Ending.LOCAL), events.DialFailed("c1", 486),
)  # fmt: skip
MEDIA: tuple[contract.Event, ...] = (
    contract.LegOpened("c1", "127.0.0.1", 20000, 20001),
    contract.LegOpened("c1", "127.0.0.1", 20000, 20001, video_port=20002, video_rtcp_port=20003),
    contract.OpenFailed("c1", "no-ports"),
    contract.KeyNeeded("c1"),
    contract.Seen("c1", Content.MAIN, True),
    contract.Digit("c1", "1"),
    contract.MediaLost("c1", 5.0, False),
    contract.MediaLost("c1", 30.0, True),
    contract.MediaBack("c1"),
)
UP: tuple[Step, ...] = (heard(MEDIA[0]), told(AGENT[1]), told(AGENT[-2]))
steps = st.one_of(
    st.sampled_from(AGENT).map(told),
    st.sampled_from((*MEDIA, MEDIA[0], MEDIA[0])).map(heard),
    st.just(lambda agent: agent.world.switchboard.process_lost(("c1",))),
    st.sampled_from(tuple(Reason)).map(lambda reason: lambda agent: agent.world.leg.hang_up(reason)),
    st.sampled_from(ENDS).map(told),
)


def invite(body: bytes) -> commands.Invite:
    return commands.Invite("c1", "sip:x@127.0.0.1", "<sip:a@b>", body)


async def live(kind: str, seeing: bool, up: bool, sequence: list[Step]) -> None:
    world = World(SEEING if seeing else TERMS)
    agent = Agent(world, kind == "out")
    if kind == "out":
        world.leg.dial(invite, six=False)
    else:
        world.leg.begin(sdp() if kind == "in" else None)
    for step in [*(UP if up else ()), *sequence]:
        step(agent)
        assert world.gone <= 1
    # What is hung up the agent ends, and what it ends is closed by media.
    world.leg.hang_up(Reason.SHUTDOWN)
    told(events.CallEnded("c1", Ending.LOCAL))(agent)
    told(events.DialFailed("c1", 487))(agent)
    await asyncio.sleep(1)
    if any(isinstance(each, contract.CloseLeg) for each in world.studio.told):
        world.close_ports()
    assert world.leg.state is State.OVER and world.gone == 1
    left = [each for each in world.desk.told if isinstance(each, tuple) and each[0] == "left"]
    assert len(left) <= 1 and (not left or world.desk.told[-1] == left[0])
    board = world.switchboard
    assert not any((board._listeners, board._fresh, board._awaited, board._loops))


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(("in", "late", "out")), st.booleans(), st.booleans(), st.lists(steps, max_size=20))
def test_any_order(kind: str, seeing: bool, up: bool, sequence: list[Step]) -> None:
    run(live(kind, seeing, up, sequence))
