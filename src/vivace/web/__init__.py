"""The ASGI toolkit; module names and signatures are Starlette's."""
