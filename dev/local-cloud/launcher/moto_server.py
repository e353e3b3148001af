"""Runs the moto server with corrections, until the process that started it ends."""

import os
import sys
import threading

# Nobody starts an instance here, and to make up 1,300 images takes most of the time of a reset.
os.environ["MOTO_EC2_LOAD_DEFAULT_AMIS"] = "false"

import moto_patches
from moto.server import main


def watch() -> None:
    while sys.stdin.buffer.read(4096):
        pass
    os._exit(0)


threading.Thread(target=watch, name="parent-watch", daemon=True).start()
moto_patches.install()
main(sys.argv[1:])
