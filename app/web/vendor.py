"""Third-party scripts under static/vendor: ``python -m app.web.vendor refresh`` fetches, ``check`` compares hashes.

``manifest.json`` names packages, versions and files. Only ``refresh`` needs npm, and only a maintainer runs it; the
program serves the files as they lie in the repository.
"""

import base64
import hashlib
import json
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

from app.web.templating import STATIC

FOLDER = STATIC / "vendor"
MANIFEST = "manifest.json"


def read(folder: Path = FOLDER) -> dict[str, Any]:
    """The manifest."""
    manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text())
    return manifest


def problems(folder: Path = FOLDER) -> list[str]:
    """What differs from the manifest: changed, missing and unlisted files."""
    found = []
    listed = {MANIFEST}
    for package in read(folder)["packages"]:
        for file in package["files"]:
            listed.add(file["to"])
            path = folder / file["to"]
            if not path.is_file():
                found.append(f"missing: {file['to']}")
            elif hashlib.sha256(path.read_bytes()).hexdigest() != file["sha256"]:
                found.append(f"changed: {file['to']}")
    found += [f"not in the manifest: {path.name}" for path in folder.iterdir() if path.name not in listed]
    return found


def refresh(folder: Path = FOLDER) -> None:
    """Fetch every package of the manifest in its pinned version, and write files, licences and hashes anew."""
    manifest = read(folder)
    for package in manifest["packages"]:
        with tempfile.TemporaryDirectory() as name:
            archive = _pack(f"{package['name']}@{package['version']}", Path(name))
            digest = hashlib.sha512(archive.read_bytes()).digest()
            package["integrity"] = "sha512-" + base64.b64encode(digest).decode()
            with tarfile.open(archive) as tar:
                package["licence"] = json.loads(_member(tar, "package.json"))["license"]
                for file in package["files"]:
                    data = _member(tar, file["from"])
                    (folder / file["to"]).write_bytes(data)
                    file["sha256"], file["bytes"] = hashlib.sha256(data).hexdigest(), len(data)
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n")


def _pack(what: str, folder: Path) -> Path:
    command = ["npm", "pack", "--silent", "--pack-destination", str(folder), what]
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 - a maintainer's own command
    return folder / done.stdout.split()[-1]


def _member(tar: tarfile.TarFile, name: str) -> bytes:
    file = tar.extractfile(f"package/{name}")
    if file is None:
        raise FileNotFoundError(name)
    return file.read()


if __name__ == "__main__":
    if sys.argv[1:] == ["refresh"]:
        refresh()
    elif sys.argv[1:] != ["check"]:
        sys.exit("usage: python -m app.web.vendor refresh|check")
    sys.exit("\n".join(problems()) or 0)
