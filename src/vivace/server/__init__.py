"""The ASGI server: listeners, connections, lifespan, limits, logging.

It runs any ASGI application and imports none of Vivace's other towers.
"""
