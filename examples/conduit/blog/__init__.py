"""Conduit: users, articles, comments. Read `models` first, then `serializers` and `views`."""
