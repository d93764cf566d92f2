"""Which of a machine's network interfaces leads to an address."""

from __future__ import annotations

import fcntl
import socket
import struct
from contextlib import suppress

_SIOCGIFADDR = 0x8915
"""Linux's request for the IPv4 address of an interface (netdevice(7))."""


def interface_to(address: str) -> str | None:
    """The name of the interface that this machine reaches an address by: `lo`, `eth0`.

    None where that cannot be told, and the libraries have to find one themselves.
    """
    with suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        # Nothing is sent: the system only looks up the way.
        probe.connect((address, 9))
        own = probe.getsockname()[0]
        for _, name in socket.if_nameindex():
            with suppress(OSError):
                # struct ifreq: the name in 16 bytes, then a sockaddr_in with the address from 4.
                asked = struct.pack("256s", name.encode()[:15])
                found = fcntl.ioctl(probe.fileno(), _SIOCGIFADDR, asked)
                if socket.inet_ntoa(found[20:24]) == own:
                    return name
    return None
