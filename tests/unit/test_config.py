"""Settings: what is empty is embedded or simulated, what is wrong is named, and production allows no gap."""

import pytest

from shared.bootstrap import services
from shared.config import PROVIDERS, BadSettings, Settings

WHOLE = {
    "CHATSMART_ENV": "production",
    "DATABASE_URL": "postgresql://chatsmart_app@db/x",
    "REDIS_URL": "rediss://cache",
    "SUPABASE_URL": "https://project.example",
    "SUPABASE_SERVICE_KEY": "service",
    "SUPABASE_JWKS_URL": "https://project.example/jwks",
    "LLAMA_BASE_URL": "https://llama.example/v1",
    "CHATSMART_SECRET_KEY": "s" * 43,
    **{f"{name.upper()}_API_KEY": f"sk-{name}" for name in PROVIDERS},
}


def test_an_empty_environment_simulates_everything() -> None:
    """No variable is needed; every provider is simulated until it has a key or an address."""
    settings = Settings.from_env({})
    assert (settings.env, settings.host, settings.port) == ("local", "127.0.0.1", 8000)
    assert settings.simulated == tuple(PROVIDERS)
    one = Settings.from_env({"OPENAI_API_KEY": "sk-1", "ANTHROPIC_API_KEY": ""})
    assert one.simulated == ("anthropic", "gemini", "perplexity", "llama")
    simulated = one.with_simulator("http://127.0.0.1:9/")
    assert not simulated.upstreams["openai"].simulated
    assert simulated.upstreams["gemini"].base_url == "http://127.0.0.1:9/gemini/v1beta"


@pytest.mark.parametrize("missing", sorted(set(WHOLE) - {"CHATSMART_ENV", "LLAMA_BASE_URL"}))
def test_production_names_what_is_missing(missing: str) -> None:
    """Nothing is embedded or simulated there: the start fails and says which variable is not set."""
    Settings.from_env(WHOLE)
    env = {name: value for name, value in WHOLE.items() if name != missing}
    if missing == "LLAMA_API_KEY":
        env.pop("LLAMA_BASE_URL")
    with pytest.raises(BadSettings, match=missing):
        Settings.from_env(env)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CHATSMART_ENV", "prod"),
        ("CHATSMART_PORT", "http"),
        ("CHATSMART_PORT", "70000"),
        ("CHATSMART_PORT", "-1"),
        ("CHATSMART_MONTH_CAP_MICROS", "0"),
        ("CHATSMART_MONTH_CAP_MICROS", "much"),
        ("CHATSMART_DAY_CAP_MICROS", "-1"),
        ("CHATSMART_REQUESTS_PER_MINUTE", "0"),
        ("CHATSMART_TOKENS_PER_MINUTE", "1.5"),
        ("OPENAI_BASE_URL", "api.openai.example"),
        ("CHATSMART_SECRET_KEY", "too-short"),
        ("CHATSMART_SECRET_KEY", "s" * 43 + ","),
        ("LLAMA_API_KEY", "without an address"),
    ],
)
def test_a_wrong_setting_is_named(name: str, value: str) -> None:
    """In one line, with the variable that is wrong."""
    with pytest.raises(BadSettings, match=name):
        Settings.from_env({name: value})


def test_secrets_are_not_printed() -> None:
    """A settings value in a log line or a traceback shows no key and no password."""
    shown = repr(Settings.from_env(WHOLE))
    assert "sk-" not in shown
    assert "sss" not in shown
    assert "service" not in shown
    assert "chatsmart_app@db" not in shown


def test_an_engine_needs_stores_and_providers() -> None:
    """The composition root says what has no address, instead of failing at the first request."""
    with pytest.raises(BadSettings, match="DATABASE_URL"):
        services(Settings.from_env({}))
    with pytest.raises(BadSettings, match="openai"):
        services(Settings.from_env({"DATABASE_URL": "postgresql:///x", "REDIS_URL": "redis://x"}))
