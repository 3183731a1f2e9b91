"""`g`, `G`, `p`, `P`."""

from __future__ import annotations

from protocol.replies import Data, Ok, Reply
from protocol.requests import ReadRegister, ReadRegisters, WriteRegister, WriteRegisters
from rvgdb.client import Client


def read_registers(client: Client, request: ReadRegisters) -> Reply:
    """x0 to x31 and pc, as QEMU."""
    return Data(client.target.registers.read_general(client.hart))


def write_registers(client: Client, request: WriteRegisters) -> Reply:
    """All of `g`."""
    client.target.registers.write_general(client.hart, request.data)
    return Ok()


def read_register(client: Client, request: ReadRegister) -> Reply:
    """Any register, CSRs included."""
    return Data(client.target.registers.read_register(client.hart, request.number))


def write_register(client: Client, request: WriteRegister) -> Reply:
    """Any register; a CSR that refuses is an error with its reason, never OK."""
    client.target.registers.write_register(client.hart, request.number, request.data)
    return Ok()


HANDLERS = {
    ReadRegisters: read_registers,
    WriteRegisters: write_registers,
    ReadRegister: read_register,
    WriteRegister: write_register,
}
