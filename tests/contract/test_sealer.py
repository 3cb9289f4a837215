"""What every `ports.sealer.Sealer` promises."""

import pytest

from shared.adapters.sealed import AesSealer, fresh_key, keys_of
from shared.core.faults import OurFault
from shared.core.ids import TenantId
from shared.fakes.sealer import MemorySealer
from shared.ports.sealer import Sealer

ONE, TWO = TenantId("one"), TenantId("two")


@pytest.fixture(params=["aes", "memory"])
def sealer(request: pytest.FixtureRequest) -> Sealer:
    return AesSealer(fresh_key()) if request.param == "aes" else MemorySealer()


@pytest.mark.parametrize("text", ["", "sk-old", "ünï ✓", "x" * 10_000])
def test_what_is_sealed_opens_for_its_owner(sealer: Sealer, text: str) -> None:
    """The text comes back, and two seals of it differ."""
    first, second = sealer.seal(ONE, "key", text), sealer.seal(ONE, "key", text)
    assert first != second
    assert sealer.unseal(ONE, "key", first) == sealer.unseal(ONE, "key", second) == text
    assert not text or text.encode() not in first


@pytest.mark.parametrize(("tenant", "name"), [(TWO, "key"), (ONE, "other"), (TenantId("onekey"), "")])
def test_a_seal_opens_for_nobody_else(sealer: Sealer, tenant: TenantId, name: str) -> None:
    """Neither for another tenant nor under another name."""
    sealed = sealer.seal(ONE, "key", "sk-old")
    with pytest.raises(OurFault):
        sealer.unseal(tenant, name, sealed)


@pytest.mark.parametrize("garbage", [b"", b"\x01", b"drawer 99", b"drawer -1", b"\x02" + bytes(40)])
def test_garbage_is_told(sealer: Sealer, garbage: bytes) -> None:
    """What nobody sealed is a fault, never a text."""
    with pytest.raises(OurFault):
        sealer.unseal(ONE, "key", garbage)


def test_a_changed_byte_anywhere_breaks_the_seal() -> None:
    """Every byte of what is stored is under the tag or chooses the key."""
    sealer = AesSealer(fresh_key())
    sealed = sealer.seal(ONE, "key", "sk-old")
    for place in range(len(sealed)):
        changed = bytearray(sealed)
        changed[place] ^= 1
        with pytest.raises(OurFault):
            sealer.unseal(ONE, "key", bytes(changed))


def test_a_key_can_be_replaced() -> None:
    """The new key stands first and seals; the old one still opens, until it is taken away."""
    old, new = fresh_key(), fresh_key()
    sealed = AesSealer(old).seal(ONE, "key", "sk-old")
    both = AesSealer(f"{new}, {old}")
    assert both.unseal(ONE, "key", sealed) == "sk-old"
    assert AesSealer(new).unseal(ONE, "key", both.seal(ONE, "key", "again")) == "again"
    with pytest.raises(OurFault, match="CHATSMART_SECRET_KEY"):
        AesSealer(new).unseal(ONE, "key", sealed)


def test_without_a_key_nothing_is_sealed() -> None:
    """The fault names the setting."""
    with pytest.raises(OurFault, match="CHATSMART_SECRET_KEY"):
        AesSealer("").seal(ONE, "key", "sk-old")


@pytest.mark.parametrize("text", ["short", "x" * 42, "é" * 43, "A" * 43 + ",y"])
def test_a_key_of_another_form_is_refused(text: str) -> None:
    """Only 32 bytes in base64 are a key."""
    with pytest.raises(ValueError, match="32 random bytes"):
        keys_of(text)
