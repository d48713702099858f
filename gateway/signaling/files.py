"""Files for browsers, as small as they travel: compressed once, not for each page that loads them.

Text becomes a third. Compressing the button takes some milliseconds, which is nothing once, and too
much for each request that anybody may send while calls go on.
"""

from __future__ import annotations

import gzip
import mimetypes
import os
from functools import lru_cache
from pathlib import Path

from starlette.datastructures import Headers
from starlette.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

# A browser runs no script of another type, and a system's own table may take types for video
mimetypes.add_type("text/javascript", ".js")
mimetypes.add_type("text/plain", ".ts")

_COMPRESSIBLE = (".css", ".html", ".js", ".json", ".svg", ".ts")


@lru_cache(maxsize=512)
def _compressed(path: str, version: tuple[int, int]) -> bytes:
    """Compress a file; `version` is what it looks like from outside, so that a new one is seen."""
    return gzip.compress(Path(path).read_bytes(), mtime=0)


def _takes_gzip(headers: Headers) -> bool:
    """Whether a client takes gzip (RFC 9110 section 12.5.3); `q=0` says no."""
    for offer in headers.get("accept-encoding", "").split(","):
        coding, _, weight = offer.partition(";")
        if coding.strip().lower() == "gzip":
            return weight.replace(" ", "").lower() not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False


class CompressedFiles(StaticFiles):
    """Serves a folder, compressed to who takes it."""

    def file_response(
        self,
        full_path: str | os.PathLike[str],
        stat_result: os.stat_result,
        scope: Scope,
        status_code: int = 200,
    ) -> Response:
        response = super().file_response(full_path, stat_result, scope, status_code)
        if not os.fspath(full_path).endswith(_COMPRESSIBLE):
            return response
        # Weak: the same file in both forms (RFC 9110 section 8.8.1)
        response.headers["ETag"] = f"W/{response.headers['ETag']}"
        response.headers.add_vary_header("Accept-Encoding")
        headers = Headers(scope=scope)
        if not isinstance(response, FileResponse) or "range" in headers or not _takes_gzip(headers):
            return response
        version = stat_result.st_mtime_ns, stat_result.st_size
        body = _compressed(os.fspath(full_path), version)
        kept = {name: response.headers[name] for name in ("ETag", "Last-Modified", "Vary")}
        kept["Content-Encoding"] = "gzip"
        return Response(body, status_code, kept, response.media_type)
