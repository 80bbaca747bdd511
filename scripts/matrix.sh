#!/bin/sh
# matrix.sh [PYTHON:PYSPARK ...]: run the Spark tests with other versions of Python and PySpark, each
# in its own virtual environment under .cache/matrix, with the one wheel in dist/.
set -eu
cd "$(dirname "$0")/.."
# PySpark 3.5 needs older versions of its dependencies.
old="numpy<2 pandas<3 pyarrow<21 setuptools<81"

find_python() {
    for candidate in "python$1" "${PYENV_ROOT:-$HOME/.pyenv}"/versions/"$1".*/bin/python; do
        if "$candidate" -c "import sys; sys.exit('%d.%d' % sys.version_info[:2] != '$1')" 2>/dev/null
        then
            echo "$candidate"
            return
        fi
    done
    echo "error: Python $1 is neither on the PATH nor among pyenv's versions" >&2
    return 1
}

# Chained, because `set -e` has no effect in a function whose status is tested.
run() {
    python=${1%%:*}
    pyspark=${1#*:}
    folder=$PWD/.cache/matrix/$python-pyspark$pyspark
    case $pyspark in
        3.*) requirements="pyspark==$pyspark.* $old" ;;
        *) requirements="pyspark[connect]==$pyspark.*" ;;
    esac
    echo "--- Python $python, PySpark $pyspark"
    # shellcheck disable=SC2086  # $requirements are several words
    base=$(find_python "$python") &&
        { [ -x "$folder/bin/python" ] || "$base" -m venv "$folder"; } &&
        "$folder/bin/python" -m pip install --quiet $requirements "pytest>=8" "pytest-timeout>=2.3" \
            "hypothesis>=6.100" "cloudpickle>=2.2" "tqdm>=4.64" &&
        "$folder/bin/python" -m pip install --quiet --force-reinstall --no-deps dist/sparktune-*.whl &&
        JAVA_HOME=$("$folder/bin/python" scripts/java_home.py) &&
        JAVA_HOME=$JAVA_HOME PYSPARK_PYTHON=$folder/bin/python \
            PYSPARK_DRIVER_PYTHON=$folder/bin/python PYTHONWARNINGS=ignore \
            "$folder/bin/python" -m pytest -q -p no:cacheprovider -o filterwarnings=default \
            tests/parallel/spark/test_spark_trials.py tests/parallel/spark/test_connect.py
}

failed=""
for combination in "$@"; do
    run "$combination" || failed="$failed $combination"
done
if [ -n "$failed" ]; then
    echo "failed:$failed" >&2
    exit 1
fi
