"""The REST framework: serializers, viewsets, routers, OpenAPI; Django REST framework's vocabulary, awaited."""
