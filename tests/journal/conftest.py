"""Places for journals: a local folder, fsspec's memory, and a local S3 server."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from segment_kit import S3, make_place


@pytest.fixture(scope="session")
def s3():
    pytest.importorskip("s3fs")
    pytest.importorskip("moto.server")
    server = S3()
    yield server
    server.stop()


@pytest.fixture(params=["local", "memory", "s3"])
def place(request):
    return make_place(request.param, request)


@pytest.fixture(params=["local", pytest.param("s3", marks=pytest.mark.slow)])
def shared_place(request):
    """A place that several processes reach."""
    return make_place(request.param, request)
