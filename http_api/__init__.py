"""The JSON API: routes, schemas, authentication and the error table.

A view loads its schema, calls one function below, and dumps the result: no SQL and no rule in a
view.
"""
