"""The index of installed Python distributions. Read `models` first, then `distributions` and `load`."""
