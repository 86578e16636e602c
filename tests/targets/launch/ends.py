"""Ends in the way its argument names."""

import atexit
import os
import signal
import sys
import threading
import time


def deep(n):
    if n == 0:
        raise ValueError("at the bottom")
    deep(n - 1)


how = sys.argv[1]
atexit.register(print, "atexit ran", flush=True)
if how == "status":
    sys.exit(3)
elif how == "message":
    sys.exit("a message")
elif how == "exception":
    deep(3)
elif how == "hard":
    print("leaving", flush=True)
    os._exit(7)
elif how in ("SIGINT", "SIGTERM", "SIGKILL"):
    os.kill(os.getpid(), getattr(signal, how))
    time.sleep(10)
elif how == "handled":
    signal.signal(signal.SIGTERM, lambda *args: sys.exit(9))
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(10)
elif how == "thread":
    threading.Thread(target=lambda: (time.sleep(0.2), print("thread done"))).start()
elif how == "daemon":
    threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
elif how == "missing":
    import no_such_module_anywhere  # noqa: F401
