"""Leaves that every layer may use and that import nothing of ours.

Read `fieldspec` first: what a field knows about itself, said once on the model and read by serializers, forms,
OpenAPI and migrations.
"""
