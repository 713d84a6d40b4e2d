"""Rows as text and back, as `django.core.serializers`: fixtures, backups of small sites, moving rows between databases.

`dumping` writes what a site has (`dumpdata`) and `loading` reads it into another (`loaddata`), both row by row. Below
them `records` turns an instance into plain values and `building` makes an instance of those; `formats` are JSON, JSON
lines and YAML. `references` keeps databases from refusing rows that come before what they refer to.
"""

from __future__ import annotations

from vivace.orm.serializers.building import DeserializedObject
from vivace.orm.serializers.dumping import dump, sort_dependencies
from vivace.orm.serializers.errors import DeserializationError, SerializationError, SerializerDoesNotExist
from vivace.orm.serializers.formats import get_public_serializer_formats
from vivace.orm.serializers.loading import Loaded, find_fixtures, load
from vivace.orm.serializers.text import deserialize, serialize

__all__ = [
    "DeserializationError",
    "DeserializedObject",
    "Loaded",
    "SerializationError",
    "SerializerDoesNotExist",
    "deserialize",
    "dump",
    "find_fixtures",
    "get_public_serializer_formats",
    "load",
    "serialize",
    "sort_dependencies",
]
