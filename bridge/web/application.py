"""The web of the bridge as one application: the client API and its description, WHIP, the pages, and SIP's socket.

Rim (rules, headers, faults) -> cross-origin answers -> FastAPI: routers, pages
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp

from bridge.web.pages import Page, page, read_pages
from bridge.web.rim import Rim
from bridge.web.rules import Neighbourhood

STATIC: Final = Path(__file__).parent / "static"
DOCS: Final = Path(__file__).parent / "docs"
OPENAPI: Final = "/api/openapi.json"

_ABOUT: Final = (
    "Joins people to conferences and lets them steer these, by the names and shapes of Pexip's client REST API v2. "
    "Every request but request_token carries its token in the header `token`."
)
_HEADERS: Final = ("authorization", "content-type", "if-match", "last-event-id", "pin", "token")


def application(
    routers: Iterable[APIRouter],
    ours: Neighbourhood,
    count: Callable[[str], None],
    on_fault: Callable[[BaseException], None],
) -> ASGIApp:
    """The whole application. Raises OSError when the pages cannot be read."""
    app = FastAPI(
        title="Samrom client API",
        version="2",
        description=_ABOUT,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
    )
    for router in routers:
        app.include_router(router)
    # Written once: to do it again for whoever asks would cost milliseconds of the loop each time.
    description = page(json.dumps(app.openapi()).encode(), ".json")
    app.include_router(_pages(read_pages(STATIC), read_pages(DOCS), description))
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(RequestValidationError, _misunderstood)
    app.add_exception_handler(Exception, _broken)
    served: ASGIApp = app
    if ours.origins:
        served = CORSMiddleware(
            app,
            allow_origins=sorted(ours.origins),
            allow_methods=["GET", "POST", "PATCH", "DELETE"],
            allow_headers=_HEADERS,
            expose_headers=["ETag", "Link", "Location", "Retry-After"],
        )
    return Rim(served, ours, count, on_fault)


def _pages(static: Mapping[str, Page], docs: Mapping[str, Page], description: Page) -> APIRouter:
    """The pages for people. A room's number is an address of its own: the first page reads it from there."""
    router = APIRouter(include_in_schema=False)

    def answer(pages: Mapping[str, Page], path: str, request: Request) -> Response:
        if (page := pages.get(path)) is None:
            raise HTTPException(404)
        return page.answer(request)

    @router.api_route(OPENAPI, methods=["GET", "HEAD"])
    async def openapi(request: Request) -> Response:
        return description.answer(request)

    @router.api_route("/api/docs", methods=["GET", "HEAD"])
    async def documentation(request: Request) -> Response:
        return answer(docs, "index.html", request)

    @router.api_route("/api/docs/{path:path}", methods=["GET", "HEAD"])
    async def documentation_file(path: str, request: Request) -> Response:
        return answer(docs, path, request)

    @router.api_route("/", methods=["GET", "HEAD"])
    async def first_page(request: Request) -> Response:
        return answer(static, "index.html", request)

    @router.api_route("/static/{path:path}", methods=["GET", "HEAD"])
    async def file(path: str, request: Request) -> Response:
        return answer(static, path, request)

    @router.api_route("/{path}", methods=["GET", "HEAD"])
    async def first_page_of_a_room(path: str, request: Request) -> Response:
        number = path.isascii() and path.isdigit() and len(path) <= 20
        return answer(static, "index.html" if number else path, request)

    return router


async def _refused(_: Request, refusal: Exception) -> Response:
    """An error in the API's own shape."""
    assert isinstance(refusal, HTTPException)
    return JSONResponse(
        {"status": "failed", "result": refusal.detail}, refusal.status_code, dict(refusal.headers or {})
    )


async def _broken(_: Request, __: Exception) -> Response:
    """A fault of ours; the rim tells us of it."""
    return JSONResponse({"status": "failed", "result": "a fault of this server"}, 500)


async def _misunderstood(_: Request, fault: Exception) -> Response:
    """A request that is not as the API's description says: told where, without a word of what was sent."""
    assert isinstance(fault, RequestValidationError)
    errors: list[Mapping[str, Any]] = list(fault.errors())
    where = ".".join(str(part) for part in errors[0]["loc"][1:]) if errors else ""
    why = errors[0]["msg"] if errors and errors[0]["type"] == "missing" else "not as described"
    return JSONResponse({"status": "failed", "result": f"{where[:64]}: {why}" if where else why}, 400)
