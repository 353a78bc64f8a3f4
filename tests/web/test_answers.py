"""The API's description: every route has its name, and promises no answer that is never given."""

from __future__ import annotations

from tests.web.house import application


def test_the_description_is_whole() -> None:
    described = application().openapi()["paths"]
    found = [operation for methods in described.values() for operation in methods.values()]
    assert len({operation["operationId"] for operation in found}) == len(found)
    for operation in found:
        assert operation["summary"]
        assert "422" not in operation["responses"]
        assert {"400", "403", "429"} <= set(operation["responses"])
