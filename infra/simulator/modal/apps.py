"""Apps: how they come about, are published, listed, rolled back and stopped."""

import time
from collections.abc import Mapping

from google.protobuf.empty_pb2 import Empty  # type: ignore[import-untyped]
from grpclib import GRPCError, Status
from modal_proto import api_pb2

from infra.simulator.modal.objects import PERSON
from infra.simulator.modal.store import KeptApp, KeptFunction, KeptVersion, Store


class Apps:
    """Each public coroutine answers the call of its name. Publishing makes a version, also of what is the same."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def app_get_by_deployment_name(
        self, request: api_pb2.AppGetByDeploymentNameRequest
    ) -> api_pb2.AppGetByDeploymentNameResponse:
        """The App that runs under a name, or ran."""
        environment = self._store.environment(request.environment_name)
        app = self._store.app_named(request.name, environment)
        if app is None or not app.versions:
            return api_pb2.AppGetByDeploymentNameResponse(environment_name=environment)
        return api_pb2.AppGetByDeploymentNameResponse(
            app_id=app.id if app.deployed else "",
            previous_app_id="" if app.deployed else app.id,
            environment_name=environment,
            lifecycle=_lifecycle(app),
        )

    async def app_get_lifecycle(
        self, request: api_pb2.AppGetLifecycleRequest
    ) -> api_pb2.AppGetLifecycleResponse:
        """The state of an App."""
        return api_pb2.AppGetLifecycleResponse(lifecycle=_lifecycle(self._store.app(request.app_id)))

    async def app_get_or_create(
        self, request: api_pb2.AppGetOrCreateRequest
    ) -> api_pb2.AppGetOrCreateResponse:
        """What `App.lookup` asks."""
        environment = self._store.environment(request.environment_name)
        app = self._store.app_named(request.app_name, environment)
        if app is None or not app.deployed:
            if request.object_creation_type != api_pb2.OBJECT_CREATION_TYPE_CREATE_IF_MISSING:
                raise GRPCError(
                    Status.NOT_FOUND, f"App '{request.app_name}' not found in environment '{environment}'."
                )
            app = self._new(request.app_name, environment, api_pb2.APP_STATE_DEPLOYED, {})
        return api_pb2.AppGetOrCreateResponse(app_id=app.id, handle_metadata=_handle(app))

    async def app_get_info(self, request: api_pb2.AppGetInfoRequest) -> api_pb2.AppGetInfoResponse:
        """The same by id."""
        return api_pb2.AppGetInfoResponse(info=_handle(self._store.app(request.app_id)))

    async def app_create(self, request: api_pb2.AppCreateRequest) -> api_pb2.AppCreateResponse:
        """A new one."""
        environment = self._store.environment(request.environment_name)
        app = self._new(request.description, environment, request.app_state, request.tags)
        return api_pb2.AppCreateResponse(app_id=app.id, app_page_url=_page(app), app_logs_url=_page(app))

    def _new(self, name: str, environment: str, state: int, tags: Mapping[str, str]) -> KeptApp:
        app = KeptApp(self._store.fresh("ap"), name, environment, time.time(), state, dict(tags))
        self._store.apps[app.id] = app
        return app

    async def app_get_layout(self, request: api_pb2.AppGetLayoutRequest) -> api_pb2.AppGetLayoutResponse:
        """The ids of what is published."""
        return api_pb2.AppGetLayoutResponse(app_layout=layout(self._store, self._store.app(request.app_id)))

    async def app_heartbeat(self, request: api_pb2.AppHeartbeatRequest) -> Empty:
        """A deploy is alive."""
        self._store.app(request.app_id)
        return Empty()

    async def app_client_disconnect(self, request: api_pb2.AppClientDisconnectRequest) -> Empty:
        """A deploy has failed: what it had made is forgotten; what ran before runs on."""
        app = self._store.app(request.app_id)
        self._forget_drafts(app)
        if not app.versions:
            app.stopped = time.time()
        return Empty()

    def _forget_drafts(self, app: KeptApp) -> None:
        for key in [one.id for one in self._store.drafts.values() if one.app == app.id]:
            del self._store.drafts[key]

    async def app_publish(self, request: api_pb2.AppPublishRequest) -> api_pb2.AppPublishResponse:
        """From here on the new version runs."""
        app = self._store.app(request.app_id)
        if self._store.faults.publish:
            raise GRPCError(Status.INTERNAL, f"App '{request.name or app.name}' could not be published.")
        app.state = request.app_state
        app.name = request.name or app.name
        app.tags = dict(request.tags)
        functions: dict[str, KeptFunction] = {}
        for tag, key in request.function_ids.items():
            functions[tag] = self._store.drafts.get(key) or self._store.function(key)
        self._publish(
            app,
            functions,
            dict(request.class_ids),
            tag=request.deployment_tag,
            client=request.client_version,
            commit=request.commit_info,
        )
        self._forget_drafts(app)
        return api_pb2.AppPublishResponse(url=_page(app), deployed_at=app.versions[-1].at)

    def _publish(
        self,
        app: KeptApp,
        functions: Mapping[str, KeptFunction],
        classes: Mapping[str, str],
        *,
        tag: str = "",
        client: str = "",
        commit: api_pb2.CommitInfo,
        rolled_back_to: int = 0,
    ) -> None:
        for one in functions.values():
            one.override.Clear()
            self._store.functions[one.id] = one
        version = KeptVersion(
            number=len(app.versions) + 1,
            at=time.time(),
            functions=dict(functions),
            classes=dict(classes),
            tags=dict(app.tags),
            tag=tag,
            client=client,
            commit=commit,
            rolled_back_to=rolled_back_to,
        )
        app.versions.append(version)

    async def app_rollback(self, request: api_pb2.AppRollbackRequest) -> api_pb2.AppRollbackResponse:
        """An older version runs again, as a new one; -1 is the one before."""
        app = self._store.app(request.app_id)
        now = app.versions[-1]
        wanted = request.version if request.version > 0 else (now.rolled_back_to or now.number) - 1
        older = next((one for one in app.versions if one.number == wanted), None)
        if older is None or older is now:
            raise GRPCError(Status.FAILED_PRECONDITION, f"App '{app.name}' has no version to roll back to.")
        app.tags = dict(older.tags)
        self._publish(
            app,
            older.functions,
            older.classes,
            tag=older.tag,
            client=older.client,
            commit=older.commit,
            rolled_back_to=older.number,
        )
        return api_pb2.AppRollbackResponse(url=_page(app), deployed_at=app.versions[-1].at)

    async def app_rollover(self, request: api_pb2.AppRolloverRequest) -> api_pb2.AppRolloverResponse:
        """The same version in new containers."""
        app = self._store.app(request.app_id)
        now = app.versions[-1]
        self._publish(app, now.functions, now.classes, tag=now.tag, client=now.client, commit=now.commit)
        return api_pb2.AppRolloverResponse(url=_page(app), deployed_at=app.versions[-1].at)

    async def app_deployment_history(
        self, request: api_pb2.AppDeploymentHistoryRequest
    ) -> api_pb2.AppDeploymentHistoryResponse:
        """Its versions, newest first."""
        app = self._store.app(request.app_id)
        found = [
            api_pb2.AppDeploymentHistory(
                app_id=app.id,
                version=one.number,
                client_version=one.client,
                deployed_at=one.at,
                deployed_by=PERSON,
                tag=one.tag,
                rollback_version=one.rolled_back_to,
                rollback_allowed=True,
                commit_info=one.commit,
            )
            for one in reversed(app.versions)
        ]
        return api_pb2.AppDeploymentHistoryResponse(
            app_deployment_histories=found, production_app_version=len(app.versions)
        )

    async def app_list(self, request: api_pb2.AppListRequest) -> api_pb2.AppListResponse:
        """An environment's Apps."""
        environment = self._store.environment(request.environment_name)
        items = [
            api_pb2.AppListResponse.AppListItem(
                app_id=app.id,
                description=app.name,
                name=app.name,
                state=api_pb2.APP_STATE_STOPPED if app.stopped else app.state,  # type: ignore[arg-type]
                created_at=app.made,
                stopped_at=app.stopped,
                metadata=_handle(app),
            )
            for app in self._store.apps.values()
            if app.environment == environment
        ]
        return api_pb2.AppListResponse(apps=items)

    async def app_get_tags(self, request: api_pb2.AppGetTagsRequest) -> api_pb2.AppGetTagsResponse:
        """An App's tags."""
        return api_pb2.AppGetTagsResponse(tags=self._store.app(request.app_id).tags)

    async def app_stop(self, request: api_pb2.AppStopRequest) -> Empty:
        """It runs no more, and can't be started again."""
        self._store.app(request.app_id).stopped = time.time()
        return Empty()

    async def task_list(self, _: api_pb2.TaskListRequest) -> api_pb2.TaskListResponse:
        """Containers that a `recreate` would have to wait for: none."""
        return api_pb2.TaskListResponse()


