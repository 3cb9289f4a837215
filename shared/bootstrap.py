"""The composition root: the only place where adapters are chosen.

`services(settings)` builds everything without connecting to anything, so that it can be part of a memory snapshot;
`start` connects, `close` lets go of what it opened.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any

from shared.adapters.clock import RandomIds, SystemClock
from shared.adapters.llm.client import HttpProvider, open_client
from shared.adapters.oldpath import HttpOldPath
from shared.adapters.postgres.comparisons import PostgresComparisons
from shared.adapters.postgres.cutovers import PostgresCutovers
from shared.adapters.postgres.database import Database
from shared.adapters.postgres.idempotency import PostgresIdempotency
from shared.adapters.postgres.keys import PostgresKeys
from shared.adapters.postgres.log import PostgresLog
from shared.adapters.postgres.retention import (
    PostgresBodies,
    PostgresDocuments,
    PostgresRetained,
    PostgresVaultExpiring,
)
from shared.adapters.postgres.seals import PostgresSeals
from shared.adapters.postgres.shelf import PostgresShelf
from shared.adapters.postgres.vault import PostgresVault
from shared.adapters.redis.bus import RedisBus
from shared.adapters.redis.connection import RedisConnection
from shared.adapters.redis.health import RedisHealth
from shared.adapters.redis.ledger import RedisLedger
from shared.adapters.redis.streams import ExpiringStreams
from shared.adapters.sealed import AesSealer, fresh_key, keys_of
from shared.adapters.telemetry import lines
from shared.adapters.telemetry.observed import ObservedLog, ObservedShelf
from shared.adapters.telemetry.signals import Signals, Spans
from shared.chat.desk import Chat
from shared.config import BadSettings, Settings
from shared.core.faults import Fault
from shared.cutover.desk import Desk as CutoverDesk
from shared.documents.desk import Documents
from shared.documents.pipeline import Pipeline
from shared.documents.work import Stores, Works
from shared.fakes.answers import FakeAnswers
from shared.fakes.flights import FakeFlights
from shared.fakes.near import FakeNearRecord
from shared.guard.spend import Settlements
from shared.models.catalogue import MODELS, Catalogue
from shared.models.failover import Failover, Limits
from shared.models.prices import BadPrices, overridden
from shared.models.quality import PRIOR
from shared.models.router import Router
from shared.pipelines import PIPELINES
from shared.ports.ledger import Ledger
from shared.ports.models import Models
from shared.ports.provider import Provider
from shared.ports.retention import Expiring
from shared.ports.vault import Vault
from shared.recall.fingerprint import Fingerprinter
from shared.recall.lookup import Lookup
from shared.recall.naming import Naming
from shared.recall.recalled import Recalled
from shared.retention.desk import Retention


@dataclass(slots=True)
class Services:
    """The engine behind every face. Started and closed once, in the event loop that serves."""

    settings: Settings
    clock: SystemClock
    ids: RandomIds
    database: Database
    redis: RedisConnection
    keys: PostgresKeys
    idempotency: PostgresIdempotency
    seals: PostgresSeals
    log: PostgresLog
    health: RedisHealth
    telemetry: Signals
    catalogue: Catalogue
    pipelines: Mapping[str, Pipeline]
    documents: Documents
    chat: Chat
    ledger: Ledger
    old_path: HttpOldPath
    cutover: CutoverDesk
    vault: Vault
    retention: Retention
    recalled: Recalled
    providers: "dict[str, Provider]" = field(default_factory=dict)
    _client: Any = None

    async def start(self) -> None:
        """Connect to the stores. Raises Unavailable, or OurFault for a login that must not be used."""
        await self.database.connect()
        try:
            await self.redis.ready()
        except BaseException:
            await self.database.close()
            raise
        await self.health.start()
        self._client = open_client()
        for name, upstream in self.settings.upstreams.items():
            self.providers[name] = HttpProvider(self._client, upstream.base_url, upstream.api_key)

    async def close(self) -> None:
        """Hand running documents over and let go of every connection."""
        await self.documents.works.close()
        await self.chat.settlements.close()
        await self.recalled.close()
        await self.cutover.close()
        await self.old_path.close()
        self.telemetry.close()
        if self._client is not None:
            await self._client.aclose()
        await self.health.close()
        await self.redis.close()
        await self.database.close()

    async def ready(self) -> Mapping[str, str]:
        """What `/readyz` looks at: `ok`, or what is wrong."""
        found: dict[str, str] = {}
        for name, store in (("postgres", self.database), ("redis", self.redis)):
            try:
                await store.ready()
                found[name] = "ok"
            except Fault as fault:
                found[name] = fault.message
        return found


def services(settings: Settings) -> Services:
    """Everything, chosen by the settings. Raises BadSettings where a store or a provider has no address."""
    _complete(settings)
    lines.configure("warning" if settings.env == "local" else "info")
    clock, ids = SystemClock(), RandomIds()
    database, redis = Database(settings.database_url), RedisConnection(settings.redis_url)
    keys = PostgresKeys(database)
    telemetry = Signals(_spans(settings))
    bare_log, bare_shelf = PostgresLog(database), PostgresShelf(database)
    providers: dict[str, Provider] = {}
    limits = Limits(
        settings.first_token_seconds, settings.thinking_first_token_seconds, settings.between_tokens_seconds
    )
    health = RedisHealth(redis, clock, ids, f"{settings.namespace}:health")
    catalogue = _catalogue(settings)
    pipelines = _priced(PIPELINES, catalogue) if settings.prices else PIPELINES
    router = Router(PRIOR, health, clock)
    secret = settings.secret_key or fresh_key()
    recalled = _recalled(
        settings, Failover(providers, clock, health, limits, router), catalogue, clock, secret
    )  # type: ignore[arg-type]
    vault = PostgresVault(database, AesSealer(secret))
    stores = Stores(
        registry=pipelines,
        shelf=ObservedShelf(bare_shelf, telemetry),
        log=ObservedLog(bare_log, telemetry),
        bus=RedisBus(redis),
        ledger=RedisLedger(redis, clock, bare_log.spent),
        keys=keys,
        models=recalled,
        clock=clock,
        ids=ids,
        house=settings.limits,
        vault=vault,
        keep=recalled.keep if settings.cache else None,
    )
    settlements = Settlements(stores.ledger)
    old_path = HttpOldPath(local=settings.env == "local")
    return Services(
        settings=settings,
        clock=clock,
        ids=ids,
        database=database,
        redis=redis,
        keys=keys,
        idempotency=PostgresIdempotency(database),
        seals=PostgresSeals(database),
        log=bare_log,
        health=health,
        telemetry=telemetry,
        catalogue=catalogue,
        pipelines=pipelines,
        documents=Documents(stores, catalogue, Works(stores)),
        ledger=stores.ledger,
        chat=Chat(
            ledger=stores.ledger,
            log=stores.log,
            models=stores.models,
            clock=clock,
            ids=ids,
            catalogue=catalogue,
            router=router,
            house=stores.house,
            settlements=settlements,
            vault=vault,
            keep=stores.keep,
            hedge=settings.hedge,
            simulated=frozenset(name for name, upstream in settings.upstreams.items() if upstream.simulated),
        ),
        old_path=old_path,
        cutover=CutoverDesk(
            PostgresCutovers(database),
            PostgresComparisons(database),
            AesSealer(settings.secret_key),
            old_path,
            clock,
            catalogue,
            settings.env,
        ),
        providers=providers,
        vault=vault,
        retention=Retention(
            PostgresRetained(database),
            _expiring(database, redis),
            keys.rules,
            bare_log,
            bare_shelf,
            clock,
            ids,
        ),
        recalled=recalled,
    )


def _expiring(database: Database, redis: RedisConnection) -> Sequence[Expiring]:
    """The classes of data that are kept for a while."""
    return (
        ExpiringStreams(RedisBus(redis)),
        PostgresVaultExpiring(database),
        PostgresDocuments(database),
        PostgresBodies(database),
    )


def _recalled(
    settings: Settings, models: Models, catalogue: Catalogue, clock: SystemClock, secret: str
) -> Recalled:
    """The cache before the models."""
    answers = FakeAnswers()
    lookup = Lookup(answers, FakeNearRecord(), clock)
    specs = {spec.name: spec for spec in catalogue.models()}
    naming = Naming(Fingerprinter(sha256(b"prompt cache" + keys_of(secret)[0]).digest()))
    return Recalled(models, answers, FakeFlights(), lookup, naming, clock, specs)


def _catalogue(settings: Settings) -> Catalogue:
    """The models at the prices that hold here. Raises BadSettings for a price file that can't be used."""
    try:
        return Catalogue(MODELS if settings.prices is None else overridden(MODELS, settings.prices))
    except BadPrices as error:
        raise BadSettings(f"CHATSMART_PRICES: {error}") from None


def _priced(pipelines: Mapping[str, Pipeline], catalogue: Catalogue) -> Mapping[str, Pipeline]:
    """The pipelines with their models at the prices of this catalogue: quotes go by them too."""
    found = {}
    for name, pipeline in pipelines.items():
        steps = [node.step for node in pipeline.graph.nodes if node.step.ladder]
        ladders = {step.name: tuple(catalogue.get(spec.name) for spec in step.ladder) for step in steps}
        found[name] = replace(pipeline, graph=pipeline.graph.with_ladders(ladders))
    return found


def _complete(settings: Settings) -> None:
    settings.check()
    if not settings.database_url or not settings.redis_url:
        raise BadSettings("DATABASE_URL and REDIS_URL must be set; 'chatsmart up' starts embedded ones.")
    if settings.simulated:
        raise BadSettings(
            f"No address is set for: {', '.join(settings.simulated)}; 'chatsmart up' simulates them."
        )


def _spans(settings: Settings) -> Spans | None:
    if not settings.otlp_endpoint:
        return None
    from shared.adapters.telemetry.otlp import Exporter

    return Exporter(settings.otlp_endpoint)
