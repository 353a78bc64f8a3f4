"""Web, sound of browsers and TURN are configured so that they can be reached, and nothing is exposed by them."""

from __future__ import annotations

import pytest

from config.load import parse
from config.model import Config
from config.secret import Secret

ENVIRONMENT = {"TURN_SECRET": "sixteen letters.", "SHORT": "short"}
HASH = "$argon2id$v=19$m=19456,t=2,p=1$na3kUMumb9OqcE9f8yvzuA$mJpNw5Yg87tL63ScUNWllGi6+xYvsetI3gY5CljKGNY"


def read(text: str) -> tuple[Config | None, list[str]]:
    def file(name: str) -> str:
        if name == "secret.txt":
            return "a secret from a file\n"
        raise FileNotFoundError(name)

    config, mistakes = parse(text.encode(), "f", file, ENVIRONMENT)
    return config, [f"{each.where}: {each.why}" for each in mistakes]


@pytest.mark.parametrize(
    "text",
    [
        '[web]\npublic_url = "https://meet.example.org"',
        '[web]\npublic_url = "https://meet.example.org:8443/"',
        '[web]\npublic_url = "http://[::1]:8080"',
        '[web]\norigins = ["https://portal.example.org", "http://localhost:3000"]\nproxies = ["127.0.0.1", "::1"]',
        '[web]\naddress = "::1"\n[rtc]\naddress = ""\naddress6 = "::1"\npublic_addresses = ["2001:db8::1"]',
        '[web]\nenabled = false\n[rtc]\naddress = ""',
        "[web]\nenabled = false\nport = 5060",
        '[web]\naddress = "0.0.0.0"\npublic_url = "https://meet.example.org"',
        '[turn]\nuris = ["turn:t.example", "turns:t.example:5349?transport=tcp"]\nsecret_env = "TURN_SECRET"',
        '[turn]\nuris = ["turn:[2001:db8::1]:3478?transport=udp"]\nsecret_file = "secret.txt"',
        "[rtc]\nport = 8080\ntcp = false",
    ],
)
def test_what_is_right(text: str) -> None:
    assert read(text)[1] == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('[web]\naddress = "localhost"', "web.address: must be an IP address"),
        ('[web]\naddress = "0.0.0.0"', "web.address: is all addresses: web.public_url must say"),
        ('[web]\naddress = "::"', "web.address: is all addresses: web.public_url must say"),
        ('[web]\ncertificate = "a.pem"', "web.certificate: certificate and key come together"),
        ('[web]\nkey = "a.pem"', "web.key: certificate and key come together"),
        ('[web]\npublic_url = "meet.example.org"', 'web.public_url: must be like "https://meet.example.org"'),
        ('[web]\npublic_url = "https://meet.example.org/room"', 'web.public_url: must be like "https://meet.example.org"'),
        ('[web]\npublic_url = "https://a@meet.example.org"', 'web.public_url: must be like "https://meet.example.org"'),
        ('[web]\npublic_url = "https://[::1"', 'web.public_url: must be like "https://meet.example.org"'),
        ('[web]\norigins = ["*"]', 'web.origins[0]: must be like "https://portal.example.org"'),
        ('[web]\norigins = ["https://a.example/"]', 'web.origins[0]: must be like "https://portal.example.org"'),
        ('[web]\nproxies = ["10.0.0.0/8"]', "web.proxies[0]: must be an IP address"),
        ("[web]\nconnections_per_source = 5", "web.slow_per_source: must not be more than web.connections_per_source"),
        ('[rtc]\naddress = "::1"', "rtc.address: must be an IPv4 address"),
        ('[rtc]\naddress6 = "127.0.0.1"', "rtc.address6: must be an IPv6 address"),
        ('[rtc]\naddress = "0.0.0.0"', "rtc.address: is all addresses: rtc.public_addresses must say"),
        ('[rtc]\naddress6 = "::"\npublic_addresses = ["192.0.2.1"]', "rtc.address6: is all addresses"),
        ('[rtc]\naddress = ""', "rtc.address: there must be one, or rtc.address6, while web.enabled"),
        ('[rtc]\npublic_addresses = ["meet.example.org"]', "rtc.public_addresses[0]: must be an IP address"),
        ("[bridge]\nmedia_processes = 3\n[rtc]\nport = 65534", "rtc.port: must leave room for a port of each"),
        ("[web]\nport = 5061", "web.port: 5061 is taken by sip.listeners[2]"),
        ("[web]\nport = 9090", "web.port: 9090 is taken by management.port"),
        ("[management]\nport = 5060", "management.port: 5060 is taken by sip.listeners[1]"),
        ("[rtc]\nport = 8080", "rtc.port: 8080 is taken by web.port"),
        ("[bridge]\nmedia_processes = 2\n[rtc]\nport = 5059", "rtc.port: 5060 is taken by sip.listeners[0]"),
        ("[rtc]\nport = 20000", "rtc.port: lies among the ports of [media]"),
        ('[turn]\nuris = ["stun:stun.example.org"]', 'turn.uris[0]: must be like "turn:'),
        ('[turn]\nsecret = "sixteen letters."', "turn.secret: is of no use without turn.uris"),
        ('[turn]\nuris = ["turn:t.example"]\nsecret_env = "SHORT"', "turn.secret: must have at least 16 characters"),
        ('[turn]\nuris = ["turn:t.example"]\nsecret_env = "NONE"', "turn.secret_env: there is no such variable"),
        ('[turn]\nuris = ["turn:t.example"]\nsecret_file = "none.txt"', "turn.secret_file: cannot be read"),
        ('[turn]\nsecret = "sixteen letters."\nsecret_env = "TURN_SECRET"', "turn.secret_env: secret is given already"),
    ],
)  # fmt: skip
def test_what_is_wrong(text: str, told: str) -> None:
    assert any(each.startswith(told) for each in read(text)[1])


def test_the_secret_of_a_turn_server_comes_from_a_file_or_a_variable() -> None:
    turn = '[turn]\nuris = ["turn:t.example"]\n'
    for text, secret in (
        (f'{turn}secret = "sixteen letters."', "sixteen letters."),
        (f'{turn}secret_env = "TURN_SECRET"', "sixteen letters."),
        (f'{turn}secret_file = "secret.txt"', "a secret from a file"),
    ):
        config, _ = read(text)
        assert config is not None and config.turn.secret == Secret(secret)


@pytest.mark.parametrize(
    "where",
    [
        '[web]\naddress = "192.0.2.1"',
        '[web]\naddress = "::"\npublic_url = "http://localhost"',
        '[rtc]\naddress = "0.0.0.0"\npublic_addresses = ["192.0.2.1"]',
        '[rtc]\naddress6 = "2001:db8::1"',
        '[web]\npublic_url = "https://meet.example.org"',
    ],
)
def test_readable_pins_are_not_exposed_by_the_web(where: str) -> None:
    room = '[[rooms]]\nnumber = "1"\nkind = "host-pin"\nhost_pin = "{}"\n'
    exposed = f"{where}\n{room}"
    assert read(exposed.format("123456"))[1] == [
        'rooms[0].host_pin: a readable PIN is for loopback only; give a hash, or "generated"'
    ]
    assert read(exposed.format(HASH))[1] == read(exposed.format("generated"))[1] == []
    assert read(f"[web]\nenabled = false\n{room}".format("123456"))[1] == []
