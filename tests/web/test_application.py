"""Pages are what they are and nothing else, every answer has its headers, faults cost one request and tell nothing."""

from __future__ import annotations

import asyncio
import gzip
from pathlib import Path

import pytest
from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.responses import StreamingResponse

from bridge.web.application import DOCS, STATIC, application
from bridge.web.entrance import EntranceLimits
from bridge.web.headers import CONTENT_SECURITY_POLICY, protected
from bridge.web.pages import TYPES, read_pages
from bridge.web.rules import MOST_BODY, Neighbourhood
from tests.web.site import Answer, Site, close, read_answer, running

REQUIRED = (
    "content-security-policy", "permissions-policy", "x-content-type-options", "x-frame-options", "referrer-policy",
    "cross-origin-opener-policy", "cross-origin-resource-policy", "cache-control",
)  # fmt: skip


def examples() -> APIRouter:
    """Routes that do what routes do, and what they must not."""
    router = APIRouter()

    @router.get("/api/fault")
    async def fault() -> None:
        raise KeyError("Kari Nordmann")

    @router.get("/api/late-fault")
    async def late_fault() -> StreamingResponse:
        async def chunks() -> object:
            yield b"x"
            raise KeyError("Kari Nordmann")

        return StreamingResponse(chunks())  # type: ignore[arg-type]

    @router.get("/api/refused")
    async def refused() -> None:
        raise HTTPException(403, "not you", {"X-Mine": "1"})

    @router.post("/api/number")
    async def number(body: dict[str, int]) -> dict[str, int]:
        return body

    @router.get("/api/who")
    async def who(request: Request) -> dict[str, str]:
        return {"who": request.client.host if request.client else "", "how": request.url.scheme}

    return router


def check_headers(answer: Answer) -> None:
    assert [name for name in REQUIRED if name not in answer.headers] == []
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "server" not in answer.headers and "x-powered-by" not in answer.headers
    assert not {"0.", "uvicorn", "starlette", "fastapi"} & set(answer.headers.values())


# -- headers ------------------------------------------------------------------------------------------------------


def test_the_policy_lets_nothing_inline_run_and_nobody_frame_us() -> None:
    assert "unsafe" not in CONTENT_SECURITY_POLICY and "*" not in CONTENT_SECURITY_POLICY
    policy = dict(part.split(" ", 1) for part in CONTENT_SECURITY_POLICY.split("; "))
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"


def test_what_a_route_says_itself_stays() -> None:
    made = dict(protected([(b"cache-control", b"no-cache"), (b"Server", b"x/1")], secure=True))
    assert made[b"cache-control"] == b"no-cache" and b"Server" not in made
    assert made[b"strict-transport-security"].startswith(b"max-age=")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 200),
        ("GET", "/1002", 200),
        ("GET", "/api/docs", 200),
        ("GET", "/api/openapi.json", 200),
        ("GET", "/static/js/none.js", 404),
        ("GET", "/api/none", 404),
        ("DELETE", "/", 405),
        ("GET", "/api/fault", 500),
        ("GET", "/api/refused", 403),
        ("POST", "/api/number", 400),
        ("BREW", "/1002", 405),
    ],
)
async def test_every_answer_has_its_headers(method: str, path: str, status: int) -> None:
    async with running(Site([examples()])) as site:
        answer = await site.ask(method, path)
        assert answer.status == status
        check_headers(answer)


# -- faults -------------------------------------------------------------------------------------------------------


async def test_a_fault_is_told_once_and_says_nothing() -> None:
    async with running(Site([examples()])) as site:
        answer = await site.ask("GET", "/api/fault")
        assert answer.json() == {"status": "failed", "result": "a fault of this server"}
        assert b"Kari" not in answer.body
        assert [type(fault) for fault in site.faults] == [KeyError]
        reader, writer = await site.connect()
        writer.write(b"GET /api/late-fault HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert b"Kari" not in await reader.read(), (
            "the connection is closed: the answer cannot be taken for whole"
        )
        await close(writer)
        assert len(site.faults) == 2


async def test_what_is_not_as_described_is_named_and_not_repeated() -> None:
    async with running(Site([examples()])) as site:
        answer = await site.post("/api/number", {"pin": "<b>secret</b>"})
        assert answer.status == 400 and answer.json()["result"] == "pin: not as described"
        assert b"secret" not in answer.body
        assert (await site.post("/api/number", {"pin": 5})).json() == {"pin": 5}
        assert (await site.ask("GET", "/api/refused")).headers["x-mine"] == "1"


async def test_long_bodies_are_refused_whether_they_say_so_or_not() -> None:
    async with running(Site([examples()])) as site:
        assert (await site.post("/api/number", {"x": "y" * MOST_BODY})).status == 413
        reader, writer = await site.connect()
        writer.write(
            b"POST /api/number HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n"
        )
        for _ in range(9):
            writer.write(b"2000\r\n" + b" " * 0x2000 + b"\r\n")
        assert (await read_answer(reader)).status == 413
        await close(writer)
        assert not site.faults


async def test_half_a_body_is_nobodys_fault() -> None:
    async with running(Site([examples()])) as site:
        reader, writer = await site.connect()
        writer.write(
            b"POST /api/number HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Content-Length: 9\r\n\r\n{"
        )
        await asyncio.sleep(0)
        await close(writer)
        assert (await site.post("/api/number", {"x": 1})).status == 200
        assert not site.faults and reader.at_eof()


