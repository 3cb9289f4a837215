"""Functions, classes and servers: how they are made, looked up and scaled."""

from collections.abc import Iterable

from grpclib import GRPCError, Status
from modal_proto import api_pb2

from infra.simulator.modal import crontab
from infra.simulator.modal.faults import GPUS
from infra.simulator.modal.reading import autoscaler
from infra.simulator.modal.received import Scaled
from infra.simulator.modal.store import KeptFunction, Store


class Definitions:
    """Each public coroutine answers the call of its name."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def function_precreate(
        self, request: api_pb2.FunctionPrecreateRequest
    ) -> api_pb2.FunctionPrecreateResponse:
        """An id for a function that is about to be made."""
        app = self._store.app(request.app_id)
        key = request.existing_function_id or self._store.fresh("fu")
        metadata = api_pb2.FunctionHandleMetadata(
            function_name=request.function_name,
            function_type=request.function_type,
            function_schema=request.function_schema,
            supported_input_formats=request.supported_input_formats,
            supported_output_formats=request.supported_output_formats,
            app_id=app.id,
        )
        for name, method in request.method_definitions.items():
            metadata.method_handle_metadata[name].CopyFrom(self._method(request.function_name, name, method))
        if request.webhook_config.type:
            metadata.web_url = self._address(request.function_name, request.webhook_config)
        self._store.drafts[key] = KeptFunction(key, app.id, request.function_name, metadata)
        return api_pb2.FunctionPrecreateResponse(function_id=key, handle_metadata=metadata)

    async def function_create(self, request: api_pb2.FunctionCreateRequest) -> api_pb2.FunctionCreateResponse:
        """Its definition. Refused: a GPU that there is not, a crontab that can't be right, things that are not here."""
        ranked = [one.function for one in request.function_data.ranked_functions] or [request.function]
        first = api_pb2.Function()
        first.CopyFrom(ranked[0])
        self._check(first.function_name, ranked)
        key = request.existing_function_id or self._announced(request.app_id, first.function_name)
        if key not in self._store.drafts:
            raise GRPCError(
                Status.FAILED_PRECONDITION, f"Function '{first.function_name}' was not announced."
            )
        known = self._store.drafts[key]
        for name, method in first.method_definitions.items():
            if method.webhook_config.type:
                method.web_url = known.metadata.method_handle_metadata[name].web_url
                method.custom_domain_info.extend(_domains(method.webhook_config))
        if first.webhook_config.type:
            first.web_url = self._address(first.function_name, first.webhook_config)
            first.custom_domain_info.extend(_domains(first.webhook_config))
        known.metadata.definition_id = self._store.fresh("de")
        if first.is_server:
            url = self._store.addresses.get(first.function_name) or _invented(first.function_name, "us-east")
            first.flash_service_urls.append(url)
            known.metadata._experimental_flash_urls[:] = [url]
        kept = KeptFunction(key, request.app_id, first.function_name, known.metadata, first, tuple(ranked))
        self._store.drafts[key] = kept
        data = data_of(kept)
        return api_pb2.FunctionCreateResponse(
            function_id=key, function=first, handle_metadata=kept.metadata, function_data=data
        )

    def _announced(self, app: str, name: str) -> str:
        """The newest id of that name in the App."""
        found = [one.id for one in self._store.drafts.values() if (one.app, one.tag) == (app, name)]
        return found[-1] if found else ""

    def _check(self, name: str, ranked: Iterable[api_pb2.Function]) -> None:
        refused = self._store.faults.function
        if refused in (name, "*"):
            raise GRPCError(Status.INVALID_ARGUMENT, f"Function '{name}' can't be created as it is.")
        for one in ranked:
            gpu = one.resources.gpu_config
            if gpu.gpu_type and gpu.gpu_type not in GPUS:
                raise GRPCError(
                    Status.INVALID_ARGUMENT, f"Function '{name}': unknown GPU type '{gpu.gpu_type}'."
                )
            cron = one.schedule.cron.cron_string
            if cron and (wrong := crontab.wrong(cron)):
                raise GRPCError(Status.INVALID_ARGUMENT, f"Function '{name}': invalid cron: {wrong}.")
            self._check_things(name, one)

    def _check_things(self, name: str, one: api_pb2.Function) -> None:
        store = self._store
        there = {*store.secrets, *store.volumes, *store.mounts, *store.images}
        needed = [*one.secret_ids, *one.mount_ids, *(mount.volume_id for mount in one.volume_mounts)]
        for key in [*needed, *filter(None, [one.image_id])]:
            if key not in there:
                raise GRPCError(Status.NOT_FOUND, f"Function '{name}': '{key}' not found.")

    def _method(
        self, owner: str, name: str, method: api_pb2.MethodDefinition
    ) -> api_pb2.FunctionHandleMetadata:
        tag = f"{owner.removesuffix('.*')}.{name}"
        url = self._address(tag, method.webhook_config) if method.webhook_config.type else ""
        return api_pb2.FunctionHandleMetadata(
            function_name=tag,
            function_type=method.function_type,
            web_url=url,
            is_method=True,
            use_method_name=name,
            function_schema=method.function_schema,
            supported_input_formats=method.supported_input_formats,
            supported_output_formats=method.supported_output_formats,
        )

    def _address(self, tag: str, config: api_pb2.WebhookConfig) -> str:
        return self._store.addresses.get(tag) or _invented(config.requested_suffix or tag)

    async def class_create(self, request: api_pb2.ClassCreateRequest) -> api_pb2.ClassCreateResponse:
        """An id for a class; its methods stand in its function."""
        key = request.existing_class_id or self._store.fresh("cs")
        self._store.classes[key] = (request.app_id, "")
        return api_pb2.ClassCreateResponse(class_id=key, handle_metadata=api_pb2.ClassHandleMetadata())

    async def class_get(self, request: api_pb2.ClassGetRequest) -> api_pb2.ClassGetResponse:
        """A deployed class by name."""
        app = self._store.app_named(request.app_name, self._store.environment(request.environment_name))
        classes = app.versions[-1].classes if app is not None and app.deployed else {}
        if request.object_tag not in classes:
            raise GRPCError(Status.NOT_FOUND, f"No class '{request.object_tag}' in '{request.app_name}'")
        return api_pb2.ClassGetResponse(
            class_id=classes[request.object_tag], handle_metadata=api_pb2.ClassHandleMetadata()
        )

    async def function_get(self, request: api_pb2.FunctionGetRequest) -> api_pb2.FunctionGetResponse:
        """A deployed function by name, as it is or as a version had it."""
        app = self._store.app_named(request.app_name, self._store.environment(request.environment_name))
        if app is None or not app.deployed:
            raise GRPCError(Status.NOT_FOUND, f"App '{request.app_name}' not found")
        wanted = request.app_version or app.versions[-1].number
        functions = next((one.functions for one in app.versions if one.number == wanted), {})
        if request.object_tag not in functions:
            raise GRPCError(Status.NOT_FOUND, f"No function '{request.object_tag}' in '{request.app_name}'")
        kept = functions[request.object_tag]
        return api_pb2.FunctionGetResponse(
            function_id=kept.id, handle_metadata=kept.metadata, function=data_of(kept)
        )

    async def function_get_by_id(
        self, request: api_pb2.FunctionGetByIdRequest
    ) -> api_pb2.FunctionGetByIdResponse:
        """A function by its id."""
        kept = self._store.function(request.function_id)
        return api_pb2.FunctionGetByIdResponse(handle_metadata=kept.metadata, function=data_of(kept))

    async def function_update_scheduling_params(
        self, request: api_pb2.FunctionUpdateSchedulingParamsRequest
    ) -> api_pb2.FunctionUpdateSchedulingParamsResponse:
        """What `update_autoscaler` asks for; holds until the next version."""
        kept = self._store.function(request.function_id)
        kept.override.MergeFrom(request.settings)
        app = self._store.app(kept.app)
        self._store.scaled.append(Scaled(app.name, kept.tag, autoscaler(request.settings)))
        return api_pb2.FunctionUpdateSchedulingParamsResponse(current_settings=settings_of(kept))

    async def function_get_scheduling_params(
        self, request: api_pb2.FunctionGetSchedulingParamsRequest
    ) -> api_pb2.FunctionGetSchedulingParamsResponse:
        """What holds now, and where it is from."""
        kept = self._store.function(request.function_id)
        return api_pb2.FunctionGetSchedulingParamsResponse(
            autoscaler_configuration=api_pb2.AutoscalerConfiguration(
                settings=settings_of(kept),
                static_settings=kept.definition.autoscaler_settings,
                override_settings=kept.override,
            )
        )


