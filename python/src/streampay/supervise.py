"""Runs a command for as long as whoever started this holds its stdin: `python -m streampay.supervise COMMAND …`.

So a daemon or a gateway ends in good order, with its agreements closed, also when the program that started it was killed.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

#: A gateway gives running answers a second, and a daemon closes its agreements.
PATIENCE_S = 60.0


def main(command: list[str]) -> int:
    # Ctrl-C in a terminal reaches every process of its group: the program decides when the command ends, by closing stdin.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform != "win32":
        signal.signal(signal.SIGTERM, lambda *_: os.close(0))
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
    sys.stdout.close()

    def watch() -> None:
        try:
            while os.read(0, 4096):
                pass
        except OSError:
            pass
        child.terminate() if sys.platform == "win32" else child.send_signal(signal.SIGINT)
        try:
            child.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            child.kill()

    threading.Thread(target=watch, daemon=True).start()
    code = child.wait()
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    status = main(sys.argv[1:])
    # The watching thread may sit in a read, which an orderly exit would wait for.
    os._exit(status)
