from __future__ import annotations

import os
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivace.utils.filenames import LONGEST, safe_filename


@pytest.mark.parametrize(
    ("sent", "safe"),
    [
        ("report.pdf", "report.pdf"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\photo.jpg", "photo.jpg"),
        ("/", "file"),
        ("", "file"),
        ("..", "file"),
        (".htaccess", "htaccess"),
        ("my holiday  photo.jpg", "my_holiday_photo.jpg"),
        ("naïve größe 画像.jpg", "naïve_größe_画像.jpg"),
        ("e\u0301.txt", "\u00e9.txt"),
        ("a\0b\nc.txt", "abc.txt"),
        ("gpj.\u202eexe", "gpj.exe"),
        ("CON", "_CON"),
        ("nul.txt", "_nul.txt"),
        ("console.txt", "console.txt"),
        ("a.txt. ", "a.txt"),
        ("--rf", "rf"),
        ("$(rm -rf).sh", "(rm_-rf).sh"),
        ("\udc80.txt", "txt"),
    ],
)
def test_a_name_is_made_safe(sent: str, safe: str) -> None:
    assert safe_filename(sent) == safe


def test_a_long_name_keeps_its_extension() -> None:
    assert safe_filename("x" * 300 + ".tar") == "x" * 251 + ".tar"
    assert safe_filename("é" * 300) == "é" * 127
    assert len(safe_filename("x" * 10 + "." + "y" * 300)) == LONGEST


def test_the_name_for_nothing_can_be_chosen() -> None:
    assert safe_filename("...", default="upload") == "upload"


@given(st.text())
def test_any_text_becomes_a_name_that_a_disk_takes(sent: str) -> None:
    name = safe_filename(sent)
    assert name
    assert Path(name).name == name
    assert not name.startswith((".", "-"))
    assert os.fsencode(name).decode() == name
    assert len(name.encode()) <= LONGEST
    assert safe_filename(name) == name
    assert unicodedata.is_normalized("NFC", name)
