"""The route of the verifiers: two files that check a certificate without this server.

It needs no sign-in: whoever receives a certificate may have no account.
"""

from __future__ import annotations

from importlib.resources import files

from apiflask import APIBlueprint
from flask import Response, abort

from http_api.access import file_response, without_query

blueprint = APIBlueprint("verifiers", __name__, url_prefix="/api", tag="Certificates")

TYPES = {"verify_sample.py": "text/x-python", "verify.html": "text/html"}


@blueprint.get("/verifier/<name>")
@without_query
@blueprint.doc(responses=file_response(["text/html"]))
def verifier(name: str) -> Response:
    """A verifier of certificates: `verify_sample.py`, or the page `verify.html`.

    Both check a certificate without a server, and are served without a token. Take them from a
    source that you trust.
    """
    if name not in TYPES:
        abort(404)
    answer = Response(files("verifiers").joinpath(name).read_bytes(), mimetype=TYPES[name])
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer
