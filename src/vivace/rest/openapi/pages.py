"""Pages that show the document to people: Swagger UI at `docs/`, ReDoc at `redoc/`.

Their files come from the package drf-spectacular-sidecar (`pip install "vivace[openapi]"`) and are served from here:
no other address is asked, and the pages' Content-Security-Policy allows none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path

import jinja2

from vivace.web.responses import HTMLResponse
from vivace.web.routing import BaseRoute, Mount, Route
from vivace.web.staticfiles import StaticFiles
from vivace.web.types import Receive, Scope, Send

HERE = Path(__file__).parent
SIDECAR = "drf_spectacular_sidecar"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
# ReDoc writes its styles into the page, and searches in a worker that it makes of a blob.
POLICIES = {
    "swagger": POLICY,
    "redoc": POLICY.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'") + "; worker-src blob:",
}
LIBRARIES: Mapping[str, Mapping[str, str]] = {
    "swagger": {"library": "swagger-ui-dist/swagger-ui-bundle.js", "styles": "swagger-ui-dist/swagger-ui.css"},
    "redoc": {"library": "redoc/bundles/redoc.standalone.js", "styles": ""},
}


@dataclass(frozen=True)
class DocsPage:
    """An ASGI application that answers with one page; addresses in it are relative to it."""

    kind: str
    title: str
    schema: str
    files: str
    installed: bool

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        html = _template().render({**asdict(self), **LIBRARIES[self.kind]})
        headers = {"Content-Security-Policy": POLICIES[self.kind]}
        await HTMLResponse(html, headers=headers)(scope, receive, send)


def docs_routes(*, schema_url: str = "../schema/", title: str = "API") -> list[BaseRoute]:
    """Routes for `docs/`, `redoc/` and the files of both, to be mounted beside the schema.

    `schema_url` is the document's address as seen from a page. Without the files each page says how to get them.
    """
    found = sidecar()
    folders = [HERE / "static", *([] if found is None else [found])]
    files = StaticFiles(directory=folders, manifest=False)
    swagger = DocsPage("swagger", title, schema_url, "files", found is not None)
    redoc = DocsPage("redoc", title, schema_url, "../docs/files", found is not None)
    return [
        Mount("/docs/files", app=files, name="docs-files"),
        Route("/docs/", swagger, methods=["GET"], name="docs", include_in_schema=False),
        Route("/redoc/", redoc, methods=["GET"], name="redoc", include_in_schema=False),
    ]


def sidecar() -> Path | None:
    """The folder with the files of Swagger UI and ReDoc, or None; nothing of the package is imported."""
    spec = find_spec(SIDECAR)
    if spec is None or not spec.submodule_search_locations:
        return None
    folder = Path(spec.submodule_search_locations[0]) / "static" / SIDECAR
    return folder if folder.is_dir() else None


def _template() -> jinja2.Template:
    loader = jinja2.FileSystemLoader(HERE / "templates")
    return jinja2.Environment(loader=loader, autoescape=True, trim_blocks=True).get_template("page.html")
