from __future__ import annotations

import pytest

from vivace.utils.media_types import is_compressed, media_type_of


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("index.html", "text/html"),
        ("A.JS", "text/javascript"),
        ("module.mjs", "text/javascript"),
        ("font.woff2", "font/woff2"),
        ("site.webmanifest", "application/manifest+json"),
        ("app.js.map", "application/json"),
        ("app.js.gz", "application/gzip"),
        ("release.tgz", "application/octet-stream"),
        ("sound.wav", "audio/x-wav"),
        ("README", "application/octet-stream"),
        ("a.no-such-type", "application/octet-stream"),
        ("data:text/html,x", "application/octet-stream"),
    ],
)
def test_the_name_tells_the_type(name: str, media_type: str) -> None:
    assert media_type_of(name) == media_type


@pytest.mark.parametrize(
    ("media_type", "compressed"),
    [("image/png", True), ("image/svg+xml", False), ("video/mp4", True), ("font/ttf", False), ("text/css", False)],
)
def test_pictures_and_films_are_compressed_in_themselves(media_type: str, compressed: bool) -> None:
    assert is_compressed(media_type) is compressed
