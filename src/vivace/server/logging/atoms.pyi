from collections.abc import Callable, Sequence

from vivace.server.logging.line_forms import LineForm
from vivace.server.options.access_log_format import Atom

class AtomForm(LineForm):
    def __init__(
        self, pieces: Sequence[str | Atom], stamp: Callable[[int], bytes], worker: int | None = None
    ) -> None: ...