# -- pages --------------------------------------------------------------------------------------------------------


def test_all_that_the_pages_need_is_served() -> None:
    for folder in (STATIC, DOCS):
        pages = read_pages(folder)
        left_out = {
            path.name
            for path in folder.rglob("*")
            if path.is_file() and path.relative_to(folder).as_posix() not in pages
        }
        assert left_out == set(), f"no type is known for these: {sorted(TYPES)}"
        assert "index.html" in pages


async def test_a_page_that_is_known_is_not_sent_again() -> None:
    async with running() as site:
        first = await site.ask("GET", "/api/docs/docs.js")
        assert first.headers["content-type"] == "text/javascript; charset=utf-8"
        assert first.headers["cache-control"] == "no-cache" and first.headers["vary"] == "Accept-Encoding"
        for tag in (first.headers["etag"], f'"x", W/{first.headers["etag"]}'):
            again = await site.ask("GET", "/api/docs/docs.js", if_none_match=tag)
            assert (again.status, again.body) == (304, b"") and again.headers["etag"] == first.headers["etag"]
        assert (await site.ask("GET", "/api/docs/docs.js", if_none_match='"x"')).status == 200
        packed = await site.ask("GET", "/api/docs/docs.js", accept_encoding="br, gzip;q=0.8")
        assert packed.headers["content-encoding"] == "gzip" and gzip.decompress(packed.body) == first.body
        assert len(packed.body) < len(first.body)


@pytest.mark.parametrize(
    "path",
    [
        "/static/../application.py", "/static/%2e%2e/application.py", "/static/..%2fapplication.py",
        "/static/..\\application.py", "/static//etc/passwd", "/static/", "/static", "/api/docs/../rules.py",
        "/api/docs/%2e%2e%2frules.py", "/index.html", "/application.py", "/..", "/%00", "/favicon.ico%0d%0aX: y",
        "/123456789012345678901", "/12a", "/%D9%A3",
    ],
)  # fmt: skip
async def test_nothing_else_is_served(path: str) -> None:
    async with running() as site:
        answer = await site.ask("GET", path)
        assert answer.status in (400, 404) or (path == "/index.html" and answer.status == 200)
        assert b"from __future__" not in answer.body and b"root:" not in answer.body


async def test_the_documentation_has_nothing_inline_and_nothing_from_elsewhere() -> None:
    async with running() as site:
        page = (await site.ask("GET", "/api/docs")).body.decode()
        assert "<script>" not in page and "<style" not in page and "style=" not in page and "://" not in page
        script = (await site.ask("GET", "/api/docs/docs.js")).body.decode()
        assert "innerHTML" not in script and "://" not in script


# -- other sites and proxies --------------------------------------------------------------------------------------

PORTAL = "https://portal.example.org"


async def test_pages_of_named_sites_may_ask_and_others_may_not() -> None:
    ours = Neighbourhood(origins=frozenset({PORTAL}))
    async with running(Site([examples()], ours=ours)) as site:
        told = await site.ask(
            "OPTIONS", "/api/number", origin=PORTAL, access_control_request_method="POST",
            access_control_request_headers="token,pin,content-type",
        )  # fmt: skip
        assert told.status == 200 and told.headers["access-control-allow-origin"] == PORTAL
        assert "access-control-allow-credentials" not in told.headers
        answer = await site.post("/api/number", {"x": 1}, origin=PORTAL)
        assert answer.status == 200 and answer.headers["access-control-allow-origin"] == PORTAL
        check_headers(answer)
        evil = await site.post("/api/number", {"x": 1}, origin="https://evil.example")
        assert evil.status == 403 and "access-control-allow-origin" not in evil.headers
        seen = await site.ask("GET", "/api/who", origin="https://evil.example")
        assert seen.status == 200 and "access-control-allow-origin" not in seen.headers


async def test_without_named_sites_there_are_none() -> None:
    async with running(Site([examples()])) as site:
        told = await site.ask("OPTIONS", "/api/number", origin=PORTAL, access_control_request_method="POST")
        assert told.status == 403 and "access-control-allow-origin" not in told.headers


async def test_only_a_known_proxy_says_who_asks() -> None:
    proxied = {"x_forwarded_for": "192.0.2.66, 192.0.2.7", "x_forwarded_proto": "https"}
    async with running(Site([examples()])) as site:
        assert (await site.ask("GET", "/api/who", b"", None, **proxied)).json() == {
            "who": "127.0.0.1",
            "how": "http",
        }
    limits = EntranceLimits(proxies=frozenset({"127.0.0.1"}))
    async with running(Site([examples()], limits=limits)) as site:
        answer = await site.ask("GET", "/api/who", b"", None, **proxied)
        assert answer.json() == {"who": "192.0.2.7", "how": "https"}, (
            "the last one that the proxy did not say itself"
        )
        assert "strict-transport-security" in answer.headers


def test_pages_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    (tmp_path / "x.js").symlink_to(tmp_path / "none")
    assert read_pages(tmp_path) == {} == read_pages(tmp_path / "none")
    assert application((), Neighbourhood(), print, print) is not None
