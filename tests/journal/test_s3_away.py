"""A server that goes away and comes back."""

import pytest
from segment_kit import S3, FsspecFolder, lines, numbers

from sparktune._journal.lease import LeaseLost
from sparktune._journal.places import store_at
from sparktune._journal.segments import SegmentStore


@pytest.fixture
def server():
    pytest.importorskip("s3fs")
    pytest.importorskip("moto.server")
    server = S3()
    server.options["skip_instance_cache"] = True
    yield server
    server.stop()


@pytest.mark.slow
def test_an_append_fails_and_then_succeeds(server):
    url = f"s3://{server.bucket}/away"
    folder = FsspecFolder(url, server.options)
    store = SegmentStore(folder, limit=4, renew=0.05, expires=60.0, settle=0.0)
    store.open()
    for n in range(6):
        store.append(lines(n, n), n, n)
    server.stop()
    for last in (6, 7):
        with pytest.raises(OSError, match=r"Cannot (write|list|read) 's3://") as caught:
            store.append(lines(6, last), 6, last)
        assert not isinstance(caught.value, LeaseLost)
    calls = [store.exists, lambda: numbers(store), lambda: store.get_value("a")]
    calls += [lambda: store.put_value("a", b""), store_at(url, server.options).open]
    for call in calls:
        with pytest.raises(OSError, match="Cannot"):
            call()
    server.start()
    store.append(lines(6, 7), 6, 7)
    store.append(lines(8, 8), 8, 8)
    assert numbers(SegmentStore(FsspecFolder(url, server.options))) == list(range(9))
    store.close()
    assert not any(name.startswith("holder-") for name in folder.names())


@pytest.mark.slow
def test_closing_while_the_server_is_away(server):
    store = store_at(f"s3://{server.bucket}/closing", server.options)
    store.open()
    store.append(lines(0, 0), 0, 0)
    server.stop()
    store.close()
    store.close()
    server.start()
    assert numbers(store) == [0]


@pytest.mark.slow
def test_a_wrong_bucket(server):
    store = store_at("s3://no-such-bucket/churn", server.options)
    assert not store.exists()
    with pytest.raises(
        FileNotFoundError, match=r"'s3://no-such-bucket/churn.*bucket does not exist"
    ):
        store.open()
