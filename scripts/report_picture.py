"""Draw the picture of docs/report.md: the report of the gallery's search in a headless Chromium.

Call it as ``python scripts/report_picture.py [FILE]``.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PICTURE = ROOT / "docs" / "images" / "report.png"
WIDTH, HEIGHT = 1000, 1900


def main() -> None:
    """Search, write the report, and take its picture."""
    sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "tests" / "views")]
    from browser import Browser, find_browser
    from gallery import search
    from PIL import Image

    from sparktune import tpe

    program = find_browser()
    if program is None:
        sys.exit("There is no Chromium; apt-get install chromium has one.")
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else PICTURE
    with tempfile.TemporaryDirectory() as folder:
        browser = Browser(program)
        try:
            browser.open(search(tpe.suggest).report(f"{folder}/search.html"), WIDTH)
            browser.picture(target)
        finally:
            browser.close()
    with Image.open(target) as image:
        top = image.convert("RGB").crop((0, 0, WIDTH, HEIGHT))
    top.quantize(200, dither=Image.Dither.NONE).save(target, optimize=True)
    print(f"{target}: {target.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
