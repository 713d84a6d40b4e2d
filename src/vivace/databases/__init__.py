"""Async access to SQL databases: connections, pool, transactions; names as in encode/databases."""
