from array import array
from typing import Any

from numpy.typing import NDArray

_Column = array[int] | NDArray[Any]

def path_keys(parent: _Column, frame: _Column, line: _Column, secret: int, keys: _Column, /) -> None: ...
def find(wanted: _Column, keys: _Column, slots: _Column, found: _Column, /) -> None: ...
