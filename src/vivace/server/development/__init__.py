"""What a server with `reload` adds to the application it serves: pages that load themselves again, errors to read.

Read `site.py` first. Which files changed, and what follows from that, is the supervisor's: `supervisor/reloading.py`.
"""
