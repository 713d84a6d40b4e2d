"""`python -m vivace`: the same as the `vivace` command."""

from vivace.cli import main

if __name__ == "__main__":
    main()
