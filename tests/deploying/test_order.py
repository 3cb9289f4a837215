"""What a deploy is made of: names, secrets, the environment of `modal deploy`."""

from dataclasses import replace
from pathlib import Path

import pytest

from infra.deploying.checks import lines, wanted
from infra.deploying.order import Order, deployment, settings
from infra.deploying.plane import Seen, addresses
from infra.deploying.revision import Revision
from infra.deploying.stopped import Stopped
from shared.config import REQUIRED, Deployment
from tests.deploying.orders import SECRETS, order, without


def test_the_containers_do_not_get_what_only_the_deployer_needs() -> None:
    """An administrator's login and the token for weights stay out of the web's secret."""
    made = order(HF_TOKEN="hf_x", MODAL_TOKEN_ID="ak-x", CHATSMART_WARM="1")
    assert not {"DATABASE_ADMIN_URL", "HF_TOKEN", "MODAL_TOKEN_ID", "CHATSMART_WARM"} & made.secret.keys()
    assert set(REQUIRED) <= made.secret.keys()


def test_no_secret_is_in_the_environment_of_modal_deploy() -> None:
    """What builds and publishes knows what is deployed, and nothing of the file's secrets."""
    assert "hunter2" not in str(order().command_env())


def test_an_order_shows_no_secret() -> None:
    """Neither an order's text nor its deployment's holds a value of the file."""
    assert "hunter2" not in repr(order())


def test_the_tag_changes_with_all_that_is_deployed_and_with_nothing_else() -> None:
    """Same code and same settings are the same version; a secret's value and the pool's address are no part of it."""
    one = order()
    assert one.tag == order(OPENAI_API_KEY="another").tag
    assert one.tag == order(deployment=Deployment(llama_url="https://pool")).tag
    others = [
        order(deployment=Deployment(warm=1)),
        order(deployment=Deployment(llama_gpu="L4")),
        replace(one, revision=Revision("f" * 40)),
    ]
    assert len({one.tag, *(other.tag for other in others)}) == 4
    assert len(one.tag) <= 50


@pytest.mark.parametrize("missing", [*REQUIRED, "OPENAI_API_KEY"])
def test_a_missing_setting_is_named_with_its_file(missing: str) -> None:
    """Nothing is embedded or simulated where it is deployed, in staging neither."""
    with pytest.raises(Stopped, match=missing) as stopped:
        settings(without(order(), missing))
    assert ".env.staging" in str(stopped.value)
    assert "hunter2" not in str(stopped.value)


def test_a_pool_that_is_deployed_along_needs_no_address_of_a_llama_tier() -> None:
    """Its address is what the deploy finds out."""
    made = order(deployment=Deployment(llama_gpu="L4"), LLAMA_BASE_URL="")
    assert settings(made).database_url == SECRETS["DATABASE_URL"]


def test_a_pool_needs_the_token_that_it_is_asked_with() -> None:
    """A pool that nobody can ask is not paid for."""
    with pytest.raises(Stopped, match="LLAMA_API_KEY is missing"):
        settings(order(deployment=Deployment(llama_gpu="L4"), LLAMA_BASE_URL="", LLAMA_API_KEY=""))


def test_the_file_of_another_environment_is_refused() -> None:
    """Production's file does not go to staging by a slip of the hand."""
    with pytest.raises(Stopped, match="is for production"):
        deployment("staging", {"CHATSMART_ENV": "production"}, Path("x"))


def test_a_setting_that_can_not_be_right_is_named() -> None:
    """A count that is no number is told, with the file."""
    with pytest.raises(Stopped, match=r"x: CHATSMART_WARM is 'many'"):
        deployment("staging", {"CHATSMART_WARM": "many"}, Path("x"))


def _seen(made: Order, **missing: tuple[str, ...] | None) -> list[str]:
    return lines(made, Seen(("staging",), {name.replace("_", "-"): keys for name, keys in missing.items()}))


def test_a_secret_that_is_not_there_is_told_with_the_command_that_makes_it() -> None:
    """The line names every key, takes each value from the file, and holds none."""
    told = "\n".join(_seen(order(), chatsmart=None))
    assert "modal secret create chatsmart " in told
    assert 'REDIS_URL="$REDIS_URL"' in told
    assert told.count("--env staging") == 2
    assert "DATABASE_ADMIN_URL" not in told
    assert "--force" not in told
    assert "hunter2" not in told


def test_a_secret_that_lacks_keys_is_told_with_their_names() -> None:
    """An existing secret is written over as a whole, since Modal has no other way."""
    told = "\n".join(_seen(order(), chatsmart=("REDIS_URL",)))
    assert "lacks REDIS_URL" in told
    assert told.count("--force") == 1


def test_a_key_that_the_file_lacks_too_is_said_first() -> None:
    """A line that would set an empty value is never the advice alone."""
    made = order(deployment=Deployment(llama_gpu="L4"))
    assert any("has no HF_TOKEN either" in line for line in _seen(made, chatsmart_gpu=None))


def test_all_is_well_where_nothing_is_missing() -> None:
    """No line for a secret that has its keys."""
    assert _seen(order(), chatsmart=()) == []
    assert set(wanted(order())["chatsmart"]) == set(REQUIRED)


def test_an_output_without_an_address_is_refused() -> None:
    """Without the web's address nothing could be asked whether it works."""
    with pytest.raises(Stopped, match="no address"):
        addresses("✓ App deployed")
