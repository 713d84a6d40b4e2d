"""Building static files: hashed names, rewritten references, compressed variants, the manifest."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivace.web.applications import Application
from vivace.web.routing import Mount
from vivace.web.staticfiles import Manifest, StaticFiles
from vivace.web.staticfiles._references import references_in, rewrite
from vivace.web.staticfiles.build import StaticBuildError, build
from vivace.web.testclient import TestClient


def site(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


FILES = {
    "css/app.css": '@import "base.css";\nbody { background: url(../img/a%20b.svg?v=1#x) }\n'
    "/*# sourceMappingURL=app.css.map */",
    "css/base.css": "@font-face { src: url('../font.woff2') } a { b: url(data:image/png;base64,x) }",
    "css/app.css.map": '{"version":3}',
    "img/a b.svg": "<svg/>",
    "font.woff2": "font",
    "js/app.js": "import {one} from './one.js';\nimport('/static/js/two.mjs');\nimport vue from 'vue';",
    "js/one.js": "export * from \"./two.mjs\"; // from './nothing.js'",
    "js/two.mjs": "import './one.js'; const text = \"import './text.js'\";",
    "plain.txt": "url(plain.txt)",
    ".hidden": "x",
    ".well-known/x.txt": "x",
}


def test_every_file_is_there_under_both_names_and_references_lead_to_hashed_ones(tmp_path: Path) -> None:
    built = build([site(tmp_path / "in", FILES)], tmp_path / "out")
    paths = dict(built.manifest.paths)
    assert sorted(paths) == sorted(set(FILES) - {".hidden"})
    assert Manifest.load(tmp_path / "out/staticfiles.json") == built.manifest
    for name, published in paths.items():
        stem, extension = name.rsplit(".", 1)
        assert re.fullmatch(rf"{re.escape(stem)}\.[0-9a-f]{{12,}}\.{extension}", published)
        assert (tmp_path / "out" / name).read_text() == (tmp_path / "out" / published).read_text()
    style = (tmp_path / "out" / paths["css/app.css"]).read_text()
    assert f'@import "{Path(paths["css/base.css"]).name}"' in style
    assert f"url(../{paths['img/a b.svg'].replace(' ', '%20')}?v=1#x)" in style
    assert f"sourceMappingURL={Path(paths['css/app.css.map']).name} " in style
    base = (tmp_path / "out" / paths["css/base.css"]).read_text()
    assert f"url('../{paths['font.woff2']}')" in base
    assert "url(data:image/png;base64,x)" in base
    script = (tmp_path / "out" / paths["js/app.js"]).read_text()
    assert script.splitlines() == [
        f"import {{one}} from './{Path(paths['js/one.js']).name}';",
        f"import('/static/{paths['js/two.mjs']}');",
        "import vue from 'vue';",
    ]
    # Two that need each other, each with the other's published name.
    assert Path(paths["js/two.mjs"]).name in (tmp_path / "out/js/one.js").read_text()
    assert Path(paths["js/one.js"]).name in (tmp_path / "out/js/two.mjs").read_text()
    assert "import './text.js'" in (tmp_path / "out/js/two.mjs").read_text()


def test_the_same_files_give_the_same_names_and_a_change_changes_those_above_it(tmp_path: Path) -> None:
    source = site(tmp_path / "in", FILES)
    first = build([source], tmp_path / "out")
    again = build([source], tmp_path / "out")
    assert (again.written, again.compressed, again.manifest) == (0, 0, first.manifest)
    (source / "font.woff2").write_text("another")
    changed = build([source], tmp_path / "out").manifest.paths
    different = {name for name in changed if changed[name] != first.manifest.paths[name]}
    assert different == {"font.woff2", "css/base.css", "css/app.css"}
    # Pages of before still find theirs, until everything is cleared.
    assert (tmp_path / "out" / first.manifest.paths["font.woff2"]).exists()
    build([source], tmp_path / "out", clear=True)
    assert not (tmp_path / "out" / first.manifest.paths["font.woff2"]).exists()


def test_what_is_worth_it_is_compressed(tmp_path: Path) -> None:
    source = site(tmp_path / "in", {"big.css": "a { color: red }\n" * 500, "small.css": "a {}", "big.png": "x" * 5000})
    (source / "big.css.gz").write_bytes(b"of the developer's")
    built = build([source], tmp_path / "out", hashed=False)
    out = tmp_path / "out"
    assert sorted(path.name for path in out.iterdir()) == [
        "big.css", "big.css.br", "big.css.gz", "big.css.zst", "big.png", "small.css",
    ]  # fmt: skip
    assert gzip.decompress((out / "big.css.gz").read_bytes()) == (source / "big.css").read_bytes()
    assert (built.collected, built.written, built.compressed) == (3, 3, 3)
    build([source], out, hashed=False, compress=False)
    assert sorted(path.name for path in out.iterdir()) == ["big.css", "big.png", "small.css"]


def test_the_first_directory_wins_and_the_destination_is_none_of_them(tmp_path: Path) -> None:
    one, two = site(tmp_path / "one", {"a.txt": "one"}), site(tmp_path / "two", {"a.txt": "two", "b.txt": "two"})
    build([one, two], tmp_path / "out")
    assert [(tmp_path / "out" / name).read_text() for name in ("a.txt", "b.txt")] == ["one", "two"]
    for wrong in (one, one / "below"):
        with pytest.raises(ValueError, match="choose a place outside"):
            build([one], wrong)


def test_a_reference_that_leads_nowhere_is_an_error_before_anything_is_written(tmp_path: Path) -> None:
    source = site(tmp_path / "in", {"a.css": "\n a { b: url(img/pic.png) }", "img/pict.png": "x"})
    with pytest.raises(StaticBuildError, match=r'a\.css, line 2: img/pic\.png .* Did you mean "img/pict\.png"'):
        build([source], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_what_is_no_text_is_published_as_it_is(tmp_path: Path) -> None:
    site(tmp_path / "in", {})
    (tmp_path / "in").mkdir(exist_ok=True)
    (tmp_path / "in/old.css").write_bytes(b"a { b: url(x.png) } \xff")
    assert list(build([tmp_path / "in"], tmp_path / "out").manifest.paths) == ["old.css"]


def test_a_site_serves_what_was_built(tmp_path: Path) -> None:
    build([site(tmp_path / "in", {"app.css": "a { color: red }\n" * 100})], tmp_path / "out")
    app = Application(routes=[Mount("/static", StaticFiles(directory=tmp_path / "out"), name="static")])
    client = TestClient(app)
    url = app.url_path_for("static", path="app.css")
    answer = client.get(url, headers={"accept-encoding": "gzip"})
    assert (answer.text[:16], answer.headers["content-encoding"]) == ("a { color: red }", "gzip")
    assert "immutable" in answer.headers["cache-control"]
    assert json.loads((tmp_path / "out/staticfiles.json").read_text())["paths"] == {"app.css": url.split("/")[-1]}


@pytest.mark.parametrize(
    ("name", "text", "urls"),
    [
        ("a.css", "url( 'a' ) URL(b) url() url(#c) url(//d) url(https://e) url(?f)", ["a", "b"]),
        ("a.css", "/* url(a) */ content: 'url(b)'; \"\\\"url(c)\" @import 'd' screen; @import url(e)", ["d", "e"]),
        (
            "a.js",
            'import{a as b}from"./a.js";import c,{d}from\'../b.js\';import*as e from"./c.js"',
            ["./a.js", "../b.js", "./c.js"],
        ),
        (
            "a.js",
            "export{a}from'./a.js';export*as b from './b.js';new URL('./c.png', import.meta.url)",
            ["./a.js", "./b.js", "./c.png"],
        ),
        ("a.js", "/* import './a.js' */ `import './b.js'` x.import('./c.js'); reimport('./d.js')", []),
        ("a.js", "const a = 'import'; b(\"./c.js\")\n//# sourceMappingURL=a.js.map", ["a.js.map"]),
        ("a.html", "url(a)", []),
    ],
)
def test_references_are_found(name: str, text: str, urls: list[str]) -> None:
    assert [reference.url for reference in references_in(name, text)] == urls


@given(
    st.sampled_from(["a.css", "a.js"]),
    st.lists(st.sampled_from([*"\"'`()/*{};\n\\", "url(", "@import ", "import ", "from", "./x"])),
)
def test_any_text_is_read_and_left_as_it_is(name: str, parts: list[str]) -> None:
    text = "".join(parts)
    assert rewrite(name, text, lambda reference: reference.url) == rewrite(name, text, lambda reference: None) == text
