"""What work with models costs: `scripts/bench orm`.

`cases.py` lists what is measured; the clients (`clients/`, one for each library) run as in `benchmarks/databases`, each
in a process of its own (`client.py`). `figures.py` has what needs no database:
building a query, defining models, memory.
"""
