"""asyncmy with its own pool: the driver that ours uses."""

from __future__ import annotations

import asyncmy

from benchmarks.databases.clients import aiomysql_pool


class Client(aiomysql_pool.Client):
    """The same words as aiomysql's."""

    driver = asyncmy
