"""Files that come along with the bridge, for browsers: read once at the start, so that nothing else can be reached.

A browser asks each time whether a file is still the same (ETag): after an update nobody has pages of two versions.
"""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".mp3": "audio/mpeg",
    ".ogg": "audio/ogg",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".wav": "audio/wav",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".woff2": "font/woff2",
}
_WORTH_PACKING: Final = frozenset((".css", ".html", ".js", ".json", ".svg", ".txt", ".webmanifest"))


@dataclass(frozen=True, slots=True)
class Page:
    """One file. `packed`: by gzip, b"" where that does not pay; `tag`: of what is in it."""

    kind: str
    content: bytes
    packed: bytes
    tag: str

    def answer(self, request: Request) -> Response:
        """It, or 304 if the asker has it already."""
        headers = {"ETag": self.tag, "Cache-Control": "no-cache", "Vary": "Accept-Encoding"}
        known = request.headers.get("if-none-match", "")
        if self.tag in (tag.strip().removeprefix("W/") for tag in known.split(",")):
            return Response(status_code=304, headers=headers)
        packings = request.headers.get("accept-encoding", "")
        if self.packed and "gzip" in (each.partition(";")[0].strip() for each in packings.split(",")):
            return Response(
                self.packed, headers={**headers, "Content-Encoding": "gzip"}, media_type=self.kind
            )
        return Response(self.content, headers=headers, media_type=self.kind)


def read_pages(folder: Path) -> dict[str, Page]:
    """All files under a folder whose kind is known, by their path in it: "img/logo.svg". Raises OSError."""
    return {
        path.relative_to(folder).as_posix(): page(path.read_bytes(), path.suffix)
        for path in sorted(folder.rglob("*"))
        if path.suffix in TYPES and path.is_file()
    }


def page(content: bytes, ending: str) -> Page:
    """A page of this content, whose kind the ending of a file's name tells (".js")."""
    packed = gzip.compress(content, mtime=0) if ending in _WORTH_PACKING else b""
    tag = f'"{hashlib.sha256(content).hexdigest()[:24]}"'
    return Page(TYPES[ending], content, packed if len(packed) < len(content) else b"", tag)
