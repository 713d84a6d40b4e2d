"""Sockets to listen on: TCP, Unix, or handed over by whoever started us. Each comes bound, and not listening yet."""
