"""What a statement costs its client: `scripts/bench databases`.

`cases.py` lists what is measured and with what; `contest.py` runs the clients in turn, each a process of its own
(`client.py`) with a library (`clients/`). `overhead.py` measures our layer against its drivers within one process.
"""
