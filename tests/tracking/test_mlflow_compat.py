"""MLflow's private API: in one file for workers, and in one for the driver."""

import re
from pathlib import Path

import sparktune

PRIVATE = re.compile(
    r"_active_run_stack|_active_experiment_id|_last_active_run_id|_system_metrics_monitor"
    r"|_tracking_client|AUTOLOGGING_INTEGRATIONS|mlflow\.(utils|tracking)\.|tracking import fluent"
)


def test_private_api_is_used_in_two_files():
    package = Path(sparktune.__file__).parent
    found = {
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        if PRIVATE.search(path.read_text())
    }
    assert found == {"_worker/mlflow_compat.py", "_tracking/mlflow_compat.py"}
