"""What `import vivace` gives, and that it costs nothing until a name is asked for."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

import vivace

PUBLIC_NAMES = [
    "API",
    "BackgroundTask",
    "Database",
    "FileResponse",
    "HTMLResponse",
    "HTTPException",
    "JSONResponse",
    "Middleware",
    "Mount",
    "PlainTextResponse",
    "RedirectResponse",
    "Request",
    "Response",
    "Route",
    "Settings",
    "StreamingResponse",
    "Vivace",
    "WebSocket",
    "WebSocketDisconnect",
    "WebSocketRoute",
    "atomic",
    "models",
    "on_commit",
    "routers",
    "run",
    "serializers",
    "serve",
    "viewsets",
]
HEAVY = ("sqlalchemy", "alembic", "jinja2", "msgspec", "anyio", "asyncio", "click", "rich", "uvloop", "inspect")


def loaded_by(statement: str) -> set[str]:
    """The modules in memory after a statement in a fresh interpreter."""
    code = f"{statement}; import sys; print(*sys.modules)"
    return set(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split())


def test_the_public_names_are_these() -> None:
    assert list(vivace.__all__) == PUBLIC_NAMES
    assert set(PUBLIC_NAMES) <= set(dir(vivace))


@pytest.mark.parametrize("name", PUBLIC_NAMES)
def test_each_public_name_is_there(name: str) -> None:
    assert getattr(vivace, name) is not None


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Vivacissimo'"):
        vivace.__getattr__("Vivacissimo")


def test_importing_vivace_imports_nothing_heavy() -> None:
    before = loaded_by("pass")
    after = loaded_by("import vivace")
    assert not (after - before) & set(HEAVY)
    assert len([name for name in after if name.startswith("vivace")]) == 1


def test_the_toolkit_alone_loads_no_database() -> None:
    loaded = loaded_by("from vivace import Response")
    assert not loaded & {"sqlalchemy", "vivace.orm", "vivace.databases", "vivace.server"}


def test_the_pytest_plugin_loads_no_layer() -> None:
    plugin = importlib.import_module("vivace.testing.plugin")
    assert plugin.__doc__
    loaded = loaded_by("import vivace.testing.plugin")
    assert not loaded & {"sqlalchemy", "vivace.orm", "vivace.web", "vivace.server", "vivace.project"}