def layout(store: Store, app: KeptApp) -> api_pb2.AppLayout:
    """What a container or a next deploy is told of an App: ids, and a handle for each thing."""
    if not app.versions:
        return api_pb2.AppLayout()
    now = app.versions[-1]
    objects = [
        api_pb2.Object(object_id=one.id, function_handle_metadata=one.metadata)
        for one in now.functions.values()
    ]
    objects += [
        api_pb2.Object(object_id=key, class_handle_metadata=api_pb2.ClassHandleMetadata())
        for key in now.classes.values()
    ]
    objects += [api_pb2.Object(object_id=key) for key in [*store.secrets, *store.images]]
    objects += [
        api_pb2.Object(object_id=key, volume_metadata=api_pb2.VolumeMetadata(name=name))
        for key, (_, name) in store.volumes.items()
    ]
    objects += [
        api_pb2.Object(object_id=key, mount_handle_metadata=api_pb2.MountHandleMetadata())
        for key in store.mounts
    ]
    ids = {tag: one.id for tag, one in now.functions.items()}
    return api_pb2.AppLayout(objects=objects, function_ids=ids, class_ids=now.classes)


def _lifecycle(app: KeptApp) -> api_pb2.AppLifecycle:
    now = app.versions[-1] if app.versions else None
    return api_pb2.AppLifecycle(
        app_state=api_pb2.APP_STATE_STOPPED if app.stopped else app.state,  # type: ignore[arg-type]
        created_at=app.made,
        created_by=PERSON,
        deployed_at=now.at if now else 0.0,
        deployed_by=PERSON,
        version=now.number if now else 0,
        stopped_at=app.stopped,
    )


def _handle(app: KeptApp) -> api_pb2.AppHandleMetadata:
    functions = app.versions[-1].functions if app.versions else {}
    return api_pb2.AppHandleMetadata(
        description=app.name,
        app_id=app.id,
        environment_name=app.environment,
        lifecycle=_lifecycle(app),
        functions={tag: one.id for tag, one in functions.items() if not one.definition.is_server},
        servers={tag: one.id for tag, one in functions.items() if one.definition.is_server},
    )


def _page(app: KeptApp) -> str:
    return f"https://modal.com/apps/simulated/{app.environment}/deployed/{app.name}"
