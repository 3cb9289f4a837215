"""The wire's messages, read into values."""

from collections.abc import Iterable, Iterator, Mapping

from modal_proto import api_pb2

from infra.simulator.modal import received
from infra.simulator.modal.store import KeptApp, KeptFunction, KeptVersion, Store

_WEB_KINDS = {
    api_pb2.WEBHOOK_TYPE_ASGI_APP: "asgi_app",
    api_pb2.WEBHOOK_TYPE_FUNCTION: "function",
    api_pb2.WEBHOOK_TYPE_WSGI_APP: "wsgi_app",
    api_pb2.WEBHOOK_TYPE_WEB_SERVER: "web_server",
}


def app(store: Store, kept: KeptApp) -> received.App:
    """An App with all its versions."""
    versions = tuple(version(store, one) for one in kept.versions)
    return received.App(kept.name, kept.environment, versions, bool(kept.stopped))


def version(store: Store, kept: KeptVersion) -> received.Version:
    """One published state."""
    return received.Version(
        number=kept.number,
        functions={tag: function(store, one) for tag, one in kept.functions.items()},
        tags=dict(kept.tags),
        tag=kept.tag,
        rolled_back_to=kept.rolled_back_to,
        commit=kept.commit.commit_hash,
    )


def function(store: Store, kept: KeptFunction) -> received.Function:
    """One deployed function, class or server."""
    told = kept.definition
    placement = told.scheduler_placement
    schema = told.function_schema.arguments
    return received.Function(
        tag=kept.tag,
        module=told.module_name,
        kind="server" if told.is_server else "class" if told.is_class else "function",
        gpus=_gpus(kept.ranked),
        cpu=told.resources.milli_cpu / 1_000,
        memory=told.resources.memory_mb,
        arguments=tuple(one.name for one in schema),
        cron=told.schedule.cron.cron_string,
        timezone=told.schedule.cron.timezone,
        every=told.schedule.WhichOneof("schedule_oneof") == "period",
        secrets=tuple(secret(store, key) for key in told.secret_ids),
        volumes=tuple(
            received.Volume(store.volumes[one.volume_id][1], one.mount_path, one.read_only)
            for one in told.volume_mounts
        ),
        files=files(store, told),
        image=image(store, told.image_id) if told.image_id else None,
        max_inputs=told.max_concurrent_inputs,
        target_inputs=told.target_concurrent_inputs,
        timeout=told.timeout_secs,
        startup_timeout=told.startup_timeout_secs,
        autoscaler=autoscaler(told.autoscaler_settings),
        retries=_retries(told),
        webs=_webs(kept),
        server=_served(kept),
        regions=tuple(placement.regions),
        nonpreemptible=placement.nonpreemptible,
        snapshot=told.checkpointing_enabled,
        experimental=dict(told.experimental_options),
        single_use=told.single_use_containers,
    )


def secret(store: Store, key: str) -> received.Secret:
    """A secret; the values only of one that has no name."""
    kept = store.secrets[key]
    return received.Secret(
        kept.name, store.uses.get(key, kept.required), {} if kept.name else dict(kept.values)
    )


def files(store: Store, told: api_pb2.Function) -> tuple[received.File, ...]:
    """What a container of the function finds, by path: what its image copied in, and over it what is mounted."""
    found = {
        one.filename: received.File(one.filename, one.sha256_hex, one.mode)
        for key in [*_copied(store, told.image_id), *told.mount_ids]
        for one in store.mounts[key]
    }
    return tuple(found[path] for path in sorted(found))


def _copied(store: Store, key: str) -> Iterator[str]:
    """The mounts whose files an image's layers copy to where they say they belong, the lowest layer first."""
    request = store.images.get(key)
    if request is None:
        return
    for base in request.image.base_images:
        yield from _copied(store, base.image_id)
    if "COPY . /" in request.image.dockerfile_commands:
        yield request.image.context_mount_id


def image(store: Store, key: str) -> received.Image:
    """An image with the layers below it."""
    request = store.images[key]
    commands: list[str] = []
    found: dict[str, bytes] = {}
    for base in request.image.base_images:
        if base.image_id in store.images:
            below = image(store, base.image_id)
            commands += below.commands
            found |= below.files
    commands += request.image.dockerfile_commands
    found |= {one.filename: one.data for one in request.image.context_files}
    return received.Image(tuple(commands), found, request.builder_version)


def autoscaler(settings: api_pb2.AutoscalerSettings) -> received.Autoscaler:
    """The bounds that were named."""
    told = {field.name: value for field, value in settings.ListFields()}
    for field in settings.DESCRIPTOR.fields:
        if field.has_presence and settings.HasField(field.name):
            told[field.name] = getattr(settings, field.name)
    return received.Autoscaler(
        min_containers=told.get("min_containers"),
        max_containers=told.get("max_containers"),
        buffer_containers=told.get("buffer_containers"),
        scaleup_window=told.get("scaleup_window"),
        scaledown_window=told.get("scaledown_window"),
        target_concurrency=told.get("target_concurrency_float", told.get("target_concurrency")),
    )


def _gpus(ranked: Iterable[api_pb2.Function]) -> tuple[received.Gpu, ...]:
    configs = [one.resources.gpu_config for one in ranked]
    return tuple(received.Gpu(one.gpu_type, one.count) for one in configs if one.gpu_type)


def _retries(told: api_pb2.Function) -> received.Retries | None:
    if not told.HasField("retry_policy"):
        return None
    policy = told.retry_policy
    return received.Retries(
        policy.retries, policy.initial_delay_ms, policy.max_delay_ms, policy.backoff_coefficient
    )


def _webs(kept: KeptFunction) -> Mapping[str, received.Web]:
    found = {
        name: _web(method.webhook_config, method.web_url)
        for name, method in kept.definition.method_definitions.items()
        if method.webhook_config.type
    }
    if kept.definition.webhook_config.type:
        found[""] = _web(kept.definition.webhook_config, kept.definition.web_url)
    return found


def _web(config: api_pb2.WebhookConfig, url: str) -> received.Web:
    return received.Web(
        kind=_WEB_KINDS.get(config.type, str(config.type)),
        label=config.requested_suffix,
        url=url,
        domains=tuple(one.name for one in config.custom_domains),
        proxy_auth=config.requires_proxy_auth,
    )


def _served(kept: KeptFunction) -> received.Served | None:
    if not kept.definition.HasField("http_config") or not kept.definition.is_server:
        return None
    told = kept.definition.http_config
    return received.Served(
        port=told.port,
        url=next(iter(kept.definition.flash_service_urls), ""),
        unauthenticated=told.unauthenticated,
        startup_timeout=told.startup_timeout,
        exit_grace_period=told.exit_grace_period,
        regions=tuple(told.proxy_regions),
        h2=told.h2_enabled,
    )
