"""httpx, or an error that says how to get it: it is no dependency of the toolkit, only of its test clients."""

try:
    import httpx
except ModuleNotFoundError as error:
    raise RuntimeError(
        "vivace.web.testclient is built on httpx, which is not installed. Install it with `pip install httpx`."
    ) from error

__all__ = ["httpx"]
