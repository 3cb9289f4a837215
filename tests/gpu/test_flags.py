"""Kinds, models and flags."""

import json
from itertools import product

import pytest

from gpu.flags import DRAIN_SECONDS, FRONT, Flags, flags_for
from gpu.kinds import KINDS, UnknownKind, kind_named
from gpu.llamas import LLAMAS, DoesNotFit, UnknownModel, fitting, llama_named
from shared.config import BadSettings

FITTING = [(llama, kind) for llama, kind in product(LLAMAS.values(), KINDS.values()) if llama.fits(kind)]
OTHERS = [(llama, kind) for llama, kind in product(LLAMAS.values(), KINDS.values()) if not llama.fits(kind)]


def value(argv: tuple[str, ...], flag: str) -> str:
    """What follows a flag on the command line; it must be there once."""
    assert argv.count(flag) == 1, flag
    return argv[argv.index(flag) + 1]


@pytest.mark.parametrize(("llama", "kind"), FITTING, ids=lambda one: one.name)
def test_a_fitting_pair_says_what_it_is_made_of(llama, kind) -> None:  # type: ignore[no-untyped-def]
    """Every model on every kind that holds it gets its own lengths, cards and cache, and serves the wire's name."""
    argv = flags_for(llama, kind, folder="/weights/x").argv()
    assert argv[:4] == (argv[0], "-m", "vllm.entrypoints.cli.main", "serve")
    assert argv[4] == "/weights/x"
    assert value(argv, "--served-model-name") == llama.served
    assert int(value(argv, "--max-model-len")) == kind.context
    assert int(value(argv, "--max-num-seqs")) == kind.at_once
    assert ("--tensor-parallel-size" in argv) == (kind.cards > 1)
    assert value(argv, "--kv-cache-dtype") == llama.cache_dtype(kind)


@pytest.mark.parametrize(("llama", "kind"), FITTING, ids=lambda one: one.name)
def test_a_pair_that_fits_has_room_for_more_than_one(llama, kind) -> None:  # type: ignore[no-untyped-def]
    """Weights, overhead and two requests of full length stay under the card's memory."""
    each = llama.kv_bytes // (2 if llama.cache_dtype(kind) == "fp8" else 1)
    used = llama.weights + (3 << 30) * kind.cards + 2 * kind.context * each
    assert used < kind.memory * kind.cards * 0.9


@pytest.mark.parametrize(("llama", "kind"), OTHERS, ids=lambda one: one.name)
def test_what_does_not_fit_is_refused_with_what_does(llama, kind) -> None:  # type: ignore[no-untyped-def]
    """70B on a card that can't hold it names the kinds that can, and no flags are made."""
    with pytest.raises(DoesNotFit, match=r"It fits on H100:2, H100:4, H200\."):
        flags_for(llama, kind, folder="x")


def test_the_large_model_does_not_fit_a_single_card_of_eighty() -> None:
    """Its weights alone would leave 1 GB: too few tokens for two requests."""
    with pytest.raises(DoesNotFit):
        fitting(llama_named("llama-3.3-70b"), kind_named("H100"))


@pytest.mark.parametrize(
    ("name", "near"), [("L40", "L40S"), ("l41", "L4"), ("H200:2", "H100:2"), ("A10G", "")]
)
def test_an_unknown_kind_names_the_nearest(name: str, near: str) -> None:
    """The message has the nearest kind and all there are; it is a fault of the settings."""
    with pytest.raises(UnknownKind) as caught:
        kind_named(name)
    assert isinstance(caught.value, BadSettings)
    assert all(kind in str(caught.value) for kind in KINDS)
    assert f"did you mean {near}" in str(caught.value)


def test_a_kind_is_found_however_it_is_capitalised() -> None:
    """`l40s` is L40S."""
    assert kind_named(" l40s ") is KINDS["L40S"]


def test_an_unknown_model_names_the_nearest() -> None:
    """The catalogue's other models are not the pool's."""
    with pytest.raises(UnknownModel, match=r"did you mean llama-3\.3-70b\?"):
        llama_named("llama-3.3-7b")


def test_what_must_never_be_left_out() -> None:
    """Salted prefixes under a strong hash, cached tokens in the usage, a drain, our front; prompts are logged nowhere
    and no tokens are guessed ahead."""
    argv = Flags("x", "y", 8192, 32).argv()
    assert "--enable-prefix-caching" in argv
    assert value(argv, "--prefix-caching-hash-algo") == "sha256"
    assert "--enable-prompt-tokens-details" in argv
    assert int(value(argv, "--shutdown-timeout")) == DRAIN_SECONDS
    assert value(argv, "--middleware") == FRONT
    assert {"--no-enable-log-requests", "--disable-uvicorn-access-log"} <= set(argv)
    assert not any("speculative" in part for part in argv)
    assert json.loads(value(argv, "--structured-outputs-config")) == {
        "backend": "xgrammar",
        "disable_any_whitespace": True,
    }


def test_a_backend_that_knows_no_white_space_setting_does_not_get_it() -> None:
    """vLLM refuses to start where `auto` comes with one."""
    found = json.loads(value(Flags("x", "y", 1, 1, schemas="auto").argv(), "--structured-outputs-config"))
    assert found == {"backend": "auto", "disable_any_whitespace": False}


def test_sleep_and_random_weights_are_asked_for() -> None:
    """Neither is on by itself."""
    llama, kind = LLAMAS["llama-3.1-8b"], KINDS["L4"]
    plain = flags_for(llama, kind, folder="x").argv()
    both = flags_for(llama, kind, folder="x", dummy=True, sleeps=True).argv()
    assert not {"--enable-sleep-mode", "--load-format"} & set(plain)
    assert "--enable-sleep-mode" in both
    assert value(both, "--load-format") == "dummy"
    assert float(value(both, "--gpu-memory-utilization")) < float(value(plain, "--gpu-memory-utilization"))


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
def test_a_kind_admits_more_than_it_wants_and_has_an_end(kind) -> None:  # type: ignore[no-untyped-def]
    """Another container is asked for before this one is full, and there is a last one; the free plan has ten cards."""
    assert 0 < kind.wanted < kind.at_once < kind.admitted
    assert 1 <= kind.most * kind.cards <= 10


def test_the_pinned_commits_are_commits() -> None:
    """A branch's name would let the weights change under us."""
    for llama in LLAMAS.values():
        assert len(llama.revision) == 40
        assert int(llama.revision, 16)
