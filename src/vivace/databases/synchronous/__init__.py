"""`Database.sync`: the database for code that cannot await.

Read `facade.py` first (what a user holds), then `bridge.py` (how a thread's call gets to the event loop and back, and
how it stays in its transaction).
"""
