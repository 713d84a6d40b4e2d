"""httpx2, else httpx, or an error that says how to get it: no dependency of the toolkit, only of its test clients."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import httpx2 as httpx
else:
    try:
        import httpx2 as httpx
    except ModuleNotFoundError:
        try:
            import httpx
        except ModuleNotFoundError as error:
            raise RuntimeError(
                "vivace.web.testclient is built on httpx2 (httpx will do as well), and neither is installed. "
                "Install it with `pip install httpx2`."
            ) from error

__all__ = ["httpx"]
