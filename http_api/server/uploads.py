"""Uploaded files go straight to the uploads directory.

Invariant: a file is written once, under a name of ours, on the file system where it stays, and what
no job took over is dropped when the request ends.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import IO, Any

from flask import Request

from http_api.auth.access import service
from storage.maintenance.data_directory import INCOMING


class UploadRequest(Request):
    """A request whose file parts are spooled below the data directory."""

    def _get_file_stream(
        self,
        total_content_length: int | None,
        content_type: str | None,
        filename: str | None = None,
        content_length: int | None = None,
    ) -> IO[bytes]:
        stream = tempfile.NamedTemporaryFile(  # noqa: SIM115 - werkzeug reads it on
            dir=service().directory.uploads_dir, prefix=INCOMING, delete=False
        )
        self.__dict__.setdefault("incoming", []).append(stream)
        return stream

    def discard_uploads(self) -> None:
        """Close the request's files and drop those that are still under their first name."""
        for stream in self.__dict__.pop("incoming", []):
            stream.close()
            Path(stream.name).unlink(missing_ok=True)


def written_path(stream: Any) -> Path:
    """Where a file part was written, complete on disk."""
    stream.flush()
    return Path(stream.name)
