"""The REST framework: serializers, viewsets, routers, OpenAPI; Django REST framework's vocabulary, awaited.

Imports `vivace.orm`, `vivace.web` and `vivace.utils`. Module names are `rest_framework`'s. Read `serializers` first
(objects to data and back), then `views` and `viewsets` (what answers a request), `routers`, and `openapi` (the document
of it all).
"""
