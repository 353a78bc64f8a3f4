"""The running API is as its description says, whatever is sent to it: no 500, no answer that is not described."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.peers.bridge import BridgeProcess, room

EXAMPLES = 2  # for each operation and asker
ROOM, PIN = "1002", "246810"
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
]


@schemathesis.serializer("application/sdp", "application/trickle-ice-sdpfrag")
def _text(_: object, value: object) -> bytes:
    """Session descriptions are text."""
    return str(value).encode("utf-8", "replace")


@pytest.fixture(scope="module")
def bridge() -> Iterator[BridgeProcess]:
    # A room with a PIN: into an open one nobody gets any more once an example has locked it.
    rooms = [room(ROOM, "host-pin", host_pin=PIN, chat=True)]
    with BridgeProcess(rooms, limits={"pin_delays_s": [0.0]}) as running:
        yield running
        running.stop()
        assert not running.faults()


class Host:
    """Somebody with a token, a new one for each operation: some operations end it."""

    def __init__(self, bridge: BridgeProcess) -> None:
        self._base = f"{bridge.web}/api/client/v2/conferences/{ROOM}"
        asked = {"display_name": "Host", "pin": PIN}
        answer = requests.post(f"{self._base}/request_token", json=asked, timeout=5).json()
        self._token = answer["result"]["token"]
        self._own = {"alias": ROOM, "uuid": answer["result"]["participant_uuid"]}

    def send(self, case: Any) -> Any:
        own = {name: self._own[name] for name in case.path_parameters if name in self._own}
        case.path_parameters |= own
        return case.call(headers={"token": self._token}, timeout=5)

    def leave(self) -> None:
        requests.post(f"{self._base}/release_token", headers={"token": self._token}, timeout=5)


def examine(operation: Any, send: Callable[[Any], Any]) -> Counter[int]:
    """Send examples of an operation and compare the answers with what is described; returns their statuses."""
    statuses: Counter[int] = Counter()

    @settings(
        max_examples=EXAMPLES, deadline=None, database=None, derandomize=True, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(case=operation.as_strategy())
    def sent(case: Any) -> None:
        answer = send(case)
        statuses[answer.status_code] += 1
        case.validate_response(answer, checks=CHECKS)

    sent()
    return statuses


def operations(bridge: BridgeProcess) -> list[Any]:
    described = schemathesis.openapi.from_url(f"{bridge.web}/api/openapi.json")
    found = [each for each in described.get_all_operations() if isinstance(each, Ok)]
    return [each.ok() for each in found]


def test_for_somebody_without_a_token(bridge: BridgeProcess) -> None:
    statuses: Counter[int] = Counter()
    for operation in operations(bridge):
        statuses += examine(operation, lambda case: case.call(headers={"token": "nobodys"}, timeout=5))
    assert statuses[403] > 100 and statuses[200] < 20, statuses


def test_for_a_host(bridge: BridgeProcess) -> None:
    statuses: Counter[int] = Counter()
    for operation in operations(bridge):
        if operation.path.endswith("/events"):
            continue  # an answer without end
        host = Host(bridge)
        statuses += examine(operation, host.send)
        host.leave()
    assert statuses[200] > 60, statuses
