"""The toolkit's forms, as the suite's servers have them below `/forms`."""

from __future__ import annotations

import tempfile
import zlib
from pathlib import Path
from typing import Any

from vivace.web.applications import Application
from vivace.web.datastructures import UploadFile
from vivace.web.requests import Request
from vivace.web.responses import HTMLResponse, JSONResponse, Response
from vivace.web.routing import Mount, Route

PAGE = """<!doctype html>
<title>Uploads</title>
<script type="module">
const send = async (path, form) => {
  const response = await fetch(path, { method: "POST", body: form });
  return response.ok ? response.json() : response.status;
};
const form = new FormData();
form.append("text", "ü");
form.append("file", new File([new Uint8Array(3_000_000)], 'a"b 画.bin', { type: "image/png" }));
form.append("none", new File([], ""));
window.results = (async () => ({
  streamed: await send("/forms/stream", form),
  parsed: await send("/forms/parsed", form),
  urlencoded: await send("/forms/parsed", new URLSearchParams([["text", "ü &="]])),
  denied: await send("/forms/denied", form),
  limited: await send("/forms/limited", form),
}))();
</script>
"""


async def stream(request: Request) -> Response:
    """What came, piece by piece: name, file name, size, checksum."""
    found: list[list[Any]] = []
    async for part in request.multipart():
        checksum = 0
        async for chunk in part:
            checksum = zlib.crc32(chunk, checksum)
        found.append([part.name, part.filename, part.size, checksum])
    return JSONResponse(found)


async def save(request: Request) -> Response:
    """The size of each part on disk."""
    with tempfile.TemporaryDirectory() as folder:
        sizes = [await part.save(Path(folder) / str(number)) async for number, part in _numbered(request)]
    return JSONResponse(sizes)


async def _numbered(request: Request) -> Any:
    number = 0
    async for part in request.multipart():
        yield number, part
        number += 1


async def parsed(request: Request) -> Response:
    """The form; its files, which nobody closes, as name, type and size."""
    form = await request.form()
    return JSONResponse(
        [
            [name, [value.filename, value.content_type, value.size] if isinstance(value, UploadFile) else value]
            for name, value in form.multi_items()
        ]
    )


async def limited(request: Request) -> Response:
    """Never reached by a body of more than a MiB."""
    return JSONResponse(len(await request.body()))


async def denied(request: Request) -> Response:
    """Reads nothing."""
    return JSONResponse({"detail": "Log in first"}, status_code=401, headers={"www-authenticate": "Bearer"})


async def peak(request: Request) -> Response:
    """How much memory, in KiB, the process has had at most since this was asked last."""
    status = Path("/proc/self/status").read_text()
    Path("/proc/self/clear_refs").write_text("5")
    return JSONResponse(int(status.split("VmHWM:")[1].split()[0]))


async def page(request: Request) -> Response:
    """What a browser does with forms."""
    return HTMLResponse(PAGE)


ROUTES = [
    *(Route(f"/{each.__name__}", each, methods=["POST"]) for each in (stream, save, parsed, denied)),
    Route("/limited", limited, methods=["POST"], max_body_size=1024 * 1024),
    *(Route(f"/{each.__name__}", each) for each in (peak, page)),
]
application = Application(routes=[Mount("/forms", routes=ROUTES)])
