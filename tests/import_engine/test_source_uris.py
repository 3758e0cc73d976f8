"""Prefixes of URIs, and addresses that no name may lead to."""

from __future__ import annotations

import pytest

from import_engine.sources.reading import SourceUnavailable, refuse_link_local
from import_engine.sources.uris import InvalidUri, allowed_uri, parse_prefixes, parse_uri
from service.settings import InvalidSetting, Settings


@pytest.mark.parametrize("address", ["169.254.169.254", "::ffff:169.254.169.254", "fe80::1%eth0"])
def test_a_link_local_peer_is_refused(address: str) -> None:
    uri = parse_uri("https://data.example.org/a.csv")
    with pytest.raises(SourceUnavailable, match="link-local"):
        refuse_link_local(uri, (address, 443))
    refuse_link_local(uri, ("192.0.2.1", 443))


@pytest.mark.parametrize(
    "prefixes", ["http://169.254.169.254/", "https://[fe80::1]:8443/x/", "exports", "s3://b/?x"]
)
def test_a_wrong_prefix_names_its_setting(prefixes: str) -> None:
    with pytest.raises(InvalidSetting, match="import_prefixes"):
        Settings(import_prefixes=prefixes)


@pytest.mark.parametrize(
    ("uri", "prefix", "written"),
    [
        ("https://A.example:443/x/%41.csv", "https://a.example/x", "https://a.example/x/A.csv"),
        ("s3://b/x/%41.csv", "s3://b/", "s3://b/x/%41.csv"),
        ("file://localhost/srv/a%20b/", "file:///srv/", "file:///srv/a%20b/"),
    ],
)
def test_equal_places_are_written_alike(uri: str, prefix: str, written: str) -> None:
    allowed = allowed_uri(uri, parse_prefixes(f"gs://other/, {prefix}"))
    assert str(allowed) == written
    assert parse_uri(written).segments == allowed.segments


@pytest.mark.parametrize("uri", ["https://a.example:99999999/x", "gs://b:80/x", "https://[::1/x"])
def test_a_host_that_cannot_be_is_refused(uri: str) -> None:
    with pytest.raises(InvalidUri):
        parse_uri(uri)
