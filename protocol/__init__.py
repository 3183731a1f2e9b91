"""The GDB remote serial protocol as a sans-IO library: bytes in, requests out; replies in, bytes out.

The path of the data: `framing` finds packets in the peer's bytes, `packets` (one row a packet, its body by a grammar of
`grammars` and `fields`, or by `quick`) makes `requests` of them, `session` keeps both sides in step, and `replies` come
back through it and `framing`. `capabilities` and `features` say what is announced; `description` writes the XML
documents.
"""
