"""Every mistake of a configuration is named with its line and path; what is right becomes values."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.codec.table import AUDIO_CODECS
from bridge.sip.dial import hop_towards
from config.load import ConfigError, check, load, parse
from config.model import Config, Language, Protocol, RoomKind, SrtpPolicy
from config.rules import CODECS, LAYOUTS, VIDEO_CODECS
from config.secret import Secret
from mixer.layout import NAMES
from tests.config.fuzz import TARGETS, fuzz_toml

HASH = "$argon2id$v=19$m=19456,t=2,p=1$na3kUMumb9OqcE9f8yvzuA$mJpNw5Yg87tL63ScUNWllGi6+xYvsetI3gY5CljKGNY"
ROOM = '[[rooms]]\nnumber = "1"\n'


def mistakes(text: str) -> list[str]:
    """What is said of a text, without the name of the file."""
    _, found = parse(text.encode(), "f", _no_file, {"HERE": "a long enough one"})
    return [str(mistake).removeprefix("f:") for mistake in found]


def values(text: str) -> Config:
    config, found = parse(text.encode(), "f", _no_file, {"HERE": "a long enough one"})
    assert found == []
    assert config is not None
    return config


def _no_file(name: str) -> str:
    if name == "secret.txt":
        return "from a file\n"
    raise FileNotFoundError(name)


def test_an_empty_text_is_the_defaults() -> None:
    assert values("") == Config()


def test_values_of_every_sort_are_read() -> None:
    config = values(
        '[bridge]\nlanguage = "en"\ndrain_s = 5\n'
        '[sip]\nsrtp = "required"\ncodecs = ["PCMA"]\n'
        '[[sip.listeners]]\nprotocol = "tls"\nport = 15061\n'
        f'[[rooms]]\nnumber = "22"\nkind = "auto-lock"\nhost_pin = "{HASH}"\naliases = ["22@a.example"]\n'
    )
    assert config.bridge.language is Language.ENGLISH
    assert config.bridge.drain_s == 5.0
    assert isinstance(config.bridge.drain_s, float)
    assert config.sip.srtp is SrtpPolicy.REQUIRED
    assert config.sip.codecs == ("PCMA",)
    assert config.sip.listeners[0].protocol is Protocol.TLS
    assert config.rooms[0].kind is RoomKind.AUTO_LOCK
    assert config.rooms[0].host_pin == Secret(HASH)
    assert config.rooms[0].aliases == ("22@a.example",)


def test_every_mistake_is_told_with_line_and_path() -> None:
    text = """\
[bridge]
langauge = "nb"
drain_s = -3

[sip]
codecs = [
  "opus",   # fine
  "speex",
]
[[sip.listeners]]
protocol = "udp"
[[sip.listeners]]
port = 99999

