"""Vivace: a web project from its first file to production.

The house, top to bottom; a layer imports only layers below it (import-linter checks):

    cli         the `vivace` command
    testing     pytest plugin, database isolation, query-count assertions
    project     assembles a site: the `Vivace` application object
    rest        serializers, viewsets, routers, OpenAPI
    orm         models, querysets, migrations
    web         the ASGI toolkit, module names as in Starlette
    databases   async access to SQLite and PostgreSQL; pool; transactions
    server      the ASGI server; `server.protocol` holds the sans-IO protocols
    conf        settings types and their sources, the app registry
    utils       leaves that import nothing of ours

`server`, `web` and `databases` are independent towers. Each layer's `__init__` says which file to read first.
"""

__version__ = "0.1.0"
