from __future__ import annotations

from pathlib import Path

import pytest

from vivace.utils.traceback_page import render_traceback


def raised(source: str, filename: str = "somewhere.py") -> Exception:
    try:
        exec(compile(source, filename, "exec"), {})
    except Exception as error:  # noqa: BLE001 - any will do
        return error
    raise AssertionError("it did not fail")


def test_an_exception_that_cannot_be_printed_is_shown_too() -> None:
    class Odd(Exception):
        def __str__(self) -> str:
            raise ValueError("no text")

    assert "Odd: &lt;the exception" in render_traceback(Odd())
    assert "<h2>ValueError</h2>" in render_traceback(ValueError())


def test_a_cause_that_leads_in_a_circle_ends() -> None:
    one, two = ValueError("one"), ValueError("two")
    one.__cause__, two.__cause__ = two, one
    assert render_traceback(one).count("<h2>") == 2


def test_a_deep_recursion_does_not_make_an_endless_page() -> None:
    def deeper() -> None:
        deeper()

    with pytest.raises(RecursionError) as recursion:
        deeper()
    assert len(render_traceback(recursion.value)) < 300_000


def test_a_syntax_error_is_marked_where_it_is(tmp_path: Path) -> None:
    file = tmp_path / "site.py"
    file.write_text("first = 1\n\tvalue = call(1 2)\n")
    page = render_traceback(raised(file.read_text(), str(file)))
    assert "<h2>IndentationError: unexpected indent</h2>" in page
    assert f"<code>{file}</code>, line <b>2</b></summary>" in page
    file.write_text("value = call(1 2)\n")
    page = render_traceback(raised(file.read_text(), str(file)))
    line = page.partition("<mark>")[2].partition("</mark>")[0]
    assert line.splitlines()[0].endswith("value = call(1 2)")
    assert line.splitlines()[1].endswith(" " * 13 + "^^^")


def test_source_that_has_changed_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "site.py"
    for name in ("one", "other"):
        file.write_text(f"{name}()\n")
        assert f"{name}()</mark>" in render_traceback(raised(file.read_text(), str(file)))


def test_a_long_explanation_is_not_a_heading() -> None:
    page = render_traceback(ValueError("one\ntwo <b>"))
    assert "<h2>ValueError: one</h2>" in page
    assert '<pre class="text">two &lt;b&gt;</pre>' in page


def test_frames_of_hidden_files_are_left_out() -> None:
    error = raised("1 / 0", "hidden_here.py")
    assert "hidden_here.py" in render_traceback(error)
    assert "hidden_here.py" not in render_traceback(error, hidden=["hidden_here.py"])
