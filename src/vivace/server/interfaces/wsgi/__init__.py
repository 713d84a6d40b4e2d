"""WSGI (PEP 3333) on ASGI: each request is in a thread of a bounded pool, and streams both ways.

`adapter.py` is what the server calls, and the order of events. The thread's side and the loop's side of an exchange
meet in a `Handover`; over it go the request's body (`request_body.py`) and the response (`response.py`). `environ.py`
makes a scope into an environ, `threads.py` is the pool.
"""

from vivace.server.interfaces.wsgi.adapter import WsgiAdapter

__all__ = ["WsgiAdapter"]
