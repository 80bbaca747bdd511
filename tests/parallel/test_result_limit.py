"""How large a result may be for Spark, by its settings."""

import pytest

from sparktune._parallel.spark.limits import result_limit

GB = 1 << 30


@pytest.mark.parametrize(
    ("settings", "local", "heap", "share_of", "named"),
    [
        ({}, True, None, GB, "`spark.driver.memory` is 1024 MB"),
        ({}, True, 3 * GB, 3 * GB, "`spark.driver.memory` is 3072 MB"),
        ({"spark.driver.memory": "2g"}, True, None, 2 * GB, "`spark.driver.memory` is 2048 MB"),
        ({"spark.driver.memory": "4g"}, False, None, GB, "`spark.executor.memory` is 1024 MB"),
        (
            {"spark.driver.memory": "4g", "spark.executor.memory": "512"},
            False, None, GB // 2, "`spark.executor.memory` is 512 MB",
        ),
        ({"spark.driver.memory": "<hidden>"}, True, None, GB, "`spark.driver.memory` is 1024 MB"),
    ],
)  # fmt: skip
def test_memory(settings, local, heap, share_of, named):
    limit, why = result_limit(lambda name: settings.get(name, ""), local, heap)
    assert limit == int(0.15 * share_of)
    assert named in why


@pytest.mark.parametrize("text", ["50m", "50MB", "51200k", str(50 << 20), " 50m "])
def test_the_largest_result(text):
    settings = {"spark.driver.maxResultSize": text}
    limit, why = result_limit(lambda name: settings.get(name, ""), True, 64 * GB)
    assert limit == int(0.98 * (50 << 20))
    assert "spark.driver.maxResultSize" in why


def test_no_largest_result():
    limit, _ = result_limit(lambda name: "0" if name.endswith("Size") else "", True, 64 * GB)
    assert limit == int(0.15 * 64 * GB)
