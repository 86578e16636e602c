"""Prints what a program can know of how it was started."""

import os
import sys

if __name__ == "__main__":
    print(sys.argv, __name__, __file__, sys.path[0], __spec__ is None)
    print([entry for entry in sys.path if "kibitz" in entry and "bootstrap" in entry])
    print(sorted(name for name in os.environ if name.startswith("KIBITZ_RUN")), os.environ.get("PYTHONPATH"))
    print(sys.modules["__main__"].__dict__ is globals(), sys.flags.optimize, sys.warnoptions)
