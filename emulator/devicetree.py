"""Flattened device trees: a tree of nodes, its blob (version 17), and back.

Format: Devicetree Specification 0.4, chapter 5. What the board puts into its tree is in `emulator.virt_tree`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from emulator.errors import LoadError

MAGIC = 0xD00DFEED
VERSION = 17
LAST_COMPATIBLE_VERSION = 16

_BEGIN_NODE = 1
_END_NODE = 2
_PROPERTY = 3
_NOP = 4
_END = 9

_HEADER = struct.Struct(">10I")
_RESERVATION = struct.Struct(">QQ")
_WORD = struct.Struct(">I")
_PROPERTY_HEADER = struct.Struct(">III")

_DEEPEST = 64
"""Deeper nesting than this is taken for damage; real trees have about ten levels."""


@dataclass(slots=True)
class Node:
    """A node: properties and children in the order in which the blob has them.

    Attributes:
        name: With the unit address; empty for the root.
        properties: Name to value as the blob has it (`cells` and `strings` make values).
        children: Nodes below.
    """

    name: str = ""
    properties: dict[str, bytes] = field(default_factory=dict)
    children: list[Node] = field(default_factory=list)

    def add(self, name: str, **properties: bytes) -> Node:
        """Append a child, with properties whose names are Python identifiers, and return it."""
        child = Node(name, dict(properties))
        self.children.append(child)
        return child

    def child(self, name: str) -> Node | None:
        """The child of that full name, or None."""
        return next((node for node in self.children if node.name == name), None)

    def find(self, path: str) -> Node | None:
        """The node at an absolute path such as `/soc/serial@10000000`, or None."""
        node: Node | None = self
        for name in path.split("/"):
            if name and node is not None:
                node = node.child(name)
        return node


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceTree:
    """A tree with what else a blob holds.

    Attributes:
        root: The root node.
        reservations: Address and size of memory that a kernel must leave alone.
        boot_cpu: Physical id of the boot hart.
    """

    root: Node
    reservations: tuple[tuple[int, int], ...] = ()
    boot_cpu: int = 0


def cells(*values: int) -> bytes:
    """A property of 32-bit cells."""
    return struct.pack(f">{len(values)}I", *values)


def wide(*values: int) -> bytes:
    """A property of 64-bit numbers, two cells each."""
    return struct.pack(f">{len(values)}Q", *values)


def strings(*values: str) -> bytes:
    """A property of one or more zero-terminated strings."""
    return b"".join(value.encode() + b"\0" for value in values)


def encode(tree: DeviceTree) -> bytes:
    """The tree as a blob, packed: nothing is left free for later growth."""
    names = _Names()
    structure = bytearray()
    _encode_node(tree.root, structure, names)
    structure += _WORD.pack(_END)
    text = bytes(names.text)
    reserved = b"".join(_RESERVATION.pack(*span) for span in (*tree.reservations, (0, 0)))
    structure_at = _HEADER.size + len(reserved)
    text_at = structure_at + len(structure)
    header = _HEADER.pack(
        MAGIC,
        text_at + len(text),
        structure_at,
        text_at,
        _HEADER.size,
        VERSION,
        LAST_COMPATIBLE_VERSION,
        tree.boot_cpu,
        len(text),
        len(structure),
    )
    return header + reserved + bytes(structure) + text


class _Names:
    """The block of property names, each held once."""

    def __init__(self) -> None:
        self.text = bytearray()
        self._offsets: dict[str, int] = {}

    def offset(self, name: str) -> int:
        if name not in self._offsets:
            self._offsets[name] = len(self.text)
            self.text += strings(name)
        return self._offsets[name]


def _encode_node(node: Node, out: bytearray, names: _Names) -> None:
    out += _WORD.pack(_BEGIN_NODE) + _padded(strings(node.name))
    for name, value in node.properties.items():
        out += _PROPERTY_HEADER.pack(_PROPERTY, len(value), names.offset(name)) + _padded(value)
    for child in node.children:
        _encode_node(child, out, names)
    out += _WORD.pack(_END_NODE)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)


def decode(blob: bytes, *, source: str = "device tree") -> DeviceTree:
    """Read a blob of version 16 or 17.

    Args:
        blob: The bytes; more may follow the tree.
        source: What to call it in an error.

    Raises:
        LoadError: If the blob is damaged.
    """
    try:
        return _Decoder(blob).decode()
    except _Damage as damage:
        raise LoadError(f"{source}: {damage}") from None


class _Damage(Exception):
    """Raised when a blob breaks the format; `decode` turns it into a LoadError that names the source."""


class _Decoder:
    """One pass over a blob. Every read is checked against the blob's own bounds."""

    def __init__(self, blob: bytes) -> None:
        if len(blob) < _HEADER.size:
            raise _Damage("not a device tree: shorter than its header")
        header = _HEADER.unpack_from(blob)
        magic, total, self._at, self._names_at, self._reserved_at, version, compatible, self._boot_cpu = header[:8]
        names_size = header[8]
        if magic != MAGIC:
            raise _Damage("not a device tree: wrong magic number")
        if compatible > VERSION or version < LAST_COMPATIBLE_VERSION:
            raise _Damage(f"device tree version {version} is not supported")
        if total > len(blob):
            raise _Damage(f"truncated: the header says {total} bytes, there are {len(blob)}")
        if self._names_at + names_size > total:
            raise _Damage("the block of names does not lie inside the device tree")
        self._blob = blob[:total]
        self._names = blob[self._names_at : self._names_at + names_size]

    def decode(self) -> DeviceTree:
        reservations = tuple(self._reservations())
        root: Node | None = None
        stack: list[Node] = []
        while (token := self._word()) != _END:
            if token == _BEGIN_NODE:
                node = Node(self._text(self._take_name()))
                if stack:
                    stack[-1].children.append(node)
                elif root is None:
                    root = node
                else:
                    raise _Damage("there is more than one root node")
                stack.append(node)
                if len(stack) > _DEEPEST:
                    raise _Damage(f"nodes are nested more than {_DEEPEST} deep")
            elif token == _END_NODE and stack:
                stack.pop()
            elif token == _PROPERTY and stack:
                self._property(stack[-1])
            elif token != _NOP:
                raise _Damage(f"unexpected token {token:#x}")
        if root is None or stack:
            raise _Damage("the tree ends before its nodes do")
        return DeviceTree(root=root, reservations=reservations, boot_cpu=self._boot_cpu)

    def _reservations(self) -> Iterator[tuple[int, int]]:
        at = self._reserved_at
        while True:
            if at + _RESERVATION.size > len(self._blob):
                raise _Damage("the memory reservations have no end")
            address, size = _RESERVATION.unpack_from(self._blob, at)
            if (address, size) == (0, 0):
                return
            yield address, size
            at += _RESERVATION.size

    def _property(self, node: Node) -> None:
        size, name_at = self._word(), self._word()
        end = self._names.find(b"\0", name_at)
        if end < 0:
            raise _Damage("a property's name lies outside the block of names")
        name = self._text(self._names[name_at:end])
        if name in node.properties:
            raise _Damage(f"node {node.name!r} has property {name!r} twice")
        node.properties[name] = self._take(size)

    def _take_name(self) -> bytes:
        end = self._blob.find(b"\0", self._at)
        if end < 0:
            raise _Damage("a node's name has no end")
        return self._take(end + 1 - self._at)[:-1]

    def _take(self, size: int) -> bytes:
        """The next `size` bytes of the structure; what pads them to whole words is skipped."""
        if self._at + size > len(self._blob):
            raise _Damage("the structure runs past the end")
        data = self._blob[self._at : self._at + size]
        self._at += size + -size % 4
        return data

    def _word(self) -> int:
        return int.from_bytes(self._take(4), "big")

    @staticmethod
    def _text(name: bytes) -> str:
        try:
            return name.decode("ascii")
        except UnicodeDecodeError:
            raise _Damage(f"the name {name!r} is not ASCII") from None
