"""What can go wrong in the protocol, typed by whose fault it is."""

from __future__ import annotations

EINVAL = 22


class ProtocolError(Exception):
    """Root of the package's errors."""


class LocalProtocolError(ProtocolError):
    """Raised when this side breaks the protocol: a reply nobody asked for, a payload that cannot be framed."""


class RemoteProtocolError(ProtocolError):
    """Raised when the peer's bytes break the protocol. Never leaves `Session`, which answers and records it."""


class FramingError(RemoteProtocolError):
    """Raised for bytes that are not a packet: a bad checksum, an over-long packet, another protocol's greeting."""


class MalformedPacketError(RemoteProtocolError):
    """Raised when a packet with a known name has a body its grammar does not allow.

    Attributes:
        errno: The error number of the answer this packet deserves.
    """

    def __init__(self, message: str, *, errno: int = EINVAL) -> None:
        super().__init__(message)
        self.errno = errno
