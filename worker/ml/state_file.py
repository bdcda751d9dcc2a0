"""Arrays out of a PyTorch ``.pth`` file of the old format (before 1.6, not a zip), without PyTorch and without pickle.

The file is a row of pickles (magic number, version, system, the dictionary of tensors, the keys of the storages) and
then the storages themselves: for each an int64 number of elements and the little-endian elements. Pickles are programs;
this module does not run them. It walks over their instructions with ``pickletools``, knows those that build plain
values, and takes exactly three names for what they mean in such a file. Anything else is refused, so a doctored file
can do nothing but be refused.
"""

import math
import pickletools
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from app.domain.errors import AppError

_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001
_STORAGES: dict[str, np.dtype[Any]] = {"torch FloatStorage": np.dtype("<f4"), "torch LongStorage": np.dtype("<i8")}
_DICTIONARY = "collections OrderedDict"
_TENSOR = "torch._utils _rebuild_tensor_v2"
_CONSTANTS = ("LONG1", "BININT", "BININT1", "BININT2", "BINUNICODE")
_NAMES = (_DICTIONARY, _TENSOR, *_STORAGES)
_MARK = object()


@dataclass(frozen=True)
class _Storage:
    kind: np.dtype[Any]
    key: str
    size: int


@dataclass(frozen=True)
class _Tensor:
    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]  # in elements; the file has transposed tensors


def read(path: Path) -> dict[str, NDArray[Any]]:
    """All tensors of the state dictionary in ``path`` by name, float32 or int64, as they are shaped in the file.

    Raises:
        AppError: ``weights_broken`` when the file is not of this format, is cut short or holds anything but tensors.
    """
    try:
        with path.open("rb") as file:
            return _read(file)
    except (OSError, ValueError, KeyError, IndexError, TypeError, AttributeError, struct.error) as error:
        raise AppError("weights_broken", file=path.name, reason=str(error)[:200]) from error


def _read(file: IO[bytes]) -> dict[str, NDArray[Any]]:
    if _value(file) != _MAGIC or _value(file) != _PROTOCOL:
        raise ValueError("not a state file of the old format")
    if not _value(file)["little_endian"]:
        raise ValueError("written on a big-endian machine")
    tensors: dict[str, _Tensor] = _value(file)
    sizes = {tensor.storage.key: tensor.storage for tensor in tensors.values()}
    contents = {key: _elements(file, sizes[key]) for key in _value(file)}
    return {name: _array(tensor, contents[tensor.storage.key]) for name, tensor in tensors.items()}


def _elements(file: IO[bytes], storage: _Storage) -> NDArray[Any]:
    (count,) = struct.unpack("<q", file.read(8))
    if count != storage.size:
        raise ValueError(f"a storage has {count} elements instead of {storage.size}")
    content = file.read(count * storage.kind.itemsize)
    return np.frombuffer(content, storage.kind, count)


def _array(tensor: _Tensor, elements: NDArray[Any]) -> NDArray[Any]:
    if min((tensor.offset, *tensor.shape, *tensor.strides)) < 0 or len(tensor.shape) != len(tensor.strides):
        raise ValueError("a tensor with a shape that cannot be")
    if math.prod(tensor.shape) > len(elements):
        raise ValueError("a tensor is larger than its storage")
    last = sum((count - 1) * stride for count, stride in zip(tensor.shape, tensor.strides, strict=True))
    if tensor.offset + max(last, 0) >= len(elements):
        raise ValueError("a tensor reaches beyond its storage")
    steps = tuple(stride * elements.itemsize for stride in tensor.strides)
    return np.lib.stride_tricks.as_strided(elements[tensor.offset :], tensor.shape, steps).copy()


def _value(file: IO[bytes]) -> Any:
    """The value of the next pickle in ``file``, which stands behind it afterwards."""
    machine = _Machine()
    for instruction, argument, _ in pickletools.genops(file):
        if instruction.name == "STOP":
            return machine.stack.pop()
        machine.step(instruction.name, argument)
    raise ValueError("a part of the file has no end")


class _Machine:
    """The few instructions that plain values, tuples, lists and dictionaries are made of."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self._memory: dict[int, Any] = {}
        self._steps: dict[str, Callable[[], None]] = {
            "PROTO": lambda: None,
            "MARK": lambda: self.stack.append(_MARK),
            "NONE": lambda: self.stack.append(None),
            "NEWTRUE": lambda: self.stack.append(True),
            "NEWFALSE": lambda: self.stack.append(False),
            "EMPTY_DICT": lambda: self.stack.append({}),
            "EMPTY_LIST": lambda: self.stack.append([]),
            "EMPTY_TUPLE": lambda: self.stack.append(()),
            "TUPLE": lambda: self.stack.append(tuple(self._to_mark())),
            "TUPLE1": lambda: self._tuple(1),
            "TUPLE2": lambda: self._tuple(2),
            "APPENDS": lambda: self._append(self._to_mark()),
            "SETITEM": lambda: self._set([self.stack.pop(-2), self.stack.pop()]),
            "SETITEMS": lambda: self._set(self._to_mark()),
            "BINPERSID": lambda: self.stack.append(_storage(self.stack.pop())),
            "REDUCE": self._reduce,
            "BUILD": self._forget,  # attributes of the dictionary: versions of the layers, of no use here
        }

    def step(self, name: str, argument: Any) -> None:
        """Carry out one instruction. Raises ValueError for one that no plain value needs."""
        if name in self._steps:
            self._steps[name]()
        elif name in ("BINPUT", "LONG_BINPUT"):
            self._memory[argument] = self.stack[-1]
        elif name in ("BINGET", "LONG_BINGET"):
            self.stack.append(self._memory[argument])
        elif name in _CONSTANTS or (name == "GLOBAL" and argument in _NAMES):
            self.stack.append(argument)
        else:
            raise ValueError(f"{name} {argument if name == 'GLOBAL' else ''} has no place in a file of weights")

    def _to_mark(self) -> list[Any]:
        start = len(self.stack) - 1 - next(n for n, value in enumerate(reversed(self.stack)) if value is _MARK)
        values = self.stack[start + 1 :]
        del self.stack[start:]
        return values

    def _forget(self) -> None:
        self.stack.pop()

    def _tuple(self, count: int) -> None:
        values = tuple(self.stack[-count:])
        self.stack[-count:] = [values]

    def _append(self, values: list[Any]) -> None:
        self.stack[-1].extend(values)

    def _set(self, values: list[Any]) -> None:
        self.stack[-1].update(zip(values[::2], values[1::2], strict=True))

    def _reduce(self) -> None:
        arguments, name = self.stack.pop(), self.stack.pop()
        if name == _DICTIONARY and arguments == ():
            self.stack.append({})
        elif name == _TENSOR:
            self.stack.append(_tensor(*arguments[:4]))
        else:
            raise ValueError("a call that no tensor needs")


def _storage(description: Any) -> _Storage:
    word, kind, key, _place, size, view = description
    if word != "storage" or view is not None or not isinstance(size, int):
        raise ValueError("a storage that is not described as one")
    return _Storage(_STORAGES[kind], str(key), size)


def _tensor(storage: _Storage, offset: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> _Tensor:
    if not isinstance(storage, _Storage) or not all(isinstance(number, int) for number in (offset, *shape, *strides)):
        raise TypeError("a tensor that is not described as one")
    return _Tensor(storage, offset, tuple(shape), tuple(strides))
