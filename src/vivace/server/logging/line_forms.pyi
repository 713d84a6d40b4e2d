from collections.abc import Callable

class LineForm:
    wants_response_headers: bool

class TextForm(LineForm):
    def __init__(self, stamp: Callable[[int], bytes], paint_status: Callable[[int], bytes]) -> None: ...

class JsonForm(LineForm):
    def __init__(self, stamp: Callable[[int], bytes], end: bytes) -> None: ...
