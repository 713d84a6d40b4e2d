"""Assembles a site from the layers below: the `Vivace` application object."""
