"""Delegates: libraries that run a model, or part of it, on an accelerator."""

from __future__ import annotations

import ctypes
import re
import struct
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..common.errors import DelegateError, OptionError

#: The Edge TPU's library, as Google's packages install it on Linux.
EDGETPU_LIBRARY = "libedgetpu.so.1"
#: The operator that edgetpu_compiler puts in the place of all that it compiled.
EDGETPU_OPERATOR = b"edgetpu-custom-op"
#: What ``device`` may be for libedgetpu: the first of a kind, or the N-th of all.
_EDGETPU = re.compile(r"edgetpu(?::(usb|pci|\d+))?")
_SYMBOL = "tflite_plugin_create_delegate"
#: e_machine of an ELF file, in the words that people use.
_MACHINES = {3: "x86", 40: "Arm, 32 bit", 62: "x86-64", 183: "Arm, 64 bit (aarch64)", 243: "RISC-V"}


@dataclass(frozen=True)
class DelegateSpec:
    """A delegate and its options.

    Args:
        name: as the user called it, for messages.
        library: path, or a name that the system's loader finds.
        options: key and value, for the library.
    """

    name: str
    library: str
    options: tuple[tuple[str, str], ...] = ()

    @classmethod
    def parse(cls, text: str, options: Sequence[str] = ()) -> DelegateSpec:
        """Read ``edgetpu``, ``edgetpu:usb``, ``edgetpu:pci``, ``edgetpu:N`` or the path of a library.

        Args:
            text: the name.
            options: each ``key=value``.

        Raises:
            OptionError: not of these forms.
        """
        pairs = [option.partition("=") for option in options]
        if wrong := [option for option, (key, equals, _) in zip(options, pairs, strict=True) if not (key and equals)]:
            raise OptionError("a delegate option is malformed", expected="key=value", got=repr(wrong[0]))
        own = tuple((key, value) for key, _, value in pairs)
        if match := _EDGETPU.fullmatch(text):
            device = match[1] or ""
            place = (("device", f":{device}" if device.isdigit() else device),) if device else ()
            return cls(text, EDGETPU_LIBRARY, (*place, *own))
        if not text or text.startswith("edgetpu:"):
            raise OptionError(
                "unknown delegate", expected="edgetpu, edgetpu:usb, edgetpu:pci, edgetpu:N or a path", got=repr(text)
            )
        return cls(text, text, own)


def open_delegate(spec: DelegateSpec, load: Callable[[str, dict[str, str]], Any]) -> Any:
    """Load a delegate.

    The library is opened by hand first, because what the runtimes say of one that cannot be opened is misleading.

    Args:
        spec: delegate and options.
        load: the runtime's ``load_delegate``.

    Returns:
        The runtime's handle; it must live as long as the interpreter.

    Raises:
        DelegateError: no such library, for another machine, not a library, not a delegate, or no device.
    """
    _check_file(spec)
    try:
        library = ctypes.CDLL(spec.library)
    except OSError as error:
        raise _unloadable(spec, str(error)) from error
    if not hasattr(library, _SYMBOL):
        raise DelegateError(
            f"{spec.library} is not a delegate", expected=f"a library with {_SYMBOL}", hint="name another library"
        )
    try:
        return load(spec.library, dict(spec.options))
    except (ValueError, RuntimeError, OSError) as error:
        # The runtimes put "Failed to load delegate from PATH" before what the library says, often nothing.
        said = " ".join(str(error).replace(f"Failed to load delegate from {spec.library}", "").split())
        why = f" ({said})" if said else ""
        raise DelegateError(
            f"the delegate {spec.name} cannot be started, most likely it finds no device{why}",
            hint="plug the accelerator in, wait some seconds, and see that you may use it",
        ) from error


def is_compiled(model: bytes) -> bool:
    """Return whether a .tflite was compiled for the Edge TPU, so that only its delegate can run it."""
    return EDGETPU_OPERATOR in model


