"""PostgreSQL through asyncpg. Start reading at `backend.py`."""
