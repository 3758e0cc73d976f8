"""The command line: a client of the HTTP API, and the command that serves it.

Every command but ``serve`` talks HTTP: to a server named by ``--server``, else to the one that runs
on the data directory, else to one that it starts for itself on a free port. So there is one way to
do a thing, with one set of checks.
"""

from command_line.composition import Composition, Listening
from command_line.root import command

__all__ = ["Composition", "Listening", "command"]
