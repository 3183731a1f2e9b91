"""Who may reach a listening port: addresses that are this host's own, and ranges that `allow=` names."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, TypeAlias

from rvgdb.errors import OptionError

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network


def _address(host: str) -> Address:
    """An address as the kernel writes it; one of IPv4 that came through an IPv6 socket is itself again."""
    address = ip_address(host)
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def is_loopback(host: str) -> bool:
    """Whether only this host reaches a socket that is bound to `host`, a numeric address."""
    return _address(host).is_loopback


@dataclass(frozen=True, slots=True)
class Allowed:
    """Whose connections are accepted.

    Attributes:
        networks: The ranges; none means everybody.
    """

    networks: tuple[Network, ...] = ()

    def admits(self, host: str) -> bool:
        """Whether a peer with this numeric address may connect."""
        if not self.networks:
            return True
        address = _address(host)
        return any(address in network for network in self.networks)


EVERYBODY: Final = Allowed()


def parse_allowed(option: str, text: str) -> Allowed:
    """The value of `allow=`: addresses and CIDR ranges with commas between them.

    Raises:
        OptionError: Naming the item that is neither.
    """
    networks: list[Network] = []
    for item in text.split(","):
        try:
            networks.append(ip_network(item, strict=False))
        except ValueError:
            raise OptionError(
                f"{option}: allow={item}: this is no address and no range such as 192.0.2.0/24 or 2001:db8::/32"
            ) from None
    return Allowed(tuple(networks))
