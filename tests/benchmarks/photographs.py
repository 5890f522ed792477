"""Folder of 84 photographs from packages of Debian, for the figures in docs/results.md.

    python -m tests.benchmarks.photographs FOLDER [--side 1024]

Needs `apt-get` and `dpkg-deb`, no rights of an administrator, and about 300 MB for a short time. Each
photograph is reduced to a longer side of at most `--side` pixels and saved as PNG, so that noise and traces
of compression are small beside those that a task adds.
"""

import argparse
import subprocess
import tempfile
from pathlib import Path

from PIL import Image, ImageOps

# The photographs of each package, by the beginnings of their names (graphics are not taken).
PHOTOGRAPHS = {
    "forensics-samples-files": "IMG",
    "lomiri-wallpapers-16.04": (
        "Bridge Dragonfly Picture_0B Picture_1A Wine_by aitzgorri analogpattern free_by friends greentock "
        "life picosdeeuropa seeding sunset"
    ),
    "lomiri-wallpapers-20.04": "Kleiber",
    "lxqt-themes": (
        "Butterfly-Kenneth Valendas after-the-rain appleflower beam butterfly cloud drop flowers fog.jpg "
        "this-is-not-windows"
    ),
    "mate-backgrounds": (
        "Blinds Dune Garden GreenMeadow LadyBird RainDrops Storm TwoWings Wood.jpg YellowFlower"
    ),
    "opencv-doc": (
        "000.jpg aero1 aloeL apple.jpg baboon board.jpg building.jpg butterfly.jpg chicky_512 fruits.jpg "
        "graf1 home.jpg leuvenA messi5 orange.jpg plant.jpg rubberwhale1 scenetext0 squirrel_cls stuff.jpg"
    ),
    "plasma-workspace-wallpapers": (
        "Autumn BytheWater ColdRipple ColorfulCups EveningGlow FallenLeaf Grey Kite OneStandsOut Path "
        "summer_1am"
    ),
    "python3-skimage": "astronaut chelsea coffee motorcycle_left retina rocket",
}
ONLY_IN = {"opencv-doc": "examples", "python3-skimage": "skimage/data"}
WALLPAPER = "2560x1600.jpg"  # in a folder of the wallpaper's name


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--side", type=int, default=1024, help="longest side, in pixels (default: 1024)")
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    for package, names in PHOTOGRAPHS.items():
        with tempfile.TemporaryDirectory() as temporary:
            unpack(package, temporary)
            for path in sorted(Path(temporary, "files").rglob("*")):
                if (name := photograph_name(package, names, path)) and (image := read(path)):
                    image.thumbnail((args.side, args.side), Image.Resampling.LANCZOS)
                    image.save(args.folder / f"{name}.png")
    print(f"{len(list(args.folder.glob('*.png')))} photographs in {args.folder}")


def unpack(package: str, folder: str) -> None:
    subprocess.run(["apt-get", "download", "-q", package], cwd=folder, check=True, capture_output=True)
    (archive,) = Path(folder).glob("*.deb")
    subprocess.run(["dpkg-deb", "-x", archive, Path(folder, "files")], check=True)


def photograph_name(package: str, names: str, path: Path) -> str:
    """The name of the photograph in a file of a package; empty for other files."""
    if path.suffix.lower() not in (".jpg", ".png") or ONLY_IN.get(package, "") not in str(path):
        return ""
    name = path.name
    if package == "plasma-workspace-wallpapers":
        if name != WALLPAPER:
            return ""
        name = path.parents[2].name
    matches = any(name.startswith(start) for start in names.split())
    return f"{package}-{Path(name).stem}" if matches else ""


def read(path: Path) -> Image.Image | None:
    """The photograph, upright and in RGB; None for a thumbnail or a picture of lines."""
    image = Image.open(path)
    if min(image.size) < 250:
        return None
    image.draft("RGB", (2048, 2048))
    return ImageOps.exif_transpose(image).convert("RGB")


if __name__ == "__main__":
    main()
