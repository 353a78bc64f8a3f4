"""The management port gives health, figures and steering to whoever is on this machine, but to no page of a browser."""

from __future__ import annotations

import asyncio
import json
import socket
from dataclasses import dataclass, field
from typing import Any

import pytest
from starlette.types import Message

from bridge.management import ManagementPort, application
from bridge.metrics import Metrics

HOSTS = frozenset(("127.0.0.1", "[::1]", "localhost"))
JSON = "application/json"


@dataclass
class Operations:
    """An operator's bridge, as a test wants it."""

    trouble: str | None = None
    done: list[object] = field(default_factory=list)

    def ready(self) -> str | None:
        return self.trouble

    def healthy(self) -> str | None:
        return self.trouble

    def drain(self) -> None:
        self.done.append("drain")

    def conferences(self) -> list[dict[str, Any]]:
        return [{"number": "1002", "inside": 2}]

    def people(self, number: str) -> list[dict[str, Any]] | None:
        return [{"leg": "a1"}] if number == "1002" else None

    def command(self, number: str, name: str, leg: str | None) -> str | None:
        self.done.append((number, name, leg))
        return self.trouble

    def dial(self, number: str, uri: str) -> str | None:
        self.done.append((number, uri))
        return self.trouble


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Port:
    """Asks the application directly, as a server would."""

    def __init__(self) -> None:
        self.operations = Operations()
        self.metrics = Metrics()
        self._app = application(self.operations, self.metrics, HOSTS)

    def ask(
        self, method: str, path: str, body: bytes = b"", host: str = "127.0.0.1:9090", kind: str = ""
    ) -> Answer:
        headers = [(b"host", host.encode())] if host else []
        if kind:
            headers.append((b"content-type", kind.encode()))
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "path": path,
            "raw_path": path.encode(), "root_path": "", "scheme": "http", "query_string": b"", "headers": headers,
        }  # fmt: skip
        sent: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Message) -> None:
            sent.append(message)

        asyncio.run(self._app(scope, receive, send))
        head = {key.decode(): value.decode() for key, value in sent[0]["headers"]}
        return Answer(sent[0]["status"], head, b"".join(each.get("body", b"") for each in sent[1:]))

    def post(self, path: str, body: object = None, kind: str = JSON) -> Answer:
        raw = body if isinstance(body, bytes) else json.dumps(body or {}).encode()
        return self.ask("POST", path, raw, kind=kind)


@pytest.fixture
def port() -> Port:
    return Port()


# -- who may ask --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host", ["127.0.0.1:9090", "127.0.0.1", "localhost:9090", "LOCALHOST", "[::1]:9090", "[::1]"]
)
def test_its_own_names_are_answered(port: Port, host: str) -> None:
    assert port.ask("GET", "/conferences", host=host).status == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:9090", "127.0.0.1.evil.example", "", "[::2]", "127.0.0.1@x"]
)
def test_a_name_that_somebody_bound_to_this_machine_is_not(port: Port, host: str) -> None:
    """DNS rebinding: a page of evil.example, whose name now leads here, asks as if it were at home."""
    for method, path in (("GET", "/conferences"), ("POST", "/drain")):
        assert port.ask(method, path, b"{}", host, JSON).status == 421
    assert not port.operations.done


@pytest.mark.parametrize(
    "kind", ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; x=y"]
)
def test_what_a_form_of_a_page_can_send_changes_nothing(port: Port, kind: str) -> None:
    for path in ("/drain", "/conferences/1002/end", "/conferences/1002/dial"):
        assert port.ask("POST", path, b"{}", kind=kind).status == 415
    assert not port.operations.done


def test_json_may_say_its_character_set(port: Port) -> None:
    assert port.post("/drain", kind="Application/JSON; charset=utf-8").status == 202


# -- health and figures -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("path", "word"), [("/healthz", "healthy"), ("/readyz", "ready")])
def test_health_and_readiness(port: Port, path: str, word: str) -> None:
    well = port.ask("GET", path)
    assert (well.status, well.json()) == (200, {word: True, "trouble": None})
    port.operations.trouble = "media-down"
    ill = port.ask("GET", path)
    assert (ill.status, ill.json()) == (503, {word: False, "trouble": "media-down"})


def test_figures_are_in_the_text_format_of_prometheus(port: Port) -> None:
    port.metrics.calls_up.inc()
    answer = port.ask("GET", "/metrics")
    assert answer.status == 200 and answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert b"\nsamrom_calls_up 1.0\n" in answer.body


# -- conferences --------------------------------------------------------------------------------------------------


def test_conferences_and_who_is_in_one(port: Port) -> None:
    assert port.ask("GET", "/conferences").json() == [{"number": "1002", "inside": 2}]
    assert port.ask("GET", "/conferences/1002").json() == [{"leg": "a1"}]
    assert port.ask("GET", "/conferences/1003").status == 404


def test_steering(port: Port) -> None:
    assert port.post("/conferences/1002/lock").status == 202
    assert port.post("/conferences/1002/participants/a1/kick").status == 202
    assert port.post("/drain").status == 202
    assert port.operations.done == [("1002", "lock", None), ("1002", "kick", "a1"), "drain"]


def test_what_cannot_be_done_is_said(port: Port) -> None:
    port.operations.trouble = "no-such-command"
    refused = port.post("/conferences/1002/explode")
    assert (refused.status, refused.json()) == (404, {"error": "no-such-command"})


def test_looking_changes_nothing(port: Port) -> None:
    for path in ("/drain", "/conferences/1002/end", "/conferences/1002/dial"):
        assert port.ask("GET", path).status == 405
    assert not port.operations.done


# -- calls out ----------------------------------------------------------------------------------------------------


def test_dialling(port: Port) -> None:
    answer = port.post("/conferences/1002/dial", {"uri": "sip:kari@example.org"})
    assert (answer.status, answer.json()["dialling"]) == (202, True)
    assert port.operations.done == [("1002", "sip:kari@example.org")]
    port.operations.trouble = "not-on-the-allow-list"
    answer = port.post("/conferences/1002/dial", {"uri": "sip:kari@example.org"})
    assert (answer.status, answer.json()["error"]) == (409, "not-on-the-allow-list")


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b'{"uri": 5}', b'"sip:a@b"', b'{"uri": "sip:\\ud800@b"}', b"[" * 4000, b" " * 5000, b"\xff{}"],
)  # fmt: skip
def test_a_body_that_says_nothing_dials_nobody(port: Port, body: bytes) -> None:
    assert port.post("/conferences/1002/dial", body).status == 400
    assert not port.operations.done


# -- the port itself ----------------------------------------------------------------------------------------------


async def test_it_serves_until_it_is_stopped() -> None:
    port = ManagementPort(application(Operations(), Metrics(), HOSTS), "127.0.0.1", 0)
    serving = asyncio.create_task(port.serve())
    await asyncio.sleep(0)
    number = port.port
    reader, writer = await asyncio.open_connection("127.0.0.1", number)
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    assert answer.startswith(b"HTTP/1.1 200") and b"uvicorn" not in answer.lower()
    port.stop()
    await serving
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", number)
    port.close()


def test_a_port_that_is_taken_is_told_and_leaks_nothing() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(OSError, match="in use"):
            ManagementPort(application(Operations(), Metrics(), HOSTS), "127.0.0.1", taken.getsockname()[1])
