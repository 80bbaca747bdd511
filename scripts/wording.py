"""Fail on two constructions that are not English: "one value a trial" and "is no error".

Write "one value per trial" and "is not an error". CONTRIBUTING.md ('Style') has more examples. Text
is read wherever it is: documentation, docstrings, comments and messages.

    python scripts/wording.py [FILE ...]
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TEXTS = ["*.md", "docs/*.md", "Makefile", "*.toml"]
TEXTS += [f"{folder}/**/*.py" for folder in ("python", "tests", "benches", "scripts", "examples")]
TEXTS += ["python/**/*.pyi", "rust/**/*.rs"]
EXEMPT = {
    "scripts/wording.py",
    "tests/test_scripts.py",
    "CONTRIBUTING.md",
}  # which show what not to write

# What one can count by: "three calls a trial".
UNIT = (
    "argument|back end|batch|block|branch|call|candidate|case|category|choice|column|configuration|"
    "core|coordinate|dimension|document|domain|draw|estimator|evaluation|executor|experiment|file|"
    "folder|group|history|id|instruction|job|kernel|key|label|library|line|metric|module|"
    "node|objective|observation|option|pair|panel|param|parameter|peer|platform|point|problem|"
    "process|project|request|row|run|sample|sampler|search|section|seed|setting|"
    "slot|space|step|store|suggester|suggestion|suite|task|test|thread|trial|value|wheel|worker"
)
COUNT = (
    r"(?:one|two|three|four|five|six|seven|eight|nine|ten|twenty|half|how many|many|"
    r"\d+(?:[.,]\d+)*)"
)
COUNTED = "bits|bytes|entries|evaluations|MB|ms|nats|ns|rows|seconds|suggestions|trials|us|values"
# A word that may stand between the count and the unit: "one of a trial's values" is fine.
WORD = (
    r"(?!(?:after|and|another|as|at|before|by|finds|for|from|in|into|is|of|on|only|or|than|that|to|with)\b)"
    r"[\w-]+"
)
RULES = {
    # "once a trial", "one store call a trial", "40 bytes a trial"
    "write 'per'": rf"\b(?:once|twice|{COUNT} (?:{WORD} )?{WORD}|{COUNTED}) an? (?:{UNIT})\b(?!')",
    # "is no error"; but "there is no error", "is no longer", "is no better than"
    "write 'is not a'": (
        r"\b(?P<fine>there )?(?:is|are|was|were|be) no "
        r"(?!(?:longer|more|less|later|earlier|worse|better|other|one|matter|op|run|such)\b)[\w-]+"
    ),
}
# Between two words: a space, or the end of a line and the beginning of a comment's next one.
GAP = r"(?:[ \t]+|[ \t]*\n[ \t]*(?:(?:#|//[/!]?)[ \t]*)?)"
PATTERNS = {hint: re.compile(rule.replace(" ", GAP), re.IGNORECASE) for hint, rule in RULES.items()}


def findings(path: Path) -> Iterator[str]:
    """Yield what is wrong in a file."""
    text = path.read_text(encoding="utf-8")
    name = path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
    for hint, pattern in PATTERNS.items():
        for match in pattern.finditer(text):
            if match.groupdict().get("fine"):
                continue
            line = text.count("\n", 0, match.start()) + 1
            yield f"{name}:{line}: {hint}: {' '.join(match[0].split())!r}"


def main() -> None:
    """Print what is wrong, and fail if anything is."""
    given = [Path(name).resolve() for name in sys.argv[1:]]
    paths = given or [
        path
        for pattern in TEXTS
        for path in sorted(ROOT.glob(pattern))
        if path.is_file() and path.relative_to(ROOT).as_posix() not in EXEMPT
    ]
    found = [finding for path in paths for finding in findings(path)]
    print("\n".join(found) or "wording: nothing found")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
