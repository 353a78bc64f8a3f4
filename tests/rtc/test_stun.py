"""STUN messages are read and written as another implementation writes and reads them; what is broken is refused."""

from __future__ import annotations

import struct

import pytest
from aioice import stun as other
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.errors import ProtocolError
from bridge.rtc import stun
from bridge.rtc.stun import Attribute, Form
from tests.rtc.checks import OURS, check

TRANSACTION = bytes(range(12))
PASSWORD = OURS.password.encode()


def refused(datagram: bytes) -> str:
    with pytest.raises(ProtocolError) as fault:
        stun.parse(datagram)
    return fault.value.name


def test_a_check_is_read_and_proven() -> None:
    message = stun.parse(check(nominate=True, priority=5))
    assert (message.form, message.method) == (Form.REQUEST, stun.BINDING)
    assert message.get(Attribute.USERNAME) == b"bridgeufrag:peer"
    assert message.get(Attribute.PRIORITY) == bytes((0, 0, 0, 5))
    assert message.get(Attribute.USE_CANDIDATE) == b""
    assert message.get(Attribute.ICE_CONTROLLED) is None
    assert message.is_proven_by(PASSWORD)
    assert not message.is_proven_by(b"another")
    assert message.unknown == ()


def test_nothing_is_proven_without_integrity() -> None:
    message = stun.parse(stun.serialise(Form.REQUEST, TRANSACTION))
    assert not message.is_proven_by(b"")


def test_every_changed_octet_before_the_integrity_is_found() -> None:
    datagram = check(fingerprint=False)
    for place in range(8, len(datagram)):  # type, length and cookie have checks of their own
        changed = datagram[:place] + bytes((datagram[place] ^ 1,)) + datagram[place + 1 :]
        try:
            assert not stun.parse(changed).is_proven_by(PASSWORD)
        except ProtocolError:
            continue


def test_what_follows_the_integrity_is_not_read() -> None:
    datagram = check(fingerprint=False)
    more = struct.pack("!HHI", Attribute.PRIORITY, 4, 9) + struct.pack("!HH", Attribute.USE_CANDIDATE, 0)
    longer = datagram[:2] + struct.pack("!H", len(datagram) - 20 + len(more)) + datagram[4:] + more
    message = stun.parse(longer)
    assert message.is_proven_by(PASSWORD)
    assert message.get(Attribute.USE_CANDIDATE) is None
    assert message.get(Attribute.PRIORITY) != bytes((0, 0, 0, 9))


@pytest.mark.parametrize("host", ["192.0.2.7", "2001:db8::1:2", "0.0.0.0", "255.255.255.255"])
def test_addresses_go_there_and_back(host: str) -> None:
    kind, value = stun.mapped_address((host, 54_321), TRANSACTION)
    assert stun.xor_address(value, TRANSACTION) == (host, 54_321)
    assert other.unpack_xor_address(value, TRANSACTION) == (host, 54_321)
    assert other.pack_xor_address((host, 54_321), TRANSACTION) == value
    assert kind == 0x20


def test_a_scope_is_nobodys_business() -> None:
    assert stun.mapped_address(("fe80::1%2", 1), TRANSACTION) == stun.mapped_address(
        ("fe80::1", 1), TRANSACTION
    )


@pytest.mark.parametrize(
    "value", [b"", b"\0\1\0\0\0\0\0", b"\0\0" + bytes(6), b"\0\1" + bytes(18), b"\0\2" + bytes(6)]
)
def test_addresses_of_no_family_are_refused(value: bytes) -> None:
    with pytest.raises(ProtocolError, match="stun-address"):
        stun.xor_address(value, TRANSACTION)


@pytest.mark.parametrize("form", list(Form))
@pytest.mark.parametrize("method", [1, 3, 9, 0x10, 0x7FF, 0xFFF])
def test_class_and_method_go_there_and_back(form: Form, method: int) -> None:
    message = stun.parse(stun.serialise(form, TRANSACTION, method=method))
    assert (message.form, message.method, message.transaction) == (form, method, TRANSACTION)


def test_an_error_is_read_by_the_other_implementation() -> None:
    answer = stun.serialise(
        Form.ERROR, TRANSACTION, (stun.error(420), stun.unknown_attributes((0x7FFF, 0x33))), PASSWORD
    )
    message = other.parse_message(answer)
    assert message.attributes["ERROR-CODE"] == (420, "")
    assert message.check_message_integrity(PASSWORD)
    ours = stun.parse(answer)
    assert stun.error_code(ours.get(Attribute.ERROR_CODE) or b"") == 420
    assert ours.get(Attribute.UNKNOWN_ATTRIBUTES) == b"\x7f\xff\x00\x33"


