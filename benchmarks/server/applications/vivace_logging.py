"""Our server with an access log or metrics: python vivace_logging.py MODULE:APPLICATION PORT FORM [pipe].

FORM is off, metrics (without a log), text, json or combined. Lines go to standard error; with "pipe" that is a pipe,
which `cat` empties.
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from vivace.server import run

FORMS: dict[str, dict[str, Any]] = {
    "off": {"access_log": False},
    "metrics": {"access_log": False, "metrics_bind": "127.0.0.1:0"},
    "text": {},
    "json": {"log_format": "json"},
    "combined": {"access_log_format": '%(h)s %(l)s %(u)s %(t)s "%(r)s" %(s)s %(b)s "%(f)s" "%(a)s"'},
}

if sys.argv[4:] == ["pipe"]:
    reader, writer = os.pipe()
    # In the background of a shell that ends: what it uses is not counted as the server's.
    subprocess.run(["sh", "-c", "cat > /dev/null &"], stdin=reader, check=True)
    os.close(reader)
    os.dup2(writer, 2)
    os.close(writer)

run(
    sys.argv[1],
    app_dir=str(Path(__file__).parent),
    port=int(sys.argv[2]),
    use_colors=False,
    **FORMS[sys.argv[3]],
)
