"""What a worker process runs: trials that the driver sends, one after the other.

A fresh interpreter runs it as a script. It does not import the driver's main module, which
therefore does not need ``if __name__ == "__main__"``, nor sparktune, so that it starts quickly.
"""

import contextlib
import errno
import os
import pickle
import sys
import time
from multiprocessing.connection import Connection

UNREACHABLE = 76
"""The exit code of a worker whose connection to the driver its objective has closed."""


def main(descriptor: int) -> None:
    """Serve the driver at the other end of a socket, until it hangs up."""
    driver = Connection(descriptor)
    # Not for the processes that an objective starts: they would hide this one's end.
    os.set_inheritable(descriptor, False)
    os.register_at_fork(after_in_child=driver.close)
    try:
        path, argv, task = pickle.loads(driver.recv_bytes())
        sys.path[:], sys.argv[:] = path, argv
        run = pickle.loads(task)
        while True:
            seconds, payloads = pickle.loads(driver.recv_bytes())
            begun = time.monotonic()
            for place, payload in enumerate(payloads):
                if place and seconds is not None and time.monotonic() - begun > seconds:
                    driver.send_bytes(b"")  # the others do not begin
                    break
                (answer,) = run([payload])
                for stream in (sys.stdout, sys.stderr):  # else lost if the process is killed
                    with contextlib.suppress(Exception):
                        stream.flush()
                driver.send_bytes(answer)
                del answer  # may be large, and the next trial may be far off
    except (EOFError, ConnectionError):
        pass  # the driver has closed the search, or is gone
    except OSError as error:
        if error.errno != errno.EBADF:
            raise
        os._exit(UNREACHABLE)  # the objective has closed our descriptor


if __name__ == "__main__":
    main(int(sys.argv[1]))
