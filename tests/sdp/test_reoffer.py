"""A running stream changes by re-offers: hold and resume in every style, other codecs, other keys, same places."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bridge.sdp.description import Origin, parse
from bridge.sdp.negotiate import Agreed, answer
from tests.sdp.samples import CRYPTO, LOCAL, audio, refusal, text_of

FIRST = audio()
HOLDS = {
    "sendonly": audio("a=sendonly"),
    "inactive": audio("a=inactive"),
    "zero address": audio(address="0.0.0.0"),
    "port 0": audio(media="0 RTP/AVP 0 8 101"),
}


def version(agreed: Agreed) -> int:
    origin = agreed.description.origin
    assert isinstance(origin, Origin)
    return origin.version


def test_the_same_again_is_answered_with_the_same_text() -> None:
    first = answer(FIRST, LOCAL)
    assert answer(FIRST, LOCAL, first) == first
    assert version(first) == 1


@pytest.mark.parametrize("style", HOLDS)
def test_hold_and_resume(style: str) -> None:
    first = answer(FIRST, LOCAL)
    held = answer(HOLDS[style], LOCAL, first)
    assert (held.audio.sends, held.audio.held, version(held)) == (False, True, 2)
    again = answer(HOLDS[style], LOCAL, held)
    assert again == held
    resumed = answer(FIRST, LOCAL, again)
    assert resumed.audio == first.audio
    assert version(resumed) == 3


def test_hold_by_port_0_keeps_what_was_agreed() -> None:
    first = answer(FIRST, LOCAL)
    held = answer(HOLDS["port 0"], LOCAL, first)
    assert "m=audio 0 RTP/AVP 0" in text_of(held)
    assert held.audio == replace(first.audio, sends=False, receives=False, held=True)


def test_a_call_that_begins_on_hold() -> None:
    held = answer(HOLDS["zero address"], LOCAL)
    assert answer(FIRST, LOCAL, held).audio == answer(FIRST, LOCAL).audio


def test_a_peer_may_change_codec_and_address() -> None:
    first = answer(FIRST, LOCAL)
    moved = answer(
        audio("a=rtpmap:96 opus/48000/2", media="5000 RTP/AVP 96", address="192.0.2.99"), LOCAL, first
    )
    assert (moved.audio.codec, moved.audio.remote) == ("opus", ("192.0.2.99", 5000))


def test_a_failed_re_offer_leaves_everything_as_it_was() -> None:
    first = answer(FIRST, LOCAL)
    assert refusal(audio(media="4000 RTP/AVP 18"), LOCAL, first) == "sdp-no-codec"
    assert answer(FIRST, LOCAL, first) == first


def test_sections_may_be_added_but_not_taken_away() -> None:
    first = answer(FIRST, LOCAL)
    more = answer(
        parse(b"v=0\r\nc=IN IP4 192.0.2.24\r\nm=audio 4000 RTP/AVP 0\r\nm=video 4002 RTP/AVP 97\r\n"),
        LOCAL,
        first,
    )
    assert text_of(more)[-2] == "m=video 0 RTP/AVP 97"
    assert refusal(FIRST, LOCAL, more) == "sdp-media-lines-removed"


def test_the_stream_does_not_become_something_else() -> None:
    video = parse(b"v=0\r\nc=IN IP4 192.0.2.24\r\nm=video 4000 RTP/AVP 97\r\n")
    assert refusal(video, LOCAL, answer(FIRST, LOCAL)) == "sdp-no-audio"


def test_the_section_in_use_goes_before_an_earlier_one() -> None:
    def two(first: int, second: int) -> bytes:
        head = b"v=0\r\nc=IN IP4 192.0.2.24\r\n"
        return head + b"m=audio %d RTP/AVP 0\r\nm=audio %d RTP/AVP 8\r\n" % (first, second)

    begun = answer(parse(two(0, 4002)), LOCAL)
    assert begun.index == 1
    assert answer(parse(two(4000, 4002)), LOCAL, begun).index == 1
    assert answer(parse(two(4000, 0)), LOCAL, begun).index == 0


# -- keys ---------------------------------------------------------------------------------------------------------

OTHER_KEY = CRYPTO.replace("WVNf", "AAAA")


def test_our_key_stays_while_theirs_stays() -> None:
    first = answer(audio(CRYPTO, media="4000 RTP/SAVP 0"), LOCAL)
    held = answer(audio(CRYPTO, "a=sendonly", media="4000 RTP/SAVP 0"), LOCAL, first)
    gone = answer(audio(media="0 RTP/SAVP 0"), LOCAL, held)
    back = answer(audio(CRYPTO, media="4000 RTP/SAVP 0"), LOCAL, gone)
    assert len({each.audio.srtp_send for each in (first, held, gone, back)}) == 1


def test_our_key_changes_with_theirs_and_never_comes_back() -> None:
    agreed: Agreed | None = None
    keys = []
    for line in (CRYPTO, OTHER_KEY, CRYPTO, None, CRYPTO):
        agreed = answer(audio(*filter(None, [line])), LOCAL, agreed)
        keys.append(agreed.audio.srtp_send)
    assert keys[3] is None
    assert len(set(keys)) == 5
