"""Written by `vivace makemigrations`."""
