"""The static files of the folder that the benchmark has made."""

from __future__ import annotations

import os

from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

app = Starlette(routes=[Mount("/static", StaticFiles(directory=os.environ["BENCHMARK_STATIC_FOLDER"]), name="static")])
