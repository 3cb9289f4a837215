"""Which addresses a tenant may have us call."""

import pytest

from shared.core.faults import BadRequest
from shared.cutover.address import base_url, permitted

HOSTILE = [
    "",
    "old.example/v1",
    "//old.example/v1",
    "ftp://old.example/v1",
    "file:///etc/passwd",
    "gopher://old.example:25/",
    "unix:/run/x.sock",
    "http://old.example/v1",
    "https://",
    "https:///v1",
    "https://old.example:99999/v1",
    "https://old.example:0/v1",
    "https://user:pass@old.example/v1",
    "https://old.example@127.0.0.1/v1",
    "https://old.example\\@127.0.0.1/v1",
    "https://old.example/v1?x=1",
    "https://old.example/v1#x",
    "https://old.example/../v1",
    "https://old.example/%2e%2e/v1",
    "https://old.example/v1\r\nHost: x",
    "https://old example/v1",
    "https://öld.example/v1",
    "https://127.0.0.1/v1",
    "https://127.1/v1",
    "https://0x7f.1/v1",
    "https://0x7f000001/v1",
    "https://2130706433/v1",
    "https://017700000001/v1",
    "https://0/v1",
    "https://0.0.0.0/v1",
    "https://localhost/v1",
    "https://localhost./v1",
    "https://x.localhost/v1",
    "https://metadata/v1",
    "https://metadata.google.internal/v1",
    "https://printer.local/v1",
    "https://10.0.0.1/v1",
    "https://172.16.0.1/v1",
    "https://192.168.1.1/v1",
    "https://169.254.169.254/latest/meta-data",
    "https://100.100.100.200/v1",
    "https://168.63.129.16/v1",
    "https://192.0.0.192/v1",
    "https://224.0.0.1/v1",
    "https://255.255.255.255/v1",
    "https://[::1]/v1",
    "https://[::]/v1",
    "https://[::ffff:127.0.0.1]/v1",
    "https://[::ffff:8.8.8.8]/v1",
    "https://[::7f00:1]/v1",
    "https://[fe80::1]/v1",
    "https://[fe80::1%25eth0]/v1",
    "https://[fd00:ec2::254]/v1",
    "https://[fec0::1]/v1",
    "https://[ff02::1]/v1",
    "https://[2002:7f00:1::]/v1",
    "https://[2001:0:1::1]/v1",
    "https://[64:ff9b::7f00:1]/v1",
    "https://[64:ff9b:1::808:808]/v1",
    "https://[not-an-address]/v1",
    "https://old..example/v1",
    "https://-old.example/v1",
    "https://" + "a" * 64 + ".example/v1",
    "https://old.example/" + "x" * 500,
]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_address_is_refused(text: str) -> None:
    """In words, naming the field, before anything is looked up."""
    with pytest.raises(BadRequest) as found:
        base_url(text, local=False)
    assert found.value.param == "base_url"


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("https://api.openai.com/v1", "https://api.openai.com/v1"),
        ("https://api.openai.com/v1/", "https://api.openai.com/v1"),
        ("https://8.8.8.8:8443", "https://8.8.8.8:8443"),
        ("https://[2606:4700::1111]/openai/v1//", "https://[2606:4700::1111]/openai/v1"),
        ("https://xn--ld-eka.example/v1", "https://xn--ld-eka.example/v1"),
    ],
)
def test_a_public_address_is_kept(text: str, kept: str) -> None:
    """Without the slashes at its end."""
    assert base_url(text, local=False) == kept


@pytest.mark.parametrize("text", ["http://127.0.0.1:8000/v1", "http://localhost:9", "http://[::1]:9/v1"])
def test_loopback_is_for_a_laptop_alone(text: str) -> None:
    """Where the environment is local it may be named; elsewhere never."""
    assert base_url(text, local=True) == text
    with pytest.raises(BadRequest):
        base_url(text, local=False)
    with pytest.raises(BadRequest):
        base_url("http://192.168.1.1/v1", local=True)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.255.255.254", "0.0.0.0", "0.1.2.3", "10.1.2.3", "172.31.0.1", "192.168.0.1",
        "169.254.169.254", "100.64.0.1", "100.127.255.255", "168.63.129.16", "192.0.0.192", "192.88.99.1",
        "198.18.0.1", "192.0.2.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255", "::", "::1",
        "::7f00:1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "fe80::1", "fe80::1%eth0", "2606:4700::1%1", "fc00::1",
        "fd00:ec2::254", "fec0::1", "ff02::1", "2001::1", "2001:db8::1", "2002:808:808::", "3fff::1", "5f00::1",
        "100::1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::808:808", "old.example", "127.1", "",
    ],
)  # fmt: skip
def test_no_connection_is_made_inside(address: str) -> None:
    """Not to the machine, its network, its cloud, nor to what stands for them in another notation."""
    assert not permitted(address, local=False)


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "1.1.1.1", "100.63.255.255", "172.32.0.1", "2606:4700::1111", "64:ff9b::808:808"]
)
def test_a_connection_may_be_made_to_the_world(address: str) -> None:
    """Public addresses, and those by which a network without IPv4 names them."""
    assert permitted(address, local=False)
    assert permitted(address, local=True)


def test_locally_a_connection_may_be_made_to_this_machine_too() -> None:
    """And to nothing else that is not public."""
    assert permitted("127.0.0.1", local=True)
    assert permitted("::1", local=True)
    assert not permitted("192.168.0.1", local=True)
    assert not permitted("169.254.169.254", local=True)
