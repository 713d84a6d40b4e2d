"""The rows of our server's table in RESULTS.md: a module each, and `contenders` for how every server is started."""
