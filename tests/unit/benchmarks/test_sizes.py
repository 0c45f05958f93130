"""Sizes of installations: what belongs to which package, and the table."""

from __future__ import annotations

from pathlib import Path

from benchmarks import sizes


def site_packages(folder: Path) -> Path:
    """Two packages, one with libraries beside it, and a module of one file."""
    for name, size in (
        ("numpy/core.so", 3 << 20),
        ("numpy.libs/blas.so", 1 << 20),
        ("torch/lib/torch.so", 5 << 20),
        ("typing_extensions.py", 1 << 19),
        ("torch-2.13.0+cpu.dist-info/METADATA", 1 << 10),
        ("numpy-2.4.0.dist-info/METADATA", 1 << 10),
    ):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(size))
    (folder / "linked").symlink_to(folder / "torch")
    return folder


def test_libraries_belong_to_their_package_and_links_to_nobody(tmp_path: Path) -> None:
    assert sizes.parts(site_packages(tmp_path)) == {
        "numpy": 4 << 20,
        "torch": 5 << 20,
        "typing_extensions.py": 1 << 19,
    }


def test_an_environment_is_measured_with_its_largest_packages(tmp_path: Path) -> None:
    assert sizes.measured("torch", "", site_packages(tmp_path)) == sizes.Size(
        extras="torch",
        beside="",
        mib=9.5,
        packages=2,
        largest={"torch": 5.0, "numpy": 4.0, "typing_extensions.py": 0.5},
        torch="2.13.0+cpu",
    )


def test_the_table_says_what_to_type_and_what_could_not_be_had() -> None:
    small = sizes.Size("", "", 61.25, 12, {"numpy": 40.0})
    large = sizes.Size("cpu,torch", "", 900.5, 30, {"torch": 750.0}, "2.13.0+cpu")
    none = sizes.Size("torch", "torch==0", reason="No matching distribution")
    lines = sizes.table([small, large, none]).splitlines()
    assert [cell.strip() for cell in lines[1].split("|")] == [
        "leeboard", "61.25", "12", "numpy 40"
    ]  # fmt: skip
    assert lines[2].startswith("leeboard[cpu,torch]      | 900.5 |")
    assert lines[2].endswith("torch 750 (torch 2.13.0+cpu)")
    assert lines[3].startswith("leeboard[torch] torch==0 |     - |")
    assert lines[3].endswith("No matching distribution")
