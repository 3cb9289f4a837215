"""Nothing that a plugin asks for leads inside, and nothing goes out before that is known."""

import ssl
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from shared.adapters.fetch import guard
from shared.adapters.fetch.client import GuardedFetch
from shared.core.faults import BadRequest, NotGranted, Overloaded
from shared.ports.fetch import FetchRequest
from tests.hostile.listener import Listener, reply
from tests.hostile.urls import GRANTED, INSIDE, TEXTS

LOCAL = frozenset({"127.0.0.1"})


def _fits_a_header(location: str) -> bool:
    try:
        location.encode()
    except UnicodeEncodeError:
        return False
    return len(location) < 8000 and not any(letter in location for letter in "\r\n\x00")


LOCATIONS = [
    *(url for url in TEXTS if url not in ("", "/etc/passwd", "api.example") and _fits_a_header(url)),
    "https://api.example/",
    "//api.example/",
    "https://xn--mnchen-3ya.example/",
]
"""Where a redirect may point; without those that are paths on the same host, and what no header can hold."""


class Names:
    """A resolver that answers from a list, one answer a look-up, the last again and again."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def test_there_are_enough_of_them() -> None:
    """The figure of the issue."""
    assert len(set(TEXTS)) >= 80
    assert len(set(INSIDE)) >= 40


@pytest.mark.parametrize("url", TEXTS)
async def test_a_hostile_address_is_refused_before_it_is_looked_up(url: str) -> None:
    """Although a careless author granted a good part of it, and every name leads to a listener that is there."""
    async with Listener({}) as listener:
        names = Names(["127.0.0.1"])
        hosts = GRANTED | {f"evil.example:{listener.port}"}
        with pytest.raises((BadRequest, NotGranted)):
            await GuardedFetch(resolve=names).fetch(FetchRequest(url, hosts=hosts))
        assert names.asked == []
        assert listener.connections == 0


@pytest.mark.parametrize("address", INSIDE)
@pytest.mark.parametrize("public", [(), ("93.184.216.34",)])
async def test_a_granted_name_that_leads_inside_is_refused(address: str, public: tuple[str, ...]) -> None:
    """Also where it has a public address beside: one look-up, no connection."""
    async with Listener({}) as listener:
        names = Names([*public, address])
        request = FetchRequest(
            f"https://api.example:{listener.port}/", hosts=frozenset({f"api.example:{listener.port}"})
        )
        with pytest.raises(NotGranted):
            await GuardedFetch(resolve=names).fetch(request)
        assert names.asked == ["api.example"]
        assert listener.connections == 0


@given(st.ip_addresses())
def test_an_address_is_public_by_the_registries(address: object) -> None:
    """Nothing passes that the standard library calls private, reserved, multicast, loopback or link-local."""
    found = ip_address(str(address))
    at = guard.Target("https", "api.example", 443, "/", "", False)
    try:
        guard.addresses(at, [str(found)])
    except NotGranted:
        return
    kinds = ("private", "multicast", "loopback", "link_local", "reserved", "unspecified")
    assert not any(getattr(found, f"is_{kind}") for kind in kinds)


@given(st.text(max_size=60))
def test_any_text_is_refused_in_words(text: str) -> None:
    """No text makes the parser fail in any other way, and what passes names a granted host."""
    for url in (text, f"https://{text}", f"https://api.example{text}", f"https://{text}api.example/"):
        try:
            found = guard.target(url, {"api.example"}, ())
        except (BadRequest, NotGranted):
            continue
        assert (found.host, found.port, found.scheme) == ("api.example", 443, "https")
        assert found.url.isascii()
        assert " " not in found.url


async def test_a_name_is_looked_up_once() -> None:
    """What it leads to a moment later is never asked: the connection goes to the address that was checked."""
    async with (
        Listener({"/": reply(b"first")}) as first,
        Listener({}, host="127.0.0.2", port=first.port) as second,
    ):
        names = Names(["127.0.0.1"], ["127.0.0.2"])
        client = GuardedFetch(resolve=names, local_hosts={"rebind.example"})
        url = f"http://rebind.example:{first.port}/"
        got = await client.fetch(FetchRequest(url, hosts=frozenset({"rebind.example"})))
        assert got.body == b"first"
        assert names.asked == ["rebind.example"]
        assert (first.connections, second.connections) == (1, 0)
        assert first.asked[0].headers["host"] == f"rebind.example:{first.port}"


async def test_a_name_that_is_rebound_between_hops_is_refused() -> None:
    """Each hop looks its name up anew, and checks it anew."""
    async with Listener({"/": reply(b"", 302, (("Location", "/again"),))}) as listener:
        names = Names(["127.0.0.1"], ["10.0.0.1"])
        client = GuardedFetch(resolve=names, local_hosts={"rebind.example"})
        url = f"http://rebind.example:{listener.port}/"
        with pytest.raises(NotGranted):
            await client.fetch(FetchRequest(url, hosts=frozenset({"rebind.example"})))
        assert listener.connections == 1


@pytest.mark.parametrize("location", LOCATIONS)
async def test_a_redirect_is_an_address_like_any_other(location: str) -> None:
    """Refused for its text or for where its name leads: the private listener beside is never asked."""
    async with Listener({}, host="127.0.0.3") as private:
        away = reply(b"", 302, (("Location", location),))
        async with Listener({"/": away}) as public:
            client = GuardedFetch(resolve=_Inside(private.host), local_hosts={"here.test"})
            with pytest.raises((BadRequest, NotGranted)):
                await client.fetch(
                    FetchRequest(f"http://here.test:{public.port}/", hosts=GRANTED | {"here.test"})
                )
            assert public.connections == 1
        assert private.connections == 0


async def test_a_chain_of_redirects_has_an_end() -> None:
    """Three are followed, a fourth is not."""
    pages = {f"/{n}": reply(b"", 307, (("Location", f"/{n + 1}"),)) for n in range(4)} | {
        "/4": reply(b"there")
    }
    async with Listener(pages) as listener:
        client = GuardedFetch(local_hosts=LOCAL)
        got = await client.fetch(FetchRequest(f"{listener.base}/1", hosts=LOCAL))
        assert (got.body, got.url) == (b"there", f"{listener.base}/4")
        with pytest.raises(NotGranted):
            await client.fetch(FetchRequest(f"{listener.base}/0", hosts=LOCAL))


async def test_another_host_gets_no_secret() -> None:
    """Neither header nor body that was written for the first one; the same host gets both again."""
    async with Listener({"/": reply(b"ok")}) as second:
        away = reply(b"", 307, (("Location", f"{second.base}/"),))
        async with Listener({"/": away, "/same": reply(b"", 307, (("Location", "/"),))}) as first:
            client = GuardedFetch(local_hosts=LOCAL)
            secrets = {
                "Authorization": "Bearer s3cret",
                "Cookie": "s3cret",
                "X-Api-Key": "s3cret",
                "Accept": "text/x",
            }
            await client.fetch(FetchRequest(f"{first.base}/same", headers=secrets, hosts=LOCAL))
            with pytest.raises(NotGranted):
                await client.fetch(FetchRequest(f"{first.base}/", "POST", body=b"s3cret", hosts=LOCAL))
    assert first.asked[1].headers["x-api-key"] == "s3cret"
    assert [asked.headers["accept"] for asked in second.asked] == ["text/x"]
    assert "s3cret" not in str(second.asked)


async def test_a_post_that_is_answered_elsewhere_is_fetched_without_its_body() -> None:
    """303 says so."""
    async with Listener({"/": reply(b"", 303, (("Location", "/done"),)), "/done": reply(b"ok")}) as listener:
        await GuardedFetch(local_hosts=LOCAL).fetch(
            FetchRequest(f"{listener.base}/", "POST", {"Content-Type": "a/b"}, b"body", LOCAL)
        )
    assert (listener.asked[1].method, listener.asked[1].body) == ("GET", b"")
    assert "content-type" not in listener.asked[1].headers


async def test_the_environment_has_no_say(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Its proxies and its passwords are not used."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login a password b")
    async with Listener({}) as proxy, Listener({"/": reply(b"direct")}) as listener:
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.base)
        monkeypatch.setenv("NETRC", str(netrc))
        got = await GuardedFetch(local_hosts=LOCAL).fetch(FetchRequest(f"{listener.base}/", hosts=LOCAL))
        assert got.body == b"direct"
        assert proxy.connections == 0
        assert "authorization" not in listener.asked[0].headers


async def test_tls_is_to_the_name_at_the_checked_address(tmp_path: Path) -> None:
    """The name is asked for and its certificate checked; a certificate for another name is none."""
    server, client = _certified(tmp_path, "good.example")
    async with Listener({"/": reply(b"sealed")}, tls=server) as listener:
        fetch = GuardedFetch(
            resolve=Names(["127.0.0.1"]), tls=client, local_hosts={"good.example", "other.example"}
        )
        hosts = frozenset({"good.example", "other.example"})
        got = await fetch.fetch(FetchRequest(f"https://good.example:{listener.port}/", hosts=hosts))
        assert got.body == b"sealed"
        with pytest.raises(Overloaded):
            await fetch.fetch(FetchRequest(f"https://other.example:{listener.port}/", hosts=hosts))
        assert listener.names == ["good.example", "other.example"]
        assert len(listener.asked) == 1


async def test_https_is_not_left_for_http(tmp_path: Path) -> None:
    """Not even on this machine."""
    server, client = _certified(tmp_path, "good.example")
    async with Listener({"/": reply(b"")}) as plain:
        away = reply(b"", 302, (("Location", f"{plain.base}/"),))
        async with Listener({"/": away}, tls=server) as listener:
            fetch = GuardedFetch(
                resolve=Names(["127.0.0.1"]), tls=client, local_hosts={"good.example", "127.0.0.1"}
            )
            with pytest.raises(NotGranted):
                await fetch.fetch(
                    FetchRequest(
                        f"https://good.example:{listener.port}/",
                        hosts=frozenset({"good.example", "127.0.0.1"}),
                    )
                )
        assert plain.connections == 0


@pytest.mark.parametrize(
    ("url", "granted", "host"),
    [
        ("https://api.example/a?b=c#d", "api.example", "api.example"),
        ("HTTPS://API.example./x y".replace(" ", "%20"), "API.EXAMPLE", "api.example"),
        ("https://a.b.wide.example/", "*.wide.example", "a.b.wide.example"),
        ("https://münchen.example/ä", "xn--mnchen-3ya.example", "xn--mnchen-3ya.example"),
        ("https://xn--mnchen-3ya.example:443", "MÜNCHEN.example", "xn--mnchen-3ya.example"),
        ("https://odd.example:8443/", "odd.example:8443", "odd.example"),
    ],
)
def test_what_is_granted_may_be_asked(url: str, granted: str, host: str) -> None:
    """In any of the ways to write its name; the address that is asked is plain ASCII."""
    found = guard.target(url, {granted}, ())
    assert found.host == host
    assert found.url.isascii()


class _Inside:
    """This machine is found; every other name leads to the private listener."""

    def __init__(self, private: str) -> None:
        self._private = private

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        return ["127.0.0.1" if host == "here.test" else self._private]


def _certified(folder: Path, name: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server that has a certificate for `name`, and a client that trusts it alone."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / "both.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(path)
    return server, ssl.create_default_context(
        cadata=certificate.public_bytes(serialization.Encoding.PEM).decode()
    )
