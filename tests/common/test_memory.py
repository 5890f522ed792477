"""Free memory. python -m pytest tests/common/test_memory.py"""

import subprocess

import pytest

from lib.common import memory


def test_this_process_occupies_memory_and_more_is_free():
    assert 0 < memory.used_memory() < memory.total_memory()
    assert 0 < memory.free_memory() <= memory.total_memory()


@pytest.mark.parametrize("version", [0, 1])
def test_the_limit_of_a_container_counts_but_not_its_cached_files(tmp_path, version):
    limit, usage, statistics = memory.CONTROL_GROUPS[version]
    (tmp_path / limit).parent.mkdir(exist_ok=True)
    (tmp_path / limit).write_text("1000\n")
    (tmp_path / usage).write_text("700\n")
    (tmp_path / statistics).write_text("anon 5\ninactive_file 100\n")
    assert memory._free_in_control_group(tmp_path) == 400
    (tmp_path / limit).write_text("max\n")
    assert memory._free_in_control_group(tmp_path) is None


def test_the_memory_of_the_largest_gpu(monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(memory.shutil, "which", lambda name: name)
    outputs = iter(["100\n300\n", "", "no devices"])

    def run(command, **options):
        return subprocess.CompletedProcess(command, 0, stdout=next(outputs))

    monkeypatch.setattr(memory.subprocess, "run", run)
    sizes = []
    for _ in range(3):
        memory.gpu_memory.cache_clear()
        sizes.append(memory.gpu_memory())
    memory.gpu_memory.cache_clear()
    assert sizes == [300 << 20, 0, 0]
