"""Settings that have to be in place before torch is imported, the probe for the number format, and memory."""

import ctypes
import gc
import os
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def prepare_runtime(threads: int | None = None) -> None:
    """Sets thread and wait policy. Call it before anything imports torch.

    Spinning OpenMP workers make torch several to a hundred times slower when two processes share the cores, so
    waiting threads sleep instead (costs about a tenth when alone).

    Args:
        threads: Number of torch threads; None leaves torch's default (all cores).
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    # Asleep at once they cost a fifth of decoding, whose operations are short: so they wait some microseconds first.
    os.environ.setdefault("GOMP_SPINCOUNT", "30000")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")
    if threads is not None:
        os.environ["OMP_NUM_THREADS"] = str(threads)


@cache
def compute_dtype() -> "torch.dtype":
    """Returns bfloat16 where the hardware multiplies it natively, float32 elsewhere.

    `TRAITRL_DTYPE=float32` (or bfloat16) overrides the probe. The probe reads capability flags and not timings,
    so that a resumed run takes the same decision.
    """
    import torch

    forced = os.environ.get("TRAITRL_DTYPE")
    if forced:
        return {"float32": torch.float32, "bfloat16": torch.bfloat16}[forced]
    if torch.cuda.is_available():
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    return torch.bfloat16 if has_native_bfloat16() else torch.float32


def has_native_bfloat16() -> bool:
    """Returns whether the processor multiplies bfloat16 itself."""
    import torch

    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()  # pyright: ignore[reportPrivateUsage]


def device() -> str:
    """Returns the device on which models run: cuda when there is one, else cpu."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def reset_peak_memory() -> None:
    """Starts the peak anew for the stage that begins, where the system can (Linux); elsewhere it stays the run's."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak_memory_mb() -> float:
    """Returns the peak resident memory of this process in megabytes since `reset_peak_memory`."""
    with suppress(OSError, StopIteration):
        lines = Path("/proc/self/status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("VmHWM:")).split()[1]) / 1024
    import resource

    unit = 1024**2 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def trim_memory() -> None:
    """Gives freed memory back to the system: glibc keeps gigabytes of it after a backward pass."""
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            ctypes.CDLL("libc.so.6").malloc_trim(0)


def release_memory() -> None:
    """Frees what only cycles hold, as trainers do, and gives all freed memory back."""
    gc.collect()
    trim_memory()
