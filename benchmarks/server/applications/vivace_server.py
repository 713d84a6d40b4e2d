"""Our server with what it is given: vivace_server.py MODULE:APPLICATION PORT [WORKERS].

VIVACE_TOOLKIT and VIVACE_LIFESPAN of the environment count.
"""

import os
import sys
from pathlib import Path
from typing import Any

from vivace.server import run

options: dict[str, Any] = {"toolkit": os.environ["VIVACE_TOOLKIT"]} if "VIVACE_TOOLKIT" in os.environ else {}
run(
    sys.argv[1],
    app_dir=str(Path(__file__).parent),
    port=int(sys.argv[2]),
    workers=int(sys.argv[3]) if len(sys.argv) > 3 else None,
    access_log=False,
    log_level="warning",
    lifespan=os.environ.get("VIVACE_LIFESPAN", "off"),
    **options,
)
