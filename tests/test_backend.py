"""python -m pytest tests/test_backend.py"""

import keras

from lib import backend


def test_the_processor_is_named_with_its_cores():
    assert backend.device().startswith(("CPU: ", "GPU: "))
    assert "core" in backend.device() or "GPU" in backend.device()


def test_a_gpu_is_named_with_its_memory(monkeypatch, tmp_path):
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\necho 'NVIDIA H200, 143771 MiB'\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr(keras.distribution, "list_devices", lambda: ["gpu:0"])
    assert backend.device().startswith("GPU: NVIDIA H200, 143771 MiB (")
    tool.write_text("#!/bin/sh\nexit 9\n")
    assert backend.device().startswith("GPU: gpu:0 (")


def test_the_environment_says_what_a_figure_depends_on():
    assert {"device", "python", "keras", "backend", "numpy"} <= set(backend.environment())
