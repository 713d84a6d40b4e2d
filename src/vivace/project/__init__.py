"""Assembles a site from the layers below: the `Vivace` application object.

Read `application` first: what an application is made of and when each part comes to life. `API` is what `app.api` is,
for the `api.py` of an installed app.
"""

from __future__ import annotations

from vivace.project.api import API
from vivace.project.application import Vivace
from vivace.project.atomic_requests import non_atomic_requests

__all__ = ["API", "Vivace", "non_atomic_requests"]
