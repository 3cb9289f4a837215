"""The composition root: the only place where adapters are chosen.

`services(settings)` builds everything without connecting to anything, so that it can be part of a memory snapshot;
`start` connects, `close` lets go of what it opened.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any

from shared.adapters.capacity import OneProcess
from shared.adapters.clock import RandomIds, SystemClock
from shared.adapters.embedding.minilm import MiniLM
from shared.adapters.fetch.client import GuardedFetch
from shared.adapters.files import FileObjects
from shared.adapters.llm.client import HttpProvider, open_client
from shared.adapters.oldpath import HttpOldPath
from shared.adapters.postgres.comparisons import PostgresComparisons
from shared.adapters.postgres.cutovers import PostgresCutovers
from shared.adapters.postgres.database import Database
from shared.adapters.postgres.idempotency import PostgresIdempotency
from shared.adapters.postgres.inbox import PostgresInbox
from shared.adapters.postgres.keys import PostgresKeys
from shared.adapters.postgres.log import PostgresLog
from shared.adapters.postgres.members import PostgresMembers
from shared.adapters.postgres.plugins import (
    PostgresPluginCalls,
    PostgresPlugins,
    PostgresPluginSecrets,
    PostgresPluginVersions,
)
from shared.adapters.postgres.quarantine import PostgresQuarantine
from shared.adapters.postgres.recall import PostgresAnswers, PostgresNearRecord
from shared.adapters.postgres.retention import (
    PostgresBodies,
    PostgresDocuments,
    PostgresEmbeddings,
    PostgresRetained,
    PostgresVaultExpiring,
)
from shared.adapters.postgres.seals import PostgresSeals
from shared.adapters.postgres.shelf import PostgresShelf
from shared.adapters.postgres.stops import PostgresStops
from shared.adapters.postgres.vault import PostgresVault
from shared.adapters.recall import ExpiringAnswers, KeptAnswers
from shared.adapters.redis.answers import RedisAnswers
from shared.adapters.redis.bus import RedisBus
from shared.adapters.redis.connection import RedisConnection
from shared.adapters.redis.flights import RedisFlights
from shared.adapters.redis.health import RedisHealth
from shared.adapters.redis.ledger import RedisLedger
from shared.adapters.redis.streams import ExpiringStreams
from shared.adapters.sandbox.container import Containers, ContainerSandbox
from shared.adapters.sandbox.monty import MontySandbox
from shared.adapters.sealed import AesSealer, fresh_key, keys_of
from shared.adapters.stops import KeptStops
from shared.adapters.stripe.signature import StripeSignature
from shared.adapters.supabase.identity import NoPeople, SupabasePeople
from shared.adapters.supabase.objects import StorageObjects
from shared.adapters.supabase.project import Project
from shared.adapters.telemetry import lines
from shared.adapters.telemetry.observed import ObservedLog, ObservedShelf
from shared.adapters.telemetry.signals import Signals, Spans
from shared.adapters.workers import OwnWorkers
from shared.billing.intake import Intake
from shared.chat.aside import Aside
from shared.chat.desk import Chat
from shared.config import BadSettings, Settings
from shared.core.faults import Fault, UnknownModel
from shared.cutover.desk import Desk as CutoverDesk
from shared.documents.desk import Documents
from shared.documents.pipeline import Pipeline
from shared.documents.work import Stores, Works
from shared.guard.spend import Settlements
from shared.guard.stopped import Stoppable
from shared.models.catalogue import EVERY, Catalogue, placed, served
from shared.models.failover import Failover, Limits
from shared.models.prices import BadPrices, overridden
from shared.models.quality import PRIOR
from shared.models.router import Router
from shared.pipelines import PIPELINES
from shared.pipelines.plugged import Plugged
from shared.plugins.calling import Stores as PluginStores
from shared.plugins.desk import Desk as Plugins
from shared.ports.capacity import Capacity
from shared.ports.identity import People
from shared.ports.ledger import Ledger
from shared.ports.objects import Objects
from shared.ports.provider import Provider
from shared.ports.recogniser import Recogniser
from shared.ports.retention import Expiring
from shared.ports.sandbox import Sandbox
from shared.ports.vault import Vault
from shared.ports.workers import Workers
from shared.recall.fingerprint import Fingerprinter
from shared.recall.judge import Judge
from shared.recall.lookup import Lookup
from shared.recall.naming import Naming
from shared.recall.near.bound import too_many
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
    stops: KeptStops
    capacity: Capacity
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
    plugins: Plugins
    plugged: Plugged
    intake: Intake | None
    objects: Objects
    people: People
    supabase: Project | None = None
    """Where files and people are; None where files lie in the home and nobody signs in."""
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
        # The newest of the keys; where there is none, one that is lost with the process.
        secret = (self.settings.secret_key or fresh_key()).partition(",")[0].encode()
        for name, upstream in self.settings.upstreams.items():
            self.providers[name] = HttpProvider(
                self._client,
                upstream.base_url,
                upstream.api_key,
                secret=secret,
            )
        if self.settings.cache:
            self.recalled.warm()

    async def close(self) -> None:
        """Hand running documents over and let go of every connection."""
        await self.documents.works.close()
        await self.chat.behind.close()
        await self.chat.settlements.close()
        await self.plugged.close()
        await self.recalled.close()
        await self.cutover.close()
        await self.old_path.close()
        if self.supabase is not None:
            await self.supabase.close()
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


@dataclass(frozen=True, slots=True)
class _Ground:
    """What everything else stands on."""

    settings: Settings
    clock: SystemClock
    ids: RandomIds
    database: Database
    redis: RedisConnection
    telemetry: Signals
    catalogue: Catalogue
    health: RedisHealth
    stops: KeptStops
    router: Router
    providers: "dict[str, Provider]"
    secret: str
    front: RedisAnswers
    back: PostgresAnswers

    @property
    def sealer(self) -> AesSealer:
        """Seals what only this deployment may read."""
        return AesSealer(self.secret)


def services(
    settings: Settings,
    *,
    workers: Workers | None = None,
    capacity: Capacity | None = None,
    containers: Containers | None = None,
) -> Services:
    """Everything, chosen by the settings; what a cloud does in its own way is given. Raises BadSettings where a store
    or a provider has no address."""
    _complete(settings)
    lines.configure("warning" if settings.env == "local" else "info")
    ground = _ground(settings)
    database, clock, catalogue = ground.database, ground.clock, ground.catalogue
    log, keys, recalled = PostgresLog(database), PostgresKeys(database), _recalled(ground)
    plugins = _plugins(ground, containers)
    plugged = Plugged(plugins)
    stores = _stores(ground, log, keys, recalled, plugged)
    chat = _chat(ground, stores)
    if not chat.simulated.issuperset(settings.upstreams):
        # A simulated judge knows nothing: it would only fill the log.
        aside = Aside(chat, keys)
        recalled.lookup.judge = Judge(recalled.lookup.record, aside.put, aside.anew, clock, ground.ids)
    old_path = HttpOldPath(local=settings.env == "local")
    supabase = _supabase(settings)
    return Services(
        settings=settings,
        clock=clock,
        ids=ground.ids,
        database=database,
        redis=ground.redis,
        keys=keys,
        idempotency=PostgresIdempotency(database),
        seals=PostgresSeals(database),
        log=log,
        health=ground.health,
        stops=ground.stops,
        capacity=capacity or OneProcess(),
        telemetry=ground.telemetry,
        catalogue=catalogue,
        pipelines=stores.registry,
        documents=_documents(stores, catalogue, workers),
        ledger=stores.ledger,
        chat=chat,
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
        vault=stores.vault,
        recalled=recalled,
        retention=_retention(ground, stores),
        plugins=plugins,
        plugged=plugged,
        intake=intake(settings, database),
        objects=StorageObjects(supabase) if supabase else FileObjects(settings.home),
        people=SupabasePeople(supabase, PostgresMembers(database)) if supabase else NoPeople(),
        supabase=supabase,
        providers=ground.providers,
    )


def _documents(stores: Stores, catalogue: Catalogue, workers: Workers | None) -> Documents:
    if workers is not None:
        return Documents(stores, catalogue, Works(stores, workers))
    own = OwnWorkers()
    documents = Documents(stores, catalogue, Works(stores, own))
    own.adopt = documents.adopt
    return documents


def _supabase(settings: Settings) -> Project | None:
    if not (settings.supabase_url and settings.supabase_service_key):
        return None
    return Project(settings.supabase_url, settings.supabase_service_key)


def intake(settings: Settings, database: Database) -> Intake | None:
    """What takes in Stripe's events; None where no secret says which are Stripe's."""
    if not settings.stripe_webhook_secrets:
        return None
    signature = StripeSignature(settings.stripe_webhook_secrets)
    return Intake(signature, PostgresInbox(database), SystemClock())


def _ground(settings: Settings) -> _Ground:
    clock, ids = SystemClock(), RandomIds()
    try:
        redis = RedisConnection(settings.redis_url)
    except ValueError as bad:
        raise BadSettings(str(bad)) from None
    database, scope = Database(settings.database_url), f"{settings.namespace}:health"
    health = RedisHealth(redis, clock, ids, scope, PostgresQuarantine(database, scope))
    return _Ground(
        settings=settings,
        clock=clock,
        ids=ids,
        database=database,
        redis=redis,
        telemetry=Signals(_spans(settings)),
        catalogue=_catalogue(settings),
        health=health,
        stops=KeptStops(redis, PostgresStops(database), clock, settings.namespace),
        router=Router(PRIOR, health, clock),
        providers={},
        # A home of its own keeps one; without any, what is sealed or named with it is lost with the process.
        secret=settings.secret_key or fresh_key(),
        front=RedisAnswers(redis, settings.namespace),
        back=PostgresAnswers(database, too_many),
    )


def _stores(
    ground: _Ground, log: PostgresLog, keys: PostgresKeys, recalled: Recalled, plugged: Plugged
) -> Stores:
    settings, database, telemetry = ground.settings, ground.database, ground.telemetry
    llama = settings.llama_native or settings.llama_model != Settings.llama_model
    changed = settings.prices or settings.regions or settings.off or llama
    return Stores(
        registry=_priced(PIPELINES, ground.catalogue) if changed else PIPELINES,
        shelf=ObservedShelf(PostgresShelf(database), telemetry),
        log=ObservedLog(log, telemetry),
        bus=RedisBus(ground.redis),
        ledger=RedisLedger(ground.redis, ground.clock, log.spent, busy_of=log.busy),
        keys=keys,
        models=recalled,
        clock=ground.clock,
        ids=ground.ids,
        house=settings.limits,
        vault=PostgresVault(database, ground.sealer),
        stops=ground.stops,
        recogniser=_recogniser(settings),
        keep=recalled.keep if settings.cache else None,
        sources=plugged.find,
        told=plugged.told,
    )


def _chat(ground: _Ground, stores: Stores) -> Chat:
    upstreams = ground.settings.upstreams
    return Chat(
        ledger=stores.ledger,
        log=stores.log,
        models=stores.models,
        clock=ground.clock,
        ids=ground.ids,
        catalogue=ground.catalogue,
        router=ground.router,
        house=stores.house,
        settlements=Settlements(stores.ledger),
        vault=stores.vault,
        recogniser=stores.recogniser,
        keep=stores.keep,
        hedge=ground.settings.hedge,
        simulated=frozenset(name for name, upstream in upstreams.items() if upstream.simulated),
    )


def _recalled(ground: _Ground) -> Recalled:
    """The cache before the models."""
    settings, clock = ground.settings, ground.clock
    limits = Limits(
        settings.first_token_seconds, settings.thinking_first_token_seconds, settings.between_tokens_seconds
    )
    models = Failover(ground.providers, clock, ground.health, limits, ground.router)  # type: ignore[arg-type]
    answers = KeptAnswers(ground.front, ground.back, clock)
    lookup = Lookup(answers, PostgresNearRecord(ground.database, clock, too_many), clock, MiniLM())
    specs = {spec.name: spec for spec in ground.catalogue.models()}
    naming = Naming(Fingerprinter(sha256(b"prompt cache" + keys_of(ground.secret)[0]).digest()))
    flights = RedisFlights(ground.redis, settings.namespace, answers.epoch)
    simulated = frozenset(name for name, upstream in settings.upstreams.items() if upstream.simulated)
    return Recalled(
        Stoppable(models, ground.stops), answers, flights, lookup, naming, clock, specs, simulated
    )


def _recogniser(settings: Settings) -> Recogniser | None:
    """A further recogniser, where the deployment installed one."""
    if not settings.presidio:
        return None
    from shared.adapters.presidio import PresidioRecogniser

    return PresidioRecogniser(settings.presidio)


def _plugins(ground: _Ground, containers: Containers | None) -> Plugins:
    """What tenants add at run time, and the only way out of it."""
    stores = PluginStores(
        PostgresPlugins(ground.database),
        PostgresPluginVersions(ground.database),
        PostgresPluginSecrets(ground.database),
        PostgresPluginCalls(ground.database),
    )
    fetch = GuardedFetch(local_hosts=ground.settings.plugin_local_hosts)
    return Plugins(
        stores, ground.sealer, _sandbox(ground.settings, containers), fetch, ground.clock, ground.ids
    )


def _sandbox(settings: Settings, containers: Containers | None) -> Sandbox:
    if not settings.plugin_containers:
        return MontySandbox()
    if containers is None:
        raise BadSettings("CHATSMART_PLUGIN_CONTAINERS is 1, and nothing here runs containers: it must be 0.")
    return ContainerSandbox(containers)


def _retention(ground: _Ground, stores: Stores) -> Retention:
    """What expires, class by class; what is not swept here goes by itself."""
    database = ground.database
    kinds: tuple[Expiring, ...] = (
        ExpiringStreams(RedisBus(ground.redis)),
        ExpiringAnswers(database, ground.front, ground.back),
        PostgresEmbeddings(database),
        PostgresVaultExpiring(database),
        PostgresDocuments(database),
        PostgresBodies(database),
    )
    return Retention(
        PostgresRetained(database),
        kinds,
        stores.keys.rules,
        stores.log,
        stores.shelf,
        ground.clock,
        ground.ids,
    )


def _catalogue(settings: Settings) -> Catalogue:
    """The models at the prices that hold here. Raises BadSettings for a price file that can't be used."""
    try:
        models = EVERY if settings.prices is None else overridden(EVERY, settings.prices)
        asked = served(models, settings.off, settings.llama_model, settings.llama_native)
        return Catalogue(placed(asked, settings.regions))
    except UnknownModel as error:
        raise BadSettings(f"LLAMA_MODEL: {error}") from None
    except BadPrices as error:
        raise BadSettings(f"CHATSMART_PRICES: {error}") from None


def _priced(pipelines: Mapping[str, Pipeline], catalogue: Catalogue) -> Mapping[str, Pipeline]:
    """The pipelines with their models at the prices of this catalogue: quotes go by them too."""
    found = {}
    known = frozenset(catalogue.names())
    for name, pipeline in pipelines.items():
        steps = [node.step for node in pipeline.graph.nodes if node.step.ladder]
        ladders = {
            step.name: tuple(catalogue.get(spec.name) for spec in step.ladder if spec.name in known)
            for step in steps
        }
        if lost := [step for step, ladder in ladders.items() if not ladder]:
            raise BadSettings(
                f"All models of the pipeline {name}'s step {lost[0]} belong to tiers that are off."
            )
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
