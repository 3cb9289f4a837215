"""A door before a Redis, on loopback: it speaks TLS, cuts connections in the middle of a command, or stalls."""

import asyncio
import datetime
import ipaddress
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DAY = datetime.timedelta(days=1)


class Relay:
    """What passes. `cut` ends a connection once a command holds it: before the server has it, or (`late`) after the
    server has answered; `cuts` counts. `stalled` holds all answers back."""

    def __init__(self, target: int) -> None:
        self.target, self.port = target, 0
        self.cut, self.late, self.cuts = b"", False, 0
        self.stalled = False
        self.writers: set[asyncio.StreamWriter] = set()
        self.ever = 0

    @property
    def url(self) -> str:
        """For redis-py."""
        return f"redis://127.0.0.1:{self.port}/0"

    def hang_up(self) -> None:
        """As a proxy does with connections that idle."""
        for writer in tuple(self.writers):
            writer.transport.abort()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        self.ever += 1
        self.writers.add(writer)
        there: asyncio.StreamWriter | None = None
        try:
            back, there = await asyncio.open_connection("127.0.0.1", self.target)
            cutting = asyncio.Event()
            async with asyncio.TaskGroup() as group:
                group.create_task(self._ask(reader, there, writer, cutting))
                group.create_task(self._answer(back, writer, cutting))
        except* (OSError, EOFError):
            pass
        finally:
            self.writers.discard(writer)
            for one in (writer, there):
                if one is not None:
                    one.transport.abort()

    async def _ask(
        self,
        reader: asyncio.StreamReader,
        there: asyncio.StreamWriter,
        writer: asyncio.StreamWriter,
        cutting: asyncio.Event,
    ) -> None:
        while piece := await reader.read(65_536):
            if self.cut and self.cut in piece:
                self.cuts += 1
                self.cut = b""
                if not self.late:
                    raise EOFError
                cutting.set()
            there.write(piece)
            await there.drain()
        raise EOFError

    async def _answer(
        self, back: asyncio.StreamReader, writer: asyncio.StreamWriter, cutting: asyncio.Event
    ) -> None:
        while piece := await back.read(65_536):
            if cutting.is_set():
                break
            while self.stalled:  # noqa: ASYNC110 - a test's own switch
                await asyncio.sleep(0.01)
            writer.write(piece)
            await writer.drain()
        raise EOFError


@asynccontextmanager
async def relay(target: int, tls: ssl.SSLContext | None = None) -> AsyncIterator[Relay]:
    """An open door; shut afterwards."""
    one = Relay(target)
    server = await asyncio.start_server(one.serve, "127.0.0.1", 0, ssl=tls)
    one.port = server.sockets[0].getsockname()[1]
    try:
        yield one
    finally:
        one.stalled = False
        server.close()
        one.hang_up()
        with suppress(TimeoutError):
            async with asyncio.timeout(2):
                await server.wait_closed()
                while one.writers:  # noqa: ASYNC110 - they are being aborted
                    await asyncio.sleep(0.01)


def certified(folder: Path, *, days: int = 1) -> tuple[Path, ssl.SSLContext]:
    """An authority's file, and a server's side of TLS for 127.0.0.1 that it signed; `days` below 0: expired."""
    folder.mkdir()
    now = datetime.datetime.now(datetime.UTC)
    authority, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "an authority of a test")])
    own = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a redis of a test")])

    def made(of: x509.Name, whose: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(of)
            .issuer_name(name)
            .public_key(whose.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - 9 * DAY)
        )

    usage = x509.KeyUsage(True, False, False, False, False, True, True, False, False)
    root = (
        made(name, authority)
        .not_valid_after(now + 9 * DAY)
        .add_extension(x509.BasicConstraints(True, None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(authority.public_key()), critical=False)
        .sign(authority, hashes.SHA256())
    )
    loopback = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    signer = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key())
    leaf = (
        made(own, key)
        .not_valid_after(now + days * DAY)
        .add_extension(loopback, critical=False)
        .add_extension(signer, critical=False)
        .sign(authority, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    ca, chain = folder / "ca.pem", folder / "server.pem"
    ca.write_bytes(root.public_bytes(pem))
    chain.write_bytes(
        leaf.public_bytes(pem)
        + key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    return ca, context
