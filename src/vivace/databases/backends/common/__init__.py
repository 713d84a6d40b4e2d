"""A folder of encode/databases, kept for the import path `databases.backends.common.records`."""
