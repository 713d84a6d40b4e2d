"""The static files of the folder that the benchmark has made."""

from __future__ import annotations

import os

from vivace.web.applications import Application
from vivace.web.routing import Mount
from vivace.web.staticfiles import StaticFiles

app = Application(
    routes=[Mount("/static", StaticFiles(directory=os.environ["BENCHMARK_STATIC_FOLDER"]), name="static")]
)
