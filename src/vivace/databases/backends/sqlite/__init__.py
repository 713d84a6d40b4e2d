"""SQLite on the standard library's sqlite3, made async here. Start reading at `backend.py`."""
