"""Files with known content, to be served and compared."""

import hashlib
import os
import random

MIB = 1 << 20


def fixed(path, size, seed):
    """Writes `size` bytes that only depend on the seed; returns their SHA-256."""
    data = random.Random(seed).randbytes(size)
    path.write_bytes(data)
    os.chmod(path, 0o644)
    return hashlib.sha256(data).hexdigest()


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()
