"""The real programs this project is tested against: which, how a machine gets them, where they are.

``python -m tools.peers`` gets them (``make peers``); `locate` finds them. Tests need no more of it.
"""

from tools.peers.catalogue import PEERS, Peer, PeerError, Peers, locate

__all__ = ["PEERS", "Peer", "PeerError", "Peers", "locate"]
