"""Worker processes and the supervisor that owns their sockets. It holds no user code: only workers import that.

Read `supervisor.py` first, then `worker.py` (the other end of `messages.py`).
"""
