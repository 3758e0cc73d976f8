"""Marshmallow schemas: strict fields, request bodies, answers."""
