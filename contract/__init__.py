"""What the outside sends and receives: one declaration of each request.

A request is a frozen dataclass. The annotation of a field says its kind, how people write it, what
it is called and what it means. API, OpenAPI, commands, forms, the client, the docs and the code of
a request derive from it; ``just show NAME`` prints all that derives from one.
"""
