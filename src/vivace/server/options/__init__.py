"""What the server can be told: a frozen dataclass for each group of options, checked where it is made.

`vivace.server.config.Config` holds one of each; their fields are keywords of `run`, flags of `vivace run`, variables
`VIVACE_*` and keys of `[tool.vivace]`. Defaults and comments here are what the help and the docs tell.
"""
