"""The site: settings and the application."""
