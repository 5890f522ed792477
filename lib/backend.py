"""The hardware that trains, named for people. The one module that may touch a backend; so far Keras answers all of it."""

import importlib.util
import os
import platform
import shutil
import subprocess

import keras
import numpy
import sklearn

from lib.errors import UserError


def device() -> str:
    """What Keras trains on: each GPU with its memory, or the processor with the cores that this process may use."""
    accelerators = [name for name in keras.distribution.list_devices() if not name.startswith("cpu")]
    if accelerators:
        return f"GPU: {_gpu_names() or ', '.join(accelerators)} ({_backend()})"
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"CPU: {_processor()}, {cores} core{'s' if cores != 1 else ''} ({_backend()})"


def environment() -> dict:
    """What a figure in `run.json` depends on besides its hyperparameters."""
    return {
        "device": device(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "keras": keras.__version__,
        "backend": keras.backend.backend(),
        "numpy": numpy.__version__,
        "scikit-learn": sklearn.__version__,
    }


def require_tensorboard() -> None:
    """Refuse a TensorBoard log where what writes it is missing: Keras's callback needs both packages on any backend."""
    missing = [name for name in ("tensorflow", "tensorboard") if importlib.util.find_spec(name) is None]
    if missing:
        raise UserError(f"--tensorboard needs a package that is not installed: pip install {' '.join(missing)}")


def _backend() -> str:
    return {"tensorflow": "TensorFlow", "jax": "JAX", "torch": "PyTorch"}.get(keras.backend.backend(), keras.backend.backend())


def _gpu_names() -> str:
    if not shutil.which("nvidia-smi"):
        return ""
    query = ["nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader"]
    answer = subprocess.run(query, capture_output=True, text=True, check=False, timeout=20)
    return "; ".join(line.strip() for line in answer.stdout.splitlines()) if answer.returncode == 0 else ""


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            return next(line.split(":")[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
