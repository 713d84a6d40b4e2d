"""Benchmarks: `scripts/bench NAME` runs one and prints its tables, ready for RESULTS.md.

`harness/` is what any benchmark needs: servers started and pinned (`processes`), peers installed (`workbench`), load
(`wrk`, `h2load`, `exchange`), interleaved rounds (`race`) and Markdown (`tables`). `server/` holds the rows of our
server's table; start with `server/http.py`.
"""
