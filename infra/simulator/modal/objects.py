"""The workspace's things that functions stand on: environments, secrets, volumes, files and images."""

import time
from collections.abc import AsyncIterator, Iterable
from hashlib import sha256

from google.protobuf.empty_pb2 import Empty  # type: ignore[import-untyped]
from grpclib import GRPCError, Status
from modal_proto import api_pb2

from infra.simulator.modal.store import FIRST_ENVIRONMENT, WORKSPACE, KeptSecret, Store

_CREATES = frozenset(
    [
        api_pb2.OBJECT_CREATION_TYPE_CREATE_IF_MISSING,
        api_pb2.OBJECT_CREATION_TYPE_CREATE_FAIL_IF_EXISTS,
        api_pb2.OBJECT_CREATION_TYPE_CREATE_OVERWRITE_IF_EXISTS,
    ]
)
BUILDER = "2025.06"
PERSON = "simulated-user"


class Objects:
    """Each public coroutine answers the call of its name: `secret_list` is `SecretList`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def client_hello(self, _: Empty) -> api_pb2.ClientHelloResponse:
        """The greeting."""
        return api_pb2.ClientHelloResponse(image_builder_version=BUILDER)

    async def token_info_get(self, _: api_pb2.TokenInfoGetRequest) -> api_pb2.TokenInfoGetResponse:
        """Whose token it is."""
        return api_pb2.TokenInfoGetResponse(
            token_id=self._store.token[0],
            workspace_id="wo-simulated",
            workspace_name=WORKSPACE,
            user_identity=api_pb2.UserIdentity(user_id="us-simulated", username=PERSON),
        )

    async def workspace_name_lookup(self, _: Empty) -> api_pb2.WorkspaceNameLookupResponse:
        """The workspace's name."""
        return api_pb2.WorkspaceNameLookupResponse(workspace_name=WORKSPACE, username=PERSON)

    async def environment_get_or_create(
        self, request: api_pb2.EnvironmentGetOrCreateRequest
    ) -> api_pb2.EnvironmentGetOrCreateResponse:
        """An environment, made where that is wished."""
        name = request.deployment_name
        if request.object_creation_type in _CREATES and name not in self._store.environments:
            self._store.environments[name] = self._store.fresh("en")
        name = self._store.environment(name)
        return api_pb2.EnvironmentGetOrCreateResponse(
            environment_id=self._store.environments[name],
            metadata=api_pb2.EnvironmentMetadata(
                name=name, settings=api_pb2.EnvironmentSettings(image_builder_version=BUILDER)
            ),
        )

    async def environment_create(self, request: api_pb2.EnvironmentCreateRequest) -> Empty:
        """A new one."""
        if request.name in self._store.environments:
            raise GRPCError(Status.ALREADY_EXISTS, f"Environment '{request.name}' already exists.")
        self._store.environments[request.name] = self._store.fresh("en")
        return Empty()

    async def environment_list(self, _: Empty) -> api_pb2.EnvironmentListResponse:
        """All of them."""
        return api_pb2.EnvironmentListResponse(
            items=[
                api_pb2.EnvironmentListItem(
                    name=name, environment_id=key, webhook_suffix=name, default=name == FIRST_ENVIRONMENT
                )
                for name, key in self._store.environments.items()
            ]
        )

    async def secret_get_or_create(
        self, request: api_pb2.SecretGetOrCreateRequest
    ) -> api_pb2.SecretGetOrCreateResponse:
        """Look one up, with the keys that it must have; or keep a new one."""
        environment = self._store.environment(request.environment_name)
        name = request.deployment_name
        kept = self._store.secret_named(name, environment) if name else None
        if not name or request.object_creation_type in _CREATES:
            kept = self._kept(request, environment, kept)
        if kept is None:
            raise GRPCError(Status.NOT_FOUND, f"Secret '{name}' not found in environment '{environment}'.")
        if lacking := [key for key in request.required_keys if key not in kept.values]:
            raise GRPCError(Status.FAILED_PRECONDITION, f"Secret is missing key(s): {', '.join(lacking)}")
        if name:
            self._store.uses[kept.id] = tuple(request.required_keys)
        return api_pb2.SecretGetOrCreateResponse(secret_id=kept.id, metadata=_secret(kept))

    def _kept(
        self, request: api_pb2.SecretGetOrCreateRequest, environment: str, there: KeptSecret | None
    ) -> KeptSecret:
        kind = request.object_creation_type
        if there is None:
            key = self._store.fresh("st")
            name = request.deployment_name
            there = KeptSecret(key, name, environment, dict(request.env_dict), time.time())
            self._store.secrets[key] = there
        elif kind == api_pb2.OBJECT_CREATION_TYPE_CREATE_FAIL_IF_EXISTS:
            raise GRPCError(Status.ALREADY_EXISTS, f"Secret '{request.deployment_name}' already exists.")
        elif kind == api_pb2.OBJECT_CREATION_TYPE_CREATE_OVERWRITE_IF_EXISTS:
            there.values = dict(request.env_dict)
        return there

    async def secret_list(self, request: api_pb2.SecretListRequest) -> api_pb2.SecretListResponse:
        """The named ones of an environment, newest first."""
        environment = self._store.environment(request.environment_name)
        before = request.pagination.created_before or time.time() + 1
        found = [
            one
            for one in self._store.secrets.values()
            if one.name and one.environment == environment and one.made < before
        ]
        found.sort(key=lambda one: -one.made)
        items = [
            api_pb2.SecretListItem(
                label=one.name,
                secret_id=one.id,
                created_at=one.made,
                environment_name=environment,
                metadata=_secret(one),
            )
            for one in found[: request.pagination.max_objects or None]
        ]
        return api_pb2.SecretListResponse(items=items, environment_name=environment)

    async def secret_get_info(self, request: api_pb2.SecretGetInfoRequest) -> api_pb2.SecretGetInfoResponse:
        """One secret's names of keys."""
        return api_pb2.SecretGetInfoResponse(metadata=_secret(self._secret(request.secret_id)))

    async def secret_update(self, request: api_pb2.SecretUpdateRequest) -> Empty:
        """Add or replace keys."""
        kept = self._secret(request.secret_id)
        kept.values |= {one.key: one.value for one in request.updates}
        return Empty()

    async def secret_delete(self, request: api_pb2.SecretDeleteRequest) -> Empty:
        """Forget it."""
        del self._store.secrets[self._secret(request.secret_id).id]
        return Empty()

    def _secret(self, key: str) -> KeptSecret:
        if key not in self._store.secrets:
            raise GRPCError(Status.NOT_FOUND, f"Secret '{key}' not found.")
        return self._store.secrets[key]

    async def volume_get_or_create(
        self, request: api_pb2.VolumeGetOrCreateRequest
    ) -> api_pb2.VolumeGetOrCreateResponse:
        """A volume, made where that is wished."""
        environment = self._store.environment(request.environment_name)
        named = (environment, request.deployment_name)
        key = next((one for one, kept in self._store.volumes.items() if kept == named), "")
        if not key:
            if request.object_creation_type not in _CREATES:
                raise GRPCError(
                    Status.NOT_FOUND, f"Volume '{named[1]}' not found in environment '{environment}'."
                )
            key = self._store.fresh("vo")
            self._store.volumes[key] = named
        return api_pb2.VolumeGetOrCreateResponse(
            volume_id=key,
            version=request.version,
            metadata=api_pb2.VolumeMetadata(version=request.version, name=named[1]),
        )

    async def volume_list(self, request: api_pb2.VolumeListRequest) -> api_pb2.VolumeListResponse:
        """An environment's volumes."""
        environment = self._store.environment(request.environment_name)
        items = [
            api_pb2.VolumeListItem(label=name, volume_id=key, metadata=api_pb2.VolumeMetadata(name=name))
            for key, (where, name) in self._store.volumes.items()
            if where == environment
        ]
        return api_pb2.VolumeListResponse(items=items, environment_name=environment)

    async def volume_commit(self, _: api_pb2.VolumeCommitRequest) -> api_pb2.VolumeCommitResponse:
        """A container lets go of a volume."""
        return api_pb2.VolumeCommitResponse()

    async def mount_batched_check_existence(
        self, request: api_pb2.MountBatchedCheckExistenceRequest
    ) -> api_pb2.MountBatchedCheckExistenceResponse:
        """Which files are not here yet."""
        return api_pb2.MountBatchedCheckExistenceResponse(
            missing_sha256_hex_hashes=[
                one for one in request.sha256_hex_hashes if one not in self._store.contents
            ]
        )

    async def mount_put_file(self, request: api_pb2.MountPutFileRequest) -> api_pb2.MountPutFileResponse:
        """A file's contents, or the question whether they are here."""
        if request.WhichOneof("data_oneof") == "data":
            if sha256(request.data).hexdigest() != request.sha256_hex:
                raise GRPCError(Status.INVALID_ARGUMENT, "The file is not what its hash says.")
            self._store.contents[request.sha256_hex] = request.data
        return api_pb2.MountPutFileResponse(exists=request.sha256_hex in self._store.contents)

    async def mount_get_or_create(
        self, request: api_pb2.MountGetOrCreateRequest
    ) -> api_pb2.MountGetOrCreateResponse:
        """A list of files. One that is asked for by name is Modal's own, and empty here."""
        key = self._store.fresh("mo")
        self._store.mounts[key] = tuple(request.files)
        return api_pb2.MountGetOrCreateResponse(
            mount_id=key,
            handle_metadata=api_pb2.MountHandleMetadata(content_checksum_sha256_hex=_checksum(request.files)),
        )

    async def image_get_or_create(
        self, request: api_pb2.ImageGetOrCreateRequest
    ) -> api_pb2.ImageGetOrCreateResponse:
        """One layer. Whether it could be built is told by `image_join_streaming`."""
        key = self._store.fresh("im")
        self._store.images[key] = request
        return api_pb2.ImageGetOrCreateResponse(image_id=key)

    async def image_join_streaming(
        self, request: api_pb2.ImageJoinStreamingRequest
    ) -> AsyncIterator[api_pb2.ImageJoinStreamingResponse]:
        """How the building ended: at once."""
        asked = self._store.images[request.image_id]
        steps = list(asked.image.dockerfile_commands)
        fails = self._store.faults.image_build
        result = api_pb2.GenericResult(status=api_pb2.GenericResult.GENERIC_STATUS_SUCCESS)
        if fails and (fails == "*" or any(fails in step for step in steps)):
            step = next((one for one in steps if fails in one), steps[-1] if steps else "")
            result = api_pb2.GenericResult(
                status=api_pb2.GenericResult.GENERIC_STATUS_FAILURE, exception=f"Step failed: {step}"
            )
        yield api_pb2.ImageJoinStreamingResponse(
            result=result,
            entry_id="1-0",
            metadata=api_pb2.ImageMetadata(
                image_builder_version=asked.builder_version or BUILDER, python_version_info="Python 3.11.12"
            ),
        )


def _secret(kept: KeptSecret) -> api_pb2.SecretMetadata:
    return api_pb2.SecretMetadata(
        name=kept.name,
        creation_info=api_pb2.CreationInfo(created_at=kept.made, created_by=PERSON),
        keys=sorted(kept.values),
        environment_name=kept.environment,
    )


def _checksum(files: Iterable[api_pb2.MountFile]) -> str:
    lines = sorted(f"{one.filename} {one.sha256_hex}" for one in files)
    return sha256("\n".join(lines).encode()).hexdigest()
