"""Draw the picture of docs/live.md: the live view of the gallery's search, while it runs.

Call it as ``python scripts/live_picture.py [FILE]``.
"""

from __future__ import annotations

import contextlib
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PICTURE = ROOT / "docs" / "images" / "live.png"
WIDTH = 700
SHARE = 0.7  # of the trials that have ended in the picture


class Kept:
    """Keeps the view as it is when a share of the trials has ended."""

    html = ""
    postfix = ""

    @contextlib.contextmanager
    def __call__(self, initial: int, total: int) -> Iterator[Kept]:
        """Show nothing; a progress callback."""
        from sparktune._views.live_view import History

        self._history = History()
        yield self

    def update(self, n: int) -> None:
        """Do nothing."""

    def show_facts(self, facts: Any) -> None:
        """Keep the view."""
        from sparktune._views.live_page import live_html

        if facts.done >= SHARE * facts.total and not self.html:
            self.html = live_html(facts, self._history.draw(facts))


def main() -> None:
    """Search, and take the picture in a headless Chromium."""
    sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "tests" / "views")]
    import gallery
    from browser import Browser, find_browser
    from PIL import Image

    from sparktune import ProcessTrials, fmin, tpe

    program = find_browser()
    if program is None:
        sys.exit("There is no Chromium; apt-get install chromium has one.")
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else PICTURE
    kept = Kept()
    fmin(gallery.objective, gallery.make_space(), algo=tpe.suggest, max_evals=gallery.TRIALS,
         trials=ProcessTrials(gallery.SLOTS), rstate=gallery.SEED, catch_eval_exceptions=True,
         prune="median", show_progressbar=kept)  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder, "live.html")
        page.write_text(f"<body style='margin:16px'>{kept.html}", encoding="utf-8")
        browser = Browser(program)
        try:
            browser.open(page, WIDTH, 300)
            browser.picture(target)
        finally:
            browser.close()
    with Image.open(target) as image:
        drawn = image.convert("RGB").quantize(128, dither=Image.Dither.NONE)
    drawn.save(target, optimize=True)
    print(f"{target}: {target.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
