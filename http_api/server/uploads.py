"""Uploaded files: written once, straight to the uploads directory, under a generated name.

Guarantees that a file that no job takes over is deleted when the request ends.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import IO, Any

from flask import Request

from http_api.auth.access import service
from storage.maintenance.data_directory import INCOMING


class UploadRequest(Request):
    """A request whose files are written to the data directory."""

    def _get_file_stream(
        self,
        total_content_length: int | None,
        content_type: str | None,
        filename: str | None = None,
        content_length: int | None = None,
    ) -> IO[bytes]:
        stream = tempfile.NamedTemporaryFile(  # noqa: SIM115 - werkzeug writes and reads it
            dir=service().directory.uploads_dir, prefix=INCOMING, delete=False
        )
        self.__dict__.setdefault("incoming", []).append(stream)
        return stream

    def discard_uploads(self) -> None:
        """Close the request's files and delete those that no job took over."""
        for stream in self.__dict__.pop("incoming", []):
            stream.close()
            Path(stream.name).unlink(missing_ok=True)


def written_path(stream: Any) -> Path:
    """Flush an uploaded file and return its path."""
    stream.flush()
    return Path(stream.name)
