"""Holds many HTTP downloads open at once and checks every byte.

Run inside a namespace:  python3 downloads.py URL --count 50 [--avoid web3]
Prints {"running": {"web1": 20, ...}} as soon as all have received their headers (those served by --avoid are given up
and begun again until another server answers), and at the end a JSON list with one object per download:
{"backend", "bytes", "sha256", "error"}.
"""

import argparse
import collections
import hashlib
import json
import selectors
import socket
import sys
import time
import urllib.parse


class Download:
    """One request over a connection of its own."""

    def __init__(self, url):
        self.backend = None
        self.error = None
        self.received = 0
        self.length = None
        self._head = b""
        self._hash = hashlib.sha256()
        where = urllib.parse.urlsplit(url)
        self.sock = socket.create_connection((where.hostname, where.port or 80), timeout=10)
        host = where.netloc
        self.sock.sendall(f"GET {where.path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        self.sock.setblocking(False)

    def read(self):
        """Returns True when the download is over."""
        try:
            data = self.sock.recv(1 << 18)
        except BlockingIOError:
            return False
        except OSError as error:
            self.error = str(error)
            return True
        if not data:
            if self.received != self.length:
                self.error = f"closed after {self.received} of {self.length} bytes"
            return True
        if self.length is None:
            self._head += data
            if b"\r\n\r\n" not in self._head:
                return False
            head, data = self._head.split(b"\r\n\r\n", 1)
            self._take_head(head.decode("latin-1"))
        self.received += len(data)
        self._hash.update(data)
        return self.received == self.length

    def _take_head(self, head):
        lines = head.split("\r\n")
        fields = {k.lower(): v for k, v in (l.split(": ", 1) for l in lines[1:] if ": " in l)}
        if " 200 " not in lines[0] + " ":
            self.error = lines[0]
        self.length = int(fields.get("content-length", 0))
        self.backend = fields.get("x-backend", "?")

    def result(self):
        return {"backend": self.backend, "bytes": self.received, "sha256": self._hash.hexdigest(),
                "error": self.error}


class Crowd:
    """`count` downloads at a time on servers other than `avoid`."""

    def __init__(self, url, avoid, deadline):
        self.url = url
        self.avoid = avoid
        self.deadline = deadline
        self.selector = selectors.DefaultSelector()
        self.live = set()
        self.done = []

    def add(self):
        download = Download(self.url)
        self.live.add(download)
        self.selector.register(download.sock, selectors.EVENT_READ, download)

    def drop(self, download):
        self.selector.unregister(download.sock)
        download.sock.close()
        self.live.discard(download)

    def step(self, seconds=0.5):
        if time.monotonic() > self.deadline:
            raise TimeoutError
        for key, _ in self.selector.select(seconds):
            download = key.data
            over = download.read()
            if self.avoid and download.backend == self.avoid:
                self.drop(download)
                self.add()
            elif over:
                self.drop(download)
                self.done.append(download)


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("url")
    options.add_argument("--count", type=int, default=50)
    options.add_argument("--avoid", default=None)
    options.add_argument("--seconds", type=float, default=60, help="give up after this time")
    args = options.parse_args()
    crowd = Crowd(args.url, args.avoid, time.monotonic() + args.seconds)
    try:
        for _ in range(args.count):
            crowd.add()
            crowd.step(0)
        while any(d.backend is None for d in crowd.live):
            crowd.step()
        print(json.dumps({"running": collections.Counter(d.backend for d in crowd.live)}), flush=True)
        while crowd.live:
            crowd.step()
    except TimeoutError:
        for download in crowd.live:
            download.error = f"unfinished after {args.seconds:g} s: {download.received} of {download.length} bytes"
            crowd.done.append(download)
    print(json.dumps([d.result() for d in crowd.done]), flush=True)
    return 0 if len(crowd.done) == args.count and not any(d.error for d in crowd.done) else 1


if __name__ == "__main__":
    sys.exit(main())
