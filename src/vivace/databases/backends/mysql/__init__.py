"""MySQL and MariaDB through asyncmy. Start reading at `backend.py`."""
