"""What `chatsmart doctor` finds out about a provider: off, simulated, or real and answering, with the model served."""

from infra.cli.finding import Finding
from shared.config import Settings, Upstream
from shared.core.model_spec import ProviderName
from shared.models.catalogue import EVERY

REACH_SECONDS = 5.0


async def provider_check(name: ProviderName, settings: Settings) -> Finding:
    """The finding on one provider, as the settings have it."""
    label = f"provider {name}"
    if name in settings.off:
        return Finding(label, "ok", f"off ({name.upper()}_BASE_URL=off): nobody asks its models")
    upstream = settings.upstreams.get(name)
    if name == "llama":
        tier = {spec.name: spec.native for spec in EVERY if spec.provider == "llama"}
        if settings.llama_model not in tier:
            said = f"LLAMA_MODEL is '{settings.llama_model}', which the catalogue does not have"
            return Finding(label, "failed", said, f"It may be: {', '.join(tier)}.")
        if upstream is not None:
            return await _served(
                label, upstream, settings, settings.llama_native or tier[settings.llama_model]
            )
    return await provider(name, upstream)


async def provider(name: str, upstream: Upstream | None) -> Finding:
    """Real or simulated; a real one must answer at its address, with whatever status."""
    label = f"provider {name}"
    if upstream is None:
        return Finding(label, "ok", f"simulated ({name.upper()}_API_KEY is not set)")
    import httpx

    key = "key set" if upstream.api_key else "no key"
    try:
        async with httpx.AsyncClient(timeout=REACH_SECONDS) as client:
            await client.get(upstream.base_url)
    except httpx.HTTPError as error:
        found = f"{upstream.base_url} does not answer: {str(error) or type(error).__name__}"
        return Finding(label, "failed", found, f"Check {name.upper()}_BASE_URL and the network.")
    return Finding(label, "ok", f"real, {key}, {upstream.base_url} answers")


async def _served(label: str, upstream: Upstream, settings: Settings, native: str) -> Finding:
    """Whether the tier's server lists the model that it is asked for, under the name that it is asked by."""
    import httpx

    base, key = upstream.base_url, upstream.api_key
    # A pair is Modal's proxy token: such a pool is asked without it here, and any status is its answer.
    headers = {"Authorization": f"Bearer {key}"} if key and not key.startswith("wk-") else {}
    try:
        async with httpx.AsyncClient(timeout=REACH_SECONDS, headers=headers) as client:
            answer = await client.get(f"{base}/models")
    except httpx.HTTPError as error:
        found = f"{base} does not answer: {str(error) or type(error).__name__}"
        return Finding(label, "failed", found, "Check LLAMA_BASE_URL and the network.")
    if answer.status_code == 404:
        advice = f"Its OpenAI interface is usually at /v1: LLAMA_BASE_URL={base.removesuffix('/v1')}/v1."
        return Finding(label, "failed", f"{base}/models is not there (404)", advice)
    if answer.status_code != 200:
        return Finding(
            label, "ok", f"real, {base} answers ({answer.status_code}); its models were not looked at"
        )
    try:
        there = [str(row["id"]) for row in answer.json()["data"]]
    except (ValueError, KeyError, TypeError):
        advice = "LLAMA_BASE_URL must name an OpenAI-compatible interface, usually at /v1."
        return Finding(label, "failed", f"{base}/models lists no models", advice)
    if native not in there:
        listed = ", ".join(there[:10]) or "nothing"
        theirs = there[0] if there else "theirs"
        advice = f"Name what is there: LLAMA_MODEL={settings.llama_model}={theirs}."
        return Finding(label, "failed", f"{base} has no model '{native}'; it has: {listed}", advice)
    return Finding(label, "ok", f"real, {'key set' if key else 'no key'}, {base} serves {native}")