def uncompiled_path(path: Path) -> Path:
    """Return the model from which edgetpu_compiler made ``NAME_edgetpu.tflite``: ``NAME.tflite`` beside it."""
    return path.with_name(path.name.removesuffix("_edgetpu.tflite") + ".tflite")


def delegate_refused(spec: DelegateSpec, path: Path, error: object) -> DelegateError:
    """Return the error for a delegate that does not take a model."""
    said = " ".join(str(error).split())[:160]
    return DelegateError(f"the delegate {spec.name} refuses {path} ({said})", hint="compile the model for it again")


def needs_delegate(path: Path) -> DelegateError:
    """Return the error for a compiled model that was to run without its delegate."""
    known = f" ({uncompiled_path(path).name})" if path.name.endswith("_edgetpu.tflite") else ""
    return DelegateError(
        f"{path} is compiled for the Edge TPU and cannot run without it",
        hint=f"give --delegate edgetpu, or use the model from which it was compiled{known}",
    )


def delegate_lost(spec: DelegateSpec, error: object) -> DelegateError:
    """Return the error for a delegate that failed while it ran."""
    said = " ".join(str(error).split())[:160]
    return DelegateError(f"the delegate {spec.name} lost its device ({said})", hint="plug it in again and restart")


def _check_file(spec: DelegateSpec) -> None:
    if "/" not in spec.library:
        return
    path = Path(spec.library)
    if not path.is_file():
        raise DelegateError(f"the delegate {path} is not there", expected="a shared library", hint="check the path")
    elf, ours = _Elf.read(path), _Elf.read(Path(sys.executable))
    if elf is None:
        raise DelegateError(f"{path} is not a shared library", expected="an ELF file", hint="install it again")
    if ours is not None and (elf.bits, elf.machine) != (ours.bits, ours.machine):
        raise DelegateError(
            f"{path} is for another kind of processor",
            expected=str(ours),
            got=str(elf),
            hint="install the one for this",
        )
    if path.stat().st_size < elf.length:
        # The system's loader would die of it by SIGBUS.
        raise DelegateError(
            f"{path} is cut", expected=f"{elf.length:,} bytes", got=f"{path.stat().st_size:,}", hint="install it again"
        )


@dataclass(frozen=True)
class _Elf:
    """What the head of an ELF file says.

    Args:
        bits: 1 for 32, 2 for 64.
        machine: kind of processor.
        length: least bytes of the file; the table of its sections comes last.
    """

    bits: int
    machine: int
    length: int

    def __str__(self) -> str:
        return _MACHINES.get(self.machine, f"machine {self.machine}")

    @classmethod
    def read(cls, path: Path) -> _Elf | None:
        """Read the header of an ELF file; None when the file is no ELF file."""
        try:
            with path.open("rb") as stream:
                head = stream.read(64)
        except OSError:
            return None
        if len(head) < 64 or head[:4] != b"\x7fELF":
            return None
        order = "<" if head[5] == 1 else ">"
        (machine,) = struct.unpack_from(f"{order}H", head, 18)
        wide = head[4] == 2
        (sections,) = struct.unpack_from(f"{order}Q" if wide else f"{order}I", head, 40 if wide else 32)
        size, count = struct.unpack_from(f"{order}HH", head, 58 if wide else 46)
        return cls(head[4], machine, sections + size * count)


def _unloadable(spec: DelegateSpec, said: str) -> DelegateError:
    missing, _, reason = said.partition(": ")
    if "No such file" in reason and Path(missing).name == Path(spec.library).name:
        hint = "check the name"
        if spec.library == EDGETPU_LIBRARY:
            hint = (
                "install libedgetpu1-std as coral.ai describes, for this kind of processor, or give the library's path"
            )
        return DelegateError(f"the delegate {spec.name} is not installed ({missing} is not found)", hint=hint)
    if "No such file" in reason:
        hint = "install it (for libusb: apt-get install libusb-1.0-0)"
        return DelegateError(f"the delegate {spec.name} needs {missing}, which is not installed", hint=hint)
    return DelegateError(
        f"the delegate {spec.name} cannot be loaded ({' '.join(said.split())})", hint="install it again"
    )
