"""The one shape of all answers of the client API, and where refusals become one."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Final, Literal

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel

from bridge.web.protocol import encoded
from bridge.web.refusal import RefusedError


class Success(BaseModel):
    """It was done, or came to nothing: then `result` is false and `reason` (ours) says why."""

    status: Literal["success"]
    result: Any = None
    reason: str | None = None


class Failed(BaseModel):
    """It was refused. `result` is a sentence, or says which PINs are wanted; `reason` (ours) is one word."""

    status: Literal["failed"]
    result: Any = None
    reason: str | None = None


_FAILED: Final = {"model": Failed}
RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    200: {"model": Success},
    400: {**_FAILED, "description": "Not as described"},
    403: {**_FAILED, "description": "No token, or one that may not do this"},
    429: {**_FAILED, "description": "Too many requests"},
    # In place of the 422 that the framework would promise, and never gives here.
    "4XX": {**_FAILED, "description": "Refused"},
}
"""What every route may answer."""

LATE: Final[dict[int | str, dict[str, Any]]] = {
    404: {**_FAILED, "description": "No such room"},
    503: {**_FAILED, "description": "Nobody is taken now"},
}
NO_MEDIA: Final[dict[int | str, dict[str, Any]]] = {
    504: {**_FAILED, "description": "No media process answers"}
}


def answer(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A JSON answer."""
    return Response(encoded(value), status, headers, "application/json")


def success(result: Any) -> Response:
    """It was done."""
    return answer({"status": "success", "result": result})


def failed(status: int, result: Any, retry_after_s: int | None = None, reason: str = "") -> Response:
    """It was refused."""
    more = {"reason": reason} if reason else {}
    headers = {"Retry-After": str(retry_after_s)} if retry_after_s is not None else None
    return answer({"status": "failed", "result": result, **more}, status, headers)


class ApiRoute(APIRoute):
    """A route of the client API: whatever is refused on the way is answered in its shape."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The route's own handler, with refusals answered."""
        handle = super().get_route_handler()

        async def handled(request: Request) -> Response:
            try:
                return await handle(request)
            except RefusedError as refusal:
                return failed(refusal.status, refusal.result, refusal.retry_after_s, refusal.reason)
            except RequestValidationError as fault:
                return failed(400, _where(fault))

        return handled


def _where(fault: RequestValidationError) -> str:
    """Where a request is not as described, without a word of what was sent."""
    errors = fault.errors()
    where = ".".join(str(part) for part in errors[0]["loc"][1:]) if errors else ""
    return f"{where[:64]}: not as described" if where else "not as described"