[[rooms]]
number = "1001"
kind = "open"
host_pin = "123456"
[[rooms]]
kind = "host-pin"
limit = "many"
note = \"\"\"
[[rooms]]
number = 3
\"\"\"
[[rooms]]
number = "1004"
kind = "auto-lock"
aliases = ["1001"]
"""
    assert mistakes(text) == [
        '2: bridge.langauge: unknown key; is it "language"?',
        "3: bridge.drain_s: must be 0 to 86400",
        "8: sip.codecs[1]: must be one of opus, G722, PCMA, PCMU, each once",
        "12: sip.listeners[1]: protocol is missing",
        "13: sip.listeners[1].port: must be 1 to 65535",
        "18: rooms[0].host_pin: a room of kind open has no PIN and no guests",
        "19: rooms[1]: number is missing",
        "19: rooms[1]: host_pin is missing: a room of kind host-pin needs one",
        "21: rooms[1].limit: must be a whole number",
        "22: rooms[1].note: unknown key",
        "26: rooms[2]: host_pin is missing: a room of kind auto-lock needs one",
        '29: rooms[2].aliases[0]: "1001" is taken by rooms[0].number',
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("bridge = 3", "1: bridge: must be a table"),
        ("rooms = [3]", "1: rooms[0]: must be a table"),
        ("[media]\nport_low = true", "2: media.port_low: must be a whole number"),
        ("[media]\nrtp_timeout_s = nan", "2: media.rtp_timeout_s: must be 0 to 86400"),
        ("[limits]\npin_delays_s = [1, 99]", "2: limits.pin_delays_s[1]: must be 0 to 30"),
        ("[limits]\npin_delays_s = []", "2: limits.pin_delays_s: there must be one"),
        ('[sip]\nsrtp = "maybe"', '2: sip.srtp: must be "required" or "preferred" or "off"'),
        ("[sip]\nptime_ms = 25", "2: sip.ptime_ms: must be one of 10, 20, 30, 40, 60"),
        ("[sip]\nmin_se_s = 3600", "2: sip.min_se_s: must not be more than sip.session_expires_s"),
        ('[sip]\nkey = "k"', "2: sip.key: certificate and key come together"),
        ('[sip]\npublic_address = "bridge"', "2: sip.public_address: must be an IP address"),
        ("[sip]\nlisteners = []", "2: sip.listeners: there must be one"),
        (
            '[sip]\nlisteners = [{protocol = "tcp"},\n {protocol = "tls"}]',
            "3: sip.listeners[1].port: taken by sip.listeners[0]",
        ),
        ("[media]\nport_high = 20001", "2: media.port_high: must leave room for two calls above media.port_low"),
        (
            '[dial_out]\nallow = ["*@*"]',
            '2: dial_out.allow[0]: must be "user@host"; * stands for any characters of the user',
        ),
        (f"{ROOM}kind = \"open\"\nlast_one_end_s = 30", "4: rooms[0].last_one_end_s: must be 0, or 60 to 86400"),
        ('[[rooms]]\nnumber = "x"\nkind = "open"', "2: rooms[0].number: must be 1 to 20 digits"),
        ('[[rooms]]\nnumber = "٣"\nkind = "open"', "2: rooms[0].number: must be 1 to 20 digits"),
        (f'{ROOM}kind = "open"\naliases = ["a@b@c"]', '4: rooms[0].aliases[0]: must be "number" or "user@domain"'),
    ],
)  # fmt: skip
def test_a_mistake_is_told(text: str, told: str) -> None:
    assert mistakes(text) == [told]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[bridge\n", 1),
        ("a = 1\nb = \n", 2),
        ('\n\na = "\\uD800"\n', 3),
        ("a = " + "[" * 5000, 1),
        ("a = 1\n[", 2),
    ],
)
def test_a_text_that_is_no_toml_is_told_by_line(text: str, line: int) -> None:
    (told,) = mistakes(text)
    assert told.startswith(f"{line}: ")


def test_text_that_is_not_utf_8_is_told_by_line() -> None:
    _, found = parse(b"[bridge]\n# \xff\n", "f", _no_file, {})
    assert [str(mistake) for mistake in found] == ["f:2: not UTF-8"]


def test_a_file_that_is_not_there_is_a_mistake(tmp_path: Path) -> None:
    (mistake,) = check(tmp_path / "none.toml")
    assert mistake.why.startswith("cannot be read")
    with pytest.raises(ConfigError):
        load(tmp_path / "none.toml")


def test_a_password_comes_from_a_file_or_the_environment_and_is_never_shown() -> None:
    peer = '[[sip.peers]]\nname = "{0}"\nkind = "endpoint"\nuser = "u"\n{1}\n'
    config = values(
        peer.format("a", 'password_file = "secret.txt"') + peer.format("b", 'password_env = "HERE"')
    )
    assert [peer.password.reveal() for peer in config.sip.peers] == ["from a file", "a long enough one"]
    assert "from a file" not in repr(config)
    assert "a long enough one" not in str(config)


@pytest.mark.parametrize(
    ("lines", "at", "told"),
    [
        ('user = "u"\npassword_file = "none"', "5: sip.peers[0].password_file", "cannot be read"),
        ('user = "u"\npassword_env = "NONE"', "5: sip.peers[0].password_env", "there is no such variable"),
        (
            'user = "u"\npassword = "x"\npassword_env = "HERE"',
            "6: sip.peers[0].password_env",
            "password is given",
        ),
        ('addresses = ["10.0.0.1/8"]', "4: sip.peers[0].addresses[0]", "must be an IP address or a prefix"),
        ('addresses = ["::1"]\nserver = "x"', "5: sip.peers[0].server", "must be a SIP URI"),
        (
            'addresses = ["::1"]\nregister = true',
            "5: sip.peers[0].register",
            "needs server, user and a password",
        ),
    ],
)
def test_a_mistake_in_a_peer_is_told(lines: str, at: str, told: str) -> None:
    found = mistakes(f'[[sip.peers]]\nname = "p"\nkind = "trunk"\n{lines}\n')
    assert any(mistake.startswith(f"{at}: {told}") for mistake in found), found


def test_a_peer_that_cannot_be_told_from_a_stranger_is_refused() -> None:
    assert mistakes('[[sip.peers]]\nname = "p"\nkind = "endpoint"\nuser = "u"\n') == [
        "1: sip.peers[0]: cannot be told from a stranger: give addresses, or user and a password"
    ]


def test_names_of_peers_are_unique() -> None:
    peer = '[[sip.peers]]\nname = "p"\nkind = "trunk"\naddresses = ["::1"]\n'
    assert mistakes(peer + peer) == ['6: sip.peers[1].name: "p" is taken by sip.peers[0].name']


def test_the_codecs_are_those_of_the_table() -> None:
    assert tuple(codec.name for codec in AUDIO_CODECS) == CODECS


def test_the_layouts_are_those_that_there_are() -> None:
    assert LAYOUTS == NAMES


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("height = 480", "video.height: must be one of 360, 720, 1080"),
        ("fps = 60", "video.fps: must be one of 25, 30"),
        (
            'x264_preset = "slow"',
            "video.x264_preset: must be one of ultrafast, superfast, veryfast, faster, fast, medium",
        ),
        ('codecs = ["VP9"]', "video.codecs[0]: must be one of H264, VP8, each once"),
        ('codecs = ["VP8", "VP8"]', "video.codecs[1]: must be one of H264, VP8, each once"),
        ("codecs = []", "video.codecs: there must be one; video.enabled = false turns pictures off"),
        ("workers = 0", "video.workers: must be 1 to 1000"),
        ("vp8_speed = 20", "video.vp8_speed: must be -16 to 16"),
    ],
)  # fmt: skip
def test_pictures_that_cannot_be_had(line: str, fault: str) -> None:
    assert mistakes(f"[video]\n{line}\n") == [f"2: {fault}"]


def test_vp8_alone_will_do() -> None:
    assert mistakes('[video]\ncodecs = ["VP8"]\nheight = 1080\nfps = 30\n') == []
    assert set(VIDEO_CODECS) == {"H264", "VP8"}


@given(st.text(st.sampled_from("[]{}=.\"'\n#,a1 \\") | st.characters(), max_size=60))
@settings(max_examples=300, deadline=None)
def test_no_text_breaks_the_reader(text: str) -> None:
    fuzz_toml(text.encode("utf-8", "surrogatepass"))


def test_seeds_of_the_fuzzer_are_configurations() -> None:
    target, seeds = TARGETS["toml"]
    for seed in seeds:
        target(seed)


@pytest.mark.parametrize(
    ("server", "fits"),
    [
        ("sip:provider.example", True),
        ("sips:provider.example:5071", True),
        ("sip:[2001:db8::1]:5070;transport=tcp", True),
        ("sip:192.0.2.1;transport=udp", True),
        ("sip:", False),
        ("sip:a b", False),
        ("sip:user@provider.example", False),
        ("sip:h:0", False),
        ("sip:h:70000", False),
        ("sip:h:", False),
        ("sip:[2001:db8::1", False),
        ("sip:[h]", False),
        ("sip:h?x=y", False),
        ("tel:+47", False),
    ],
)
def test_the_server_of_a_trunk_is_one_that_can_be_reached(server: str, fits: bool) -> None:
    """What passes here must not stop the bridge at its start."""
    found = mistakes(f'[[sip.peers]]\nname = "p"\nkind = "trunk"\naddresses = ["::1"]\nserver = "{server}"\n')
    assert [each.partition(":")[0] for each in found] == ([] if fits else ["5"])
    if fits:
        assert hop_towards(server).host


def test_a_trunk_says_which_realm_may_see_the_password() -> None:
    """Else whoever is called through it could ask for it in a name of his own."""
    trunk = (
        '[[sip.peers]]\nname = "p"\nkind = "trunk"\nuser = "u"\npassword = "long enough"\nserver = "sip:h"\n'
    )
    (mistake,) = mistakes(trunk)
    assert mistake.startswith("1: sip.peers[0].realm: is missing")
    assert mistakes(f'{trunk}realm = "h"\n') == []
