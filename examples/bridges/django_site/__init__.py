"""A Django project with the admin, and Django REST framework: see README.md for its commands."""
