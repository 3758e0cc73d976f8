"""The command line: a client of the HTTP API, and the command that serves it.

A command talks to the server of ``--server``, else to the server that runs on the data directory,
else to one that it starts for itself. ``serve``, ``check``, ``backup`` and ``restore`` work on the
data directory, and ``validate`` needs none.
"""

from command_line.root import Composition, Listening, command

__all__ = ["Composition", "Listening", "command"]
