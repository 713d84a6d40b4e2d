"""The list of compiled modules in setup.py is the list of files on disk."""

import ast
from pathlib import Path

ROOT = Path(__file__).parent.parent


def compiled_modules_in_setup() -> set[str]:
    tree = ast.parse((ROOT / "setup.py").read_text())
    for node in tree.body:
        if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == "COMPILED_MODULES" and node.value:
            return set(ast.literal_eval(node.value))
    raise AssertionError("setup.py has no COMPILED_MODULES")


def compiled_modules_on_disk() -> set[str]:
    source = ROOT / "src"
    files = [*source.rglob("*.pyx"), *source.rglob("_*_cy.py")]
    return {".".join(file.relative_to(source).with_suffix("").parts) for file in files}


def test_setup_lists_every_compiled_module() -> None:
    assert compiled_modules_in_setup() == compiled_modules_on_disk()


def test_compiled_sources_import_only_layers_below() -> None:
    """import-linter does not read `.pyx` files; the same rule, in words it can check here."""
    layers = ["cli", "testing", "project", "rest", "orm", "web", "databases", "server", "conf", "utils"]
    for file in (ROOT / "src").rglob("*.pyx"):
        layer = layers.index(file.relative_to(ROOT / "src" / "vivace").parts[0])
        for line in file.read_text().splitlines():
            words = line.split()
            if len(words) > 1 and words[0] in {"from", "import", "cimport"} and words[1].startswith("vivace."):
                assert layers.index(words[1].split(".")[1]) >= layer, f"{file}: {line}"
