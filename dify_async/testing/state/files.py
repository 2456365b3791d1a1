"""Uploaded files."""

from __future__ import annotations

import attrs

from dify_async.models.files import FileType, extension_of


@attrs.frozen
class StoredFile:
    """A file that was uploaded to a fake server."""

    id: str
    """Id of the upload."""
    name: str
    """File name."""
    mime_type: str
    """Declared MIME type."""
    content: bytes = attrs.field(repr=False)
    """The content."""
    user: str
    """End user who uploaded the file."""
    app_id: str
    """Id of the app that the file belongs to."""
    in_message: bool = False
    """True if a message contains the file: only such files can be downloaded."""

    @property
    def extension(self) -> str:
        """Extension of the name, without the dot."""
        return extension_of(self.name)

    @property
    def type(self) -> str:
        """Type of the file, such as `image`."""
        return str(FileType.of_file(self.name, self.mime_type))

    def url(self, origin: str) -> str:
        """Return the signed link to the file."""
        return f"{origin}/files/{self.id}/file-preview?timestamp=1795308882&nonce=0&sign=fake"
