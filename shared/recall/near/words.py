"""Which English words there are, so that a slip of the hand can be told from another word.

`words.txt.gz` is made from SCOWL (see words.notice.txt): 190,000 words and names, lower-case or capitalised as they
are. The file is read when this is imported, 0.5 MB; it is unpacked, some 60 ms, when a word is first asked for.
"""

import gzip
from functools import cache
from pathlib import Path

_PACKED = Path(__file__).with_name("words.txt.gz").read_bytes()
_CRAFT = frozenset(
    """airbnb airtable algolia ansible anaconda android angular apache appium argocd arduino asana astro auth0
    aurora aws
    azure babel bazel bitbucket bitcoin bootstrap bigquery blazor boto canva cassandra celery chai chatgpt chrome
    circleci claude clojure cloudflare cobol codex confluence couchdb cuda cypress dapper dart databricks datadog
    deno django docker dropbox drupal duckdb ebay eclipse elasticsearch elixir ember erlang eslint ethereum etsy
    excel expo express facebook fastapi figma firebase firefox fiverr flask flink flutter fortran gatsby gemini gimp
    git gitea github gitlab gmail golang google gradio gradle grafana graphql groovy grpc grunt gulp hadoop haskell
    helm heroku hubspot hugo ibm icloud ios ipad iphone jenkins jest jira jquery json julia junit jupyter kafka
    keras kibana kotlin kubectl kubernetes langchain laravel latex linkedin linux llama llvm lua macos magento mapbox
    mariadb markdown matlab maven memcached meta microsoft minio mistral mixpanel mocha mongodb mongoose mypy mysql
    nasdaq neo4j neovim netflix netlify next nextjs nginx node nodejs notion npm numpy nuxt nvidia nvim oauth okta
    openai opencv oracle outlook pandas paypal perl perplexity phoenix php pip pinia pinterest playwright
    podman poetry
    polars postgres postgresql postman preact prisma prometheus pulumi puppeteer pygame pydantic pytest python pytorch
    quora rabbitmq rails raspberry react reddit redis redux remix rollup ruby rust salesforce sass scala scikit scipy
    scrapy seaborn selenium sentry shopify skype slack snapchat snowflake solidity solr spacy spark splunk spotify
    sqlalchemy sqlite stripe supabase svelte swift symfony tableau tailwind telegram tensorflow terraform tesla tiktok
    toml trello tsmc turborepo twilio twitch twitter typescript uber ubuntu unity unreal vagrant venmo vercel vercel
    vim vite vitest vscode vue vuex webflow webpack wechat whatsapp wikipedia wix woocommerce wordpress xcode xgboost
    yaml yarn youtube zapier zendesk zoom zsh zustand""".split()
)
_BEFORE = """anti ante auto bi counter cyber de di dis down eco electro en ex extra fore giga hydro hyper hypo
il im in
    infra inter intra ir kilo macro mega meta micro mid milli mini mis mono multi nano neo neuro non off omni out over
    para photo poly post pre pro pseudo psycho quasi re retro semi sub super tele therm thermo trans tri ultra
    un under
    uni up""".split()
_AFTER = "s es ed ing er ers ness less like able".split()
_STEM = 4


@cache
def _all() -> tuple[frozenset[str], frozenset[str]]:
    words = gzip.decompress(_PACKED).decode().split("\n")
    return frozenset(word for word in words if word.islower()), frozenset(
        word.lower() for word in words if not word.islower()
    )


def is_word(word: str) -> bool:
    """Whether a lower-case text is a common word as it stands."""
    return word in _all()[0]


def is_name(word: str) -> bool:
    """Whether a lower-case text is a name or an abbreviation when it is capitalised, or the name of a product."""
    return word in _all()[1] or word in _CRAFT


def is_coined(word: str) -> bool:
    """Whether a word that no list has can be made of words that are: `macrobrewery` is no slip for `microbrewery`."""
    for before in _BEFORE:
        if word.startswith(before) and len(word) - len(before) >= _STEM and is_word(word[len(before) :]):
            return True
    for after in _AFTER:
        if word.endswith(after) and len(word) - len(after) >= _STEM and is_word(word[: -len(after)]):
            return True
    halves = range(_STEM, len(word) - _STEM + 1)
    return any(is_word(word[:at]) and is_word(word[at:]) for at in halves)
