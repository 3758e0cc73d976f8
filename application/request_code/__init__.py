"""A request of the API as code: for curl, for the Python client and for the command line.

One declaration of each request's arguments gives all texts; see :mod:`.forms`.
"""

from application.request_code.forms import ApiRequest
from application.request_code.texts import RequestCode, command_of, request_code

__all__ = ["ApiRequest", "RequestCode", "command_of", "request_code"]
