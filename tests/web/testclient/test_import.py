from __future__ import annotations

import subprocess
import sys


def test_without_httpx_the_error_says_how_to_get_it() -> None:
    code = "import sys; sys.modules['httpx'] = None; import vivace.web.testclient"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "RuntimeError: vivace.web.testclient is built on httpx, which is not installed." in done.stderr
    assert "pip install httpx" in done.stderr


def test_the_toolkit_itself_does_not_import_httpx() -> None:
    code = "import sys, vivace.web; assert 'httpx' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
