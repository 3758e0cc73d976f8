"""A request of the API as code: for curl, for the Python client and for the command line.

One declaration of each request's arguments gives all texts; see :mod:`.forms`.
"""
