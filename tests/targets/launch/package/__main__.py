"""What `-m package` runs."""

import sys

from . import __doc__ as text

print(sys.argv[1:], __name__, __package__, text)