@pytest.mark.parametrize("value", [b"", b"\0\0", b"\0\0\2\0", b"\0\0\7\0", b"\0\0\4\x64"])
def test_error_codes_out_of_range_are_refused(value: bytes) -> None:
    with pytest.raises(ProtocolError, match="stun-error-code"):
        stun.error_code(value)


def test_fingerprints() -> None:
    good = check()
    bad = good[:-1] + bytes((good[-1] ^ 1,))
    assert refused(bad) == "stun-fingerprint"
    after = struct.pack("!HH", 0x8022, 0)
    assert refused(good[:2] + struct.pack("!H", len(good) - 16) + good[4:] + after) == "stun-fingerprint"


@pytest.mark.parametrize(
    ("datagram", "name"),
    [
        (b"", "stun-short"),
        (b"\0\1\0\0" + b"\x21\x12\xa4\x42" + bytes(11), "stun-short"),
        (b"\x40\1\0\0" + b"\x21\x12\xa4\x42" + bytes(12), "stun-type"),
        (b"\0\1\0\0" + b"\x21\x12\xa4\x43" + bytes(12), "stun-cookie"),
        (b"\0\1\0\4" + b"\x21\x12\xa4\x42" + bytes(12), "stun-length"),
        (b"\0\1\0\1" + b"\x21\x12\xa4\x42" + bytes(13), "stun-length"),
        (b"\0\1\0\4" + b"\x21\x12\xa4\x42" + bytes(12) + b"\0\6\0\1", "stun-attribute"),
        (b"\0\1\0\x18" + b"\x21\x12\xa4\x42" + bytes(12) + b"\0\x08\0\x13" + bytes(20), "stun-attribute"),
        (b"\0\1\0\x84" + b"\x21\x12\xa4\x42" + bytes(12) + b"\x80\x22\0\0" * 33, "stun-attributes"),
        (b"\0\1\2\x08" + b"\x21\x12\xa4\x42" + bytes(12) + b"\0\6\2\2" + bytes(516), "stun-username"),
    ],
)
def test_broken_messages_are_refused(datagram: bytes, name: str) -> None:
    assert refused(datagram) == name


def test_the_local_fragment_says_whose_it_is() -> None:
    assert stun.local_ufrag(check()) == "bridgeufrag"


@pytest.mark.parametrize(
    ("datagram", "name"),
    [
        (stun.serialise(Form.SUCCESS, TRANSACTION), "stun-not-request"),
        (stun.serialise(Form.REQUEST, TRANSACTION, method=3), "stun-not-request"),
        (stun.serialise(Form.REQUEST, TRANSACTION), "stun-no-username"),
        (
            stun.serialise(Form.REQUEST, TRANSACTION, ((0x8022, b""),) * 40 + ((6, b"a:b"),)),
            "stun-no-username",
        ),
        (stun.serialise(Form.REQUEST, TRANSACTION, ((6, b"ab"),)), "stun-username"),
        (stun.serialise(Form.REQUEST, TRANSACTION, ((6, b":ab"),)), "stun-username"),
        (stun.serialise(Form.REQUEST, TRANSACTION, ((6, b"\xc3\xa6:ab"),)), "stun-username"),
        (stun.serialise(Form.REQUEST, TRANSACTION, ((6, b"a" * 513 + b":"),)), "stun-username"),
    ],
)
def test_what_names_no_leg_is_refused(datagram: bytes, name: str) -> None:
    with pytest.raises(ProtocolError) as fault:
        stun.local_ufrag(datagram)
    assert fault.value.name == name


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    attributes=st.lists(st.tuples(st.integers(0, 0xFFFF), st.binary(max_size=40)), max_size=20),
    password=st.none() | st.binary(min_size=1, max_size=30),
)
def test_what_is_written_is_read_again(attributes: list[tuple[int, bytes]], password: bytes | None) -> None:
    kept = tuple((kind, value) for kind, value in attributes if kind not in (8, 0x8028))
    message = stun.parse(stun.serialise(Form.REQUEST, TRANSACTION, kept, password))
    assert message.attributes == kept
    assert message.is_proven_by(password or b"") == (password is not None)
