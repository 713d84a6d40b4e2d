"""One OpenAPI 3.1 document of all REST views, made from their routes; nothing is said twice.

`build()` makes it, `schema_view()` serves it. Read `document` (paths and operations), then `schemas` (what a field or
serializer looks like), `components` (the shared part).
"""

from vivace.rest.openapi.document import OpenAPIView, build, schema_view

__all__ = ["OpenAPIView", "build", "schema_view"]
