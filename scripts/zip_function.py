"""Zips the program of a Lambda function. The same program gives the same bytes.

usage: zip_function.py BOOTSTRAP ZIP
"""

import sys
import zlib
from pathlib import Path
from struct import pack

from deflate import deflate_compress

NAME = b"bootstrap"
# The earliest time that a zip can store, instead of the time of the build.
TIME, DATE = 0, 1 << 5 | 1
DEFLATED, VERSION, UNIX, EXECUTABLE = 8, 20, 3, 0o100755
BEST = 12


def zipped(program: bytes) -> bytes:
    """Zip with the program as its only file. The output of the module `zipfile` would depend on the zlib of its Python."""
    data = deflate_compress(program, BEST)
    about = pack("<HHHHHLLLHH", VERSION, 0, DEFLATED, TIME, DATE, zlib.crc32(program), len(data), len(program), len(NAME), 0)
    local = b"PK\x03\x04" + about + NAME + data
    attributes = pack("<HHHLL", 0, 0, 0, EXECUTABLE << 16, 0)
    central = b"PK\x01\x02" + pack("<H", UNIX << 8 | VERSION) + about + attributes + NAME
    end = b"PK\x05\x06" + pack("<HHHHLLH", 0, 0, 1, 1, len(central), len(local), 0)
    return local + central + end


def main() -> None:
    """Writes the zip."""
    program, file = map(Path, sys.argv[1:])
    file.write_bytes(zipped(program.read_bytes()))


if __name__ == "__main__":
    main()
