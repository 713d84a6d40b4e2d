"""The site: settings and the ASGI application. The pages and the API are the app `catalog`."""