def settings_of(kept: KeptFunction) -> api_pb2.AutoscalerSettings:
    """The bounds as they are: what was deployed, and over it what was asked for since."""
    settings = api_pb2.AutoscalerSettings()
    settings.CopyFrom(kept.definition.autoscaler_settings)
    settings.MergeFrom(kept.override)
    return settings


def data_of(kept: KeptFunction) -> api_pb2.FunctionData:
    """The same definition in the wire's other shape, as far as the client reads it."""
    told = kept.definition
    data = api_pb2.FunctionData(
        module_name=told.module_name,
        function_name=told.function_name,
        function_type=told.function_type,
        timeout_secs=told.timeout_secs,
        startup_timeout_secs=told.startup_timeout_secs,
        web_url=told.web_url,
        is_class=told.is_class,
        is_method=told.is_method,
        is_server=told.is_server,
        method_definitions=told.method_definitions,
        method_definitions_set=told.method_definitions_set,
        autoscaler_settings=told.autoscaler_settings,
        experimental_options=told.experimental_options,
        flash_service_urls=told.flash_service_urls,
        ranked_functions=[
            api_pb2.FunctionData.RankedFunction(rank=rank, function=one)
            for rank, one in enumerate(kept.ranked or (told,))
        ],
    )
    for name in ("webhook_config", "schedule", "http_config"):
        if told.HasField(name):
            getattr(data, name).CopyFrom(getattr(told, name))
    return data


def _domains(config: api_pb2.WebhookConfig) -> list[api_pb2.CustomDomainInfo]:
    return [api_pb2.CustomDomainInfo(url=f"https://{one.name}") for one in config.custom_domains]


def _invented(label: str, part: str = "") -> str:
    words = [word for word in ("simulated", part) if word]
    name = label.replace(".", "-").replace("_", "-").lower()
    return f"https://{'.'.join(['--'.join([words[0], name]), *words[1:]])}.modal.run"
