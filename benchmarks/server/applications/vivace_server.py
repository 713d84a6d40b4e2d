"""Our server with what it is given: python vivace_server.py MODULE:APPLICATION PORT [WORKERS]."""

import sys
from pathlib import Path

from vivace.server import run

run(
    sys.argv[1],
    app_dir=str(Path(__file__).parent),
    port=int(sys.argv[2]),
    workers=int(sys.argv[3]) if len(sys.argv) > 3 else None,
    access_log=False,
    log_level="warning",
    lifespan="off",
)
