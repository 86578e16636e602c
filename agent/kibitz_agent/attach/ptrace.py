"""One stopped thread of another process, by ptrace through ctypes: its registers, its memory, calls made on it.

Only the general registers are read and written. (Debuggers also write the vector state, and old ones fail at that on
processors whose state has grown, leaving the target with half its registers: measured, it dies.) x86-64 Linux.
"""

from __future__ import annotations

import ctypes
import os
import signal
import struct
import time
from contextlib import suppress
from types import TracebackType

from kibitz_agent.attach.errors import AttachError
from kibitz_agent.attach.target import Target

_CONT, _GETREGS, _SETREGS, _DETACH, _SEIZE, _INTERRUPT = 7, 12, 13, 17, 0x4206, 0x4207
_EVENT_STOP = 128
_WAIT_ANY_CHILD = 0x40000000
_STOP_TIMEOUT_S = 2.0
# A call that waits for the interpreter's lock cannot be taken back half way: it is given all the time it needs.
_CALL_TIMEOUT_S = 600.0
_POLL_S = 0.00005
_NO_RESTART = 0xFFFFFFFFFFFFFFFF
_DIRECTION_FLAG = 0x400
_RED_ZONE = 4096
_CRASHES = (signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGFPE, signal.SIGABRT)
_SYSCALL_THEN_TRAP, _TRAP = b"\x0f\x05\xcc", b"\xcc"
_PATCH_SIZE = 16
_MMAP = 9
_READ_WRITE, _PRIVATE_ANONYMOUS = 3, 0x22


# In the order of the kernel's struct user_regs_struct.
_REGISTER_NAMES = """
r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax rip cs eflags rsp ss fs_base gs_base ds es fs gs
"""


class _Registers(ctypes.Structure):
    _fields_ = [(name, ctypes.c_ulonglong) for name in _REGISTER_NAMES.split()]


def _ptrace(request: int, thread: int, data: int = 0) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.restype = ctypes.c_long
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    if libc.ptrace(request, thread, 0, data) == -1:
        number = ctypes.get_errno()
        raise OSError(number, f"{os.strerror(number)} (ptrace request {request:#x})")


class StoppedThread:
    """A process's main thread, stopped for the length of a ``with`` block and then put back exactly as it was.

    The other threads keep running, so no lock that one of them holds can make a call on this one wait for ever.
    """

    def __init__(self, target: Target) -> None:
        """Nothing is touched before the ``with`` block begins."""
        self._pid = target.pid
        self._spot = _end_of_code(target)
        self._signals: list[int] = []

    def __enter__(self) -> StoppedThread:
        _ptrace(_SEIZE, self._pid)
        try:
            _ptrace(_INTERRUPT, self._pid)
            self._wait_stop(_STOP_TIMEOUT_S)
            self._saved = self._registers()
            self._memory = open(f"/proc/{self._pid}/mem", "r+b", buffering=0)
            self._patched = self._read(self._spot, _PATCH_SIZE)
        except BaseException:
            self._detach()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            self._write(self._spot, self._patched)
            self._set_registers(self._saved)
        finally:
            self._memory.close()
            self._detach()
            for number in self._signals:
                os.kill(self._pid, number)

    def place(self, data: bytes) -> int:
        """Put ``data`` in fresh memory of the target and return its address. 4 KiB pages, never freed."""
        size = (len(data) + 4095) & ~4095
        address = self._system_call(_MMAP, 0, size, _READ_WRITE, _PRIVATE_ANONYMOUS, _NO_RESTART, 0)
        if address > 0xFFFFFFFFFFFFF000:
            raise AttachError(f"the target has no memory left: mmap answered {address - (1 << 64)}")
        self._write(address, data)
        return address

    def call(self, function: int, *arguments: int) -> int:
        """Call a C function of the target on this thread with up to six integers; its result as a C int."""
        self._write(self._spot, _TRAP)
        registers = self._for_run(
            function, dict(zip(("rdi", "rsi", "rdx", "rcx", "r8", "r9"), arguments, strict=False))
        )
        registers.eflags &= ~_DIRECTION_FLAG
        registers.rsp -= 8
        self._write(registers.rsp, struct.pack("<Q", self._spot))
        return ctypes.c_int(self._run(registers) & 0xFFFFFFFF).value

    def _system_call(self, number: int, *arguments: int) -> int:
        self._write(self._spot, _SYSCALL_THEN_TRAP)
        values = dict(zip(("rdi", "rsi", "rdx", "r10", "r8", "r9"), arguments, strict=False))
        return self._run(self._for_run(self._spot, {"rax": number, **values}))

    def _for_run(self, address: int, values: dict[str, int]) -> _Registers:
        registers = _Registers.from_buffer_copy(self._saved)
        # With orig_rax at -1 the kernel does not take our stop for an interrupted system call to restart; the saved
        # registers, put back whole at the end, make it restart the real one.
        registers.orig_rax = _NO_RESTART
        registers.rax = 0
        registers.rip = address
        registers.rsp = (self._saved.rsp - _RED_ZONE) & ~0xF
        for name, value in values.items():
            setattr(registers, name, value & 0xFFFFFFFFFFFFFFFF)
        return registers

    def _run(self, registers: _Registers) -> int:
        self._set_registers(registers)
        _ptrace(_CONT, self._pid)
        while True:
            status = self._wait_stop(_CALL_TIMEOUT_S)
            number, event = os.WSTOPSIG(status), status >> 16
            if number == signal.SIGTRAP and event == 0:
                return int(self._registers().rax)
            if number in _CRASHES and event == 0:
                raise AttachError(
                    f"a call in process {self._pid} raised {signal.Signals(number).name}; it was undone"
                )
            if event != _EVENT_STOP:
                self._signals.append(number)  # meant for the target: it gets it afterwards
            _ptrace(_CONT, self._pid)

    def _wait_stop(self, timeout_s: float) -> int:
        end = time.monotonic() + timeout_s
        while True:
            pid, status = os.waitpid(self._pid, os.WNOHANG | _WAIT_ANY_CHILD)
            if pid and (os.WIFEXITED(status) or os.WIFSIGNALED(status)):
                raise AttachError(f"process {self._pid} ended meanwhile")
            if pid:
                return status
            if time.monotonic() > end:
                raise AttachError(
                    f"process {self._pid} did not stop within {timeout_s:g} s; nothing was changed"
                )
            time.sleep(_POLL_S)

    def _registers(self) -> _Registers:
        registers = _Registers()
        _ptrace(_GETREGS, self._pid, ctypes.addressof(registers))
        return registers

    def _set_registers(self, registers: _Registers) -> None:
        _ptrace(_SETREGS, self._pid, ctypes.addressof(registers))

    def _detach(self) -> None:
        with suppress(ProcessLookupError):  # it ended
            _ptrace(_DETACH, self._pid)

    def _read(self, address: int, size: int) -> bytes:
        return os.pread(self._memory.fileno(), size, address)

    def _write(self, address: int, data: bytes) -> None:
        os.pwrite(self._memory.fileno(), data, address)


def _end_of_code(target: Target) -> int:
    """A place for two instructions: the padding at the end of an executable mapping, restored afterwards."""
    executable = target.executable()
    for mapping in target.mappings():
        if (
            "x" in mapping.permissions
            and mapping.path
            and (mapping.path == executable or "python" in mapping.path)
        ):
            return mapping.end - _PATCH_SIZE
    raise AttachError(f"process {target.pid}: no executable mapping of the interpreter found")
