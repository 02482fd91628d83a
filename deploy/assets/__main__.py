"""`make assets`: install the locked npm packages in a temporary folder and copy what the pages use.

Nothing but this command needs Node. The result is committed, with the licences of what it contains and
a manifest of SHA-256 hashes that the tests hold it to.
"""

import hashlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

HERE = Path(__file__).parent
VENDOR = HERE.parents[1] / "shared" / "pages" / "static" / "vendor"
SVG = "http://www.w3.org/2000/svg"

# name in vendor/ -> (package, files in it, joined in this order)
# htmx and its extensions are one file: as deferred scripts of their own, an extension that arrives late would
# miss the start of htmx, and a page would now and then not be live.
FILES = {
    "tabler.min.css": ("@tabler/core", ["dist/css/tabler.min.css"]),
    "htmx.min.js": ("htmx.org", ["dist/htmx.min.js", "dist/ext/hx-sse.min.js", "dist/ext/hx-upsert.min.js"]),
    # @tabler/core ships no licence file: it is the same MIT text by the same author as @tabler/icons.
    "LICENSE.tabler": ("@tabler/icons", ["LICENSE"]),
    "LICENSE.htmx": ("htmx.org", ["LICENSE"]),
}
SPRITE = "icons.svg"


OFFLINE = re.compile("ENOTFOUND|ECONNREFUSED|ECONNRESET|EAI_AGAIN|ETIMEDOUT")


class NpmError(RuntimeError):
    """npm could not install the packages; `offline` tells that its registry was not reached."""

    def __init__(self, output: str) -> None:
        self.offline = OFFLINE.search(output) is not None
        super().__init__(f"npm ci failed: {output.strip()[-400:]}")


def icon_names() -> list[str]:
    """Names of the icons the pages use, one per line of icons.txt."""
    return (HERE / "icons.txt").read_text(encoding="utf-8").split()


def install(folder: Path) -> Path:
    """Run `npm ci` from the lock file in `folder` and return its node_modules; NpmError if that fails."""
    for name in ("package.json", "package-lock.json", ".npmrc"):
        shutil.copy(HERE / name, folder / name)
    done = subprocess.run(
        ["npm", "ci", "--no-progress", "--fetch-retries=0"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise NpmError(done.stderr)
    return folder / "node_modules"


def sprite(icons: Path) -> str:
    """One SVG with a <symbol> per icon, so that a page names an icon and the browser fetches one file."""
    ET.register_namespace("", SVG)
    root = ET.Element(f"{{{SVG}}}svg")
    for name in icon_names():
        drawing = ET.parse(icons / f"{name}.svg").getroot()  # noqa: S314 - from a hash-locked package
        symbol = ET.SubElement(root, f"{{{SVG}}}symbol", {"id": name, "viewBox": "0 0 24 24"})
        symbol.extend(path for path in drawing if path.get("stroke") != "none")
    return ET.tostring(root, encoding="unicode") + "\n"


def build(modules: Path, vendor: Path) -> None:
    """Write every asset, licence and the manifest into the empty folder `vendor`."""
    vendor.mkdir(parents=True, exist_ok=True)
    for name, (package, sources) in FILES.items():
        parts = [(modules / package / source).read_text(encoding="utf-8").rstrip() for source in sources]
        (vendor / name).write_text("\n".join(parts) + "\n", encoding="utf-8")
    (vendor / SPRITE).write_text(sprite(modules / "@tabler/icons/icons/outline"), encoding="utf-8")
    origins = {**FILES, SPRITE: ("@tabler/icons", ["icons/outline/*.svg"])}
    manifest = {name: describe(modules, vendor / name, *origins[name]) for name in sorted(origins)}
    (vendor / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")


def describe(modules: Path, file: Path, package: str, sources: list[str]) -> dict[str, Any]:
    """Return what the manifest says of one file: where it came from and its hash."""
    about = json.loads((modules / package / "package.json").read_text(encoding="utf-8"))
    return {
        "package": package,
        "version": about["version"],
        "licence": about["license"],
        "sources": sources,
        "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
    }


def main() -> None:
    """Rebuild the vendored assets from the lock file."""
    if shutil.which("npm") is None:
        raise SystemExit("make assets needs Node's npm; the committed assets need nothing")
    with tempfile.TemporaryDirectory() as folder:
        fresh = Path(folder) / "vendor"
        build(install(Path(folder)), fresh)
        shutil.rmtree(VENDOR, ignore_errors=True)
        shutil.copytree(fresh, VENDOR)
    sys.stdout.write(f"{len(list(VENDOR.iterdir()))} files in {VENDOR}\n")


if __name__ == "__main__":
    main()
