"""A session description is read tolerantly, within limits, in linear time, and written as it was meant (RFC 8866)."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.errors import ProtocolError
from bridge.sdp.description import (
    MAX_BYTES,
    MAX_FORMATS,
    MAX_LINES,
    MAX_SECTIONS,
    Description,
    Origin,
    Section,
    by_name,
    number,
    parse,
    serialise,
)

HEAD = b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
AUDIO = b"m=audio 4000 RTP/AVP 0\r\n"


def refused(body: bytes) -> tuple[str, int]:
    with pytest.raises(ProtocolError) as caught:
        parse(body)
    return caught.value.name, caught.value.status


def test_reads_every_part() -> None:
    body = (
        b"v=0\r\no=a b 12 34 IN IP6 2001:db8::1\r\ns=Call\r\ni=x\r\nc=IN IP6 2001:db8::1\r\nb=AS:64\r\nt=0 0\r\n"
        b"a=sendonly\r\nm=audio 4000/2 RTP/AVP 0 8\r\nc=IN IP4 192.0.2.2\r\nb=TIAS:64000\r\na=ptime:20\r\n"
        b"m=image 0 udptl t38\r\n"
    )
    description = parse(body)
    assert description == Description(
        Origin("a b", 12, 34, "2001:db8::1"),
        "Call",
        "2001:db8::1",
        (("AS", 64),),
        (("sendonly", None),),
        (
            Section(
                "audio",
                4000,
                "RTP/AVP",
                ("0", "8"),
                "192.0.2.2",
                (("TIAS", 64_000),),
                (("ptime", "20"),),
            ),
            Section("image", 0, "udptl", ("t38",)),
        ),
    )
    assert [description.address_of(section) for section in description.sections] == [
        "192.0.2.2",
        "2001:db8::1",
    ]


@pytest.mark.parametrize(
    "body",
    [
        (HEAD + AUDIO).replace(b"\r\n", b"\n"),
        (HEAD + AUDIO).replace(b"\r\n", b" \t\r\n"),
        (HEAD + AUDIO).replace(b"\r\n", b"\r\r\n"),
        (HEAD + AUDIO)[:-2],
        b"\r\n" + HEAD + b"\r\n" + AUDIO + b"\r\n\r\n",
        HEAD + b"q=unknown\r\nb=AS:many\r\nb=\r\nz=0 0\r\n" + AUDIO,
    ],
    ids=["lf", "blanks", "double-cr", "no-end", "empty-lines", "unknown-lines"],
)
def test_forgives(body: bytes) -> None:
    assert parse(body) == parse(HEAD + AUDIO)


@pytest.mark.parametrize("origin", [b"o=", b"o=-", b"o=- x 1 IN IP4 a", b"o=- -1 1 IN IP4 a"])
def test_a_broken_origin_is_none(origin: bytes) -> None:
    assert parse(b"v=0\r\n" + origin + b"\r\n" + AUDIO).origin is None


def test_names_in_old_encodings_are_mended() -> None:
    assert parse(b"v=0\r\ns=Gespr\xe4ch\r\n").name == "Gespr\N{REPLACEMENT CHARACTER}ch"


@pytest.mark.parametrize(
    ("body", "name"),
    [
        (b"", "sdp-version"),
        (b"\r\n\r\n", "sdp-version"),
        (b"o=- 1 1 IN IP4 a\r\n", "sdp-version"),
        (b"v=1\r\n", "sdp-version"),
        (HEAD + b"a=x\0\r\n", "sdp-nul"),
        (HEAD + b"garbage\r\n", "sdp-line"),
        (HEAD + b" a=folded\r\n", "sdp-line"),
        (HEAD + b"a=x\rm=audio 1 RTP/AVP 0\r\n", "sdp-line"),
        (b"v=0\r\nc=IN IP4\r\n", "sdp-connection"),
        (HEAD + b"m=audio 4000 RTP/AVP\r\n", "sdp-media-line"),
        (HEAD + b"m=audio 4000 RTP/AVP 0\x1b[1m\r\n", "sdp-media-line"),
        (HEAD + "m=audio 4000 RTP/ÅVP 0\r\n".encode(), "sdp-media-line"),
        (HEAD + b"m=audio 70000 RTP/AVP 0\r\n", "sdp-port"),
        (HEAD + b"m=audio +4000 RTP/AVP 0\r\n", "sdp-port"),
        (HEAD + b"m=audio -1 RTP/AVP 0\r\n", "sdp-port"),
        (HEAD + b"m=audio 4_0 RTP/AVP 0\r\n", "sdp-port"),
        (HEAD + b"m=audio " + b"9" * 5000 + b" RTP/AVP 0\r\n", "sdp-port"),
    ],
)
def test_refuses(body: bytes, name: str) -> None:
    assert refused(body) == (name, 400)


@pytest.mark.parametrize(
    "body",
    [
        HEAD + AUDIO + b"a=x:" + b"A" * MAX_BYTES,
        HEAD + AUDIO + b"a=x\n" * MAX_LINES,
        HEAD + AUDIO * (MAX_SECTIONS + 1),
        HEAD + b"m=audio 4000 RTP/AVP" + b" 0" * (MAX_FORMATS + 1),
    ],
    ids=["bytes", "lines", "sections", "formats"],
)
def test_limits(body: bytes) -> None:
    assert refused(body) == ("sdp-too-large", 413)


def test_at_the_limits() -> None:
    assert len(parse(HEAD + AUDIO * MAX_SECTIONS).sections) == MAX_SECTIONS
    assert len(parse(HEAD + b"m=audio 1 RTP/AVP" + b" 0" * MAX_FORMATS).sections[0].formats) == MAX_FORMATS
    assert len(parse(HEAD + b"a=x\n" * (MAX_LINES - 5)).attributes) == MAX_LINES - 5


def test_of_candidates_and_sources_only_the_first_are_kept() -> None:
    many = b"".join(b"a=ssrc:%d cname:x\na=candidate:%d 1 UDP\n" % (n, n) for n in range(100))
    gathered = by_name(parse(HEAD + AUDIO + many + b"a=end\n").sections[0].attributes)
    assert (len(gathered["ssrc"]), len(gathered["candidate"]), gathered["end"]) == (64, 32, [""])


@pytest.mark.parametrize("text", ["", "+1", "-1", " 1", "1 ", "1_0", "٣", "²", "0x1", "1.0", "9" * 21, "6"])
def test_only_plain_digits_are_numbers(text: str) -> None:
    assert number(text, 5) is None


def test_numbers() -> None:
    assert (number("0", 5), number("5", 5), number("0005", 5)) == (0, 5, 5)


# -- what is written can be read ----------------------------------------------------------------------------------

TOKENS = st.text(string.ascii_letters + string.digits + "-.!/*+", min_size=1, max_size=12)
TEXTS = st.text(st.characters(exclude_characters="\r\n\0", exclude_categories=["Cs"]), max_size=20).map(
    lambda text: text.rstrip(" \t")
)
ADDRESSES = st.one_of(st.ip_addresses().map(str), TOKENS)
ATTRIBUTES = st.lists(
    st.tuples(TOKENS.filter(lambda name: name not in ("ssrc", "candidate")), st.one_of(st.none(), TEXTS)),
    max_size=6,
).map(tuple)
BANDWIDTHS = st.lists(st.tuples(TOKENS, st.integers(0, 10**12)), max_size=2).map(tuple)
SECTIONS = st.builds(
    Section,
    kind=TOKENS,
    port=st.integers(0, 65_535),
    proto=TOKENS,
    formats=st.lists(TOKENS, min_size=1, max_size=8).map(tuple),
    connection=st.none() | ADDRESSES,
    bandwidths=BANDWIDTHS,
    attributes=ATTRIBUTES,
)
ORIGINS = st.builds(
    Origin,
    user=TOKENS,
    session_id=st.integers(0, 2**64 - 1),
    version=st.integers(0, 2**64 - 1),
    address=ADDRESSES,
)
DESCRIPTIONS = st.builds(
    Description,
    origin=st.none() | ORIGINS,
    name=TEXTS,
    connection=st.none() | ADDRESSES,
    bandwidths=BANDWIDTHS,
    attributes=ATTRIBUTES,
    sections=st.lists(SECTIONS, max_size=4).map(tuple),
)


@given(DESCRIPTIONS)
def test_written_and_read_again_is_the_same(description: Description) -> None:
    assert parse(serialise(description)) == description


def test_writes_in_the_order_of_the_rfc() -> None:
    origin = Origin("-", 1, 2, "2001:db8::1")
    section = Section("audio", 1, "RTP/AVP", ("0",), "192.0.2.1", (("AS", 64),), (("sendrecv", None),))
    written = serialise(
        Description(origin, "x", "2001:db8::1", (("CT", 9),), (("ice-lite", None),), (section,))
    )
    assert written == (
        b"v=0\r\no=- 1 2 IN IP6 2001:db8::1\r\ns=x\r\nc=IN IP6 2001:db8::1\r\nb=CT:9\r\nt=0 0\r\na=ice-lite\r\n"
        b"m=audio 1 RTP/AVP 0\r\nc=IN IP4 192.0.2.1\r\nb=AS:64\r\na=sendrecv\r\n"
    )
