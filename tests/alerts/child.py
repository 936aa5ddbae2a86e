"""A process that delivers what is due in a store to one receiver, to be killed: python child.py STORE URL NOW."""

from __future__ import annotations

import sys

from alerts.deliver import Deliverer
from alerts.registry import read_routes
from store.open import open_store

if __name__ == "__main__":
    place, url, now = sys.argv[1:]
    here = {"allow_private": True, "allow_http": True}
    route = {"name": "hook", "type": "webhook", "url": url, "secret": "correct horse battery staple", **here}
    Deliverer(open_store(place).engine, read_routes([route]), lambda: int(now), jitter=lambda: 0.5).run_once()
