"""What the fault matrix says below its tables: kills at random moments."""

from __future__ import annotations

__all__ = ["FOOT"]

FOOT = """\
## Kills at random moments

Real processes are killed (SIGKILL) at moments drawn from a printed seed and run again until
everything is there: 200 times in `make test` (`AIRGAP_KILLS=200`), 25 times by default, half of
them fetching and half pushing. An image with layers of 24, 12, 6, 3 and 1 MiB and a boot asset of
18 MiB, four streams, each at most 40 MiB/s. Nine kills in ten fall after the first bytes have come.

Asserted after every kill, by readers that share no code with the product: each visible blob has
its digest, each name reaches whole content, the tag is absent or everything below it is there. At
the end every byte is compared. And what each kill may cost:

- fetch: the bytes the client received, less the growth of what is kept (whole blobs, and the ranges
  that journals note). Asserted: at most 3 MiB a stream, which with a buffer of 1 MiB (below) is one
  chunk of 4 MiB.
- push: the bytes the registry received, less the growth of what it keeps (whole blobs, and the
  uploads that the next run goes on with). Asserted: at most a chunk of 4 MiB a stream, for blobs up
  to that size are sent anew; of a larger one nothing is lost.

Why not the sender's count everywhere: the sockets' buffers in the kernel hold up to some MiB that
a server has "sent" and a killed client never read. So downloads are counted where the client reads
them. It reads into a buffer of 1 MiB a stream, and counts a buffer when it is full: what a kill
finds in a half-full one is in no count, so 1 MiB a stream is taken off the bound. What a killed
client has sent, its kernel still delivers: so uploads are counted where the registry reads them.

`tests/faults/test_kills_large.py` kills a fetch and a push of 800 MiB (eight layers) twice each, at
a random byte. Asserted: a kill costs at most 2 % of the content, the four buffers of 1 MiB counted
as lost in full.

`tests/faults/test_kills_peers.py` does it with distribution v3 and docker-registry 2.8 over TLS
(142 MiB, 20 kills each in `make test`, 6 by default). Asserted: never half an image by the API,
each blob on the registry's disk has its digest, everything is there at the end, and in all at most
4 MiB (distribution) or the largest blob, 24 MiB (docker-registry, which drops a cut upload: row
above) is sent again for each stream of each kill.
"""
