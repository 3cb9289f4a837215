"""A source: what Wikipedia says about the question.

chatsmart plugins add examples/plugins/wikipedia.py --host en.wikipedia.org
"""
# ruff: noqa: F821  (`fetch` and `log` are the host's)

SITE = "https://en.wikipedia.org"


def fetch_sources(query):
    answer = fetch(
        SITE + "/w/api.php",
        params={
            "action": "query",
            "format": "json",
            "generator": "search",
            "gsrsearch": query,
            "gsrlimit": 3,
            "prop": "extracts|info",
            "exintro": 1,
            "explaintext": 1,
            "inprop": "url",
        },
    )
    if answer["status"] != 200:
        raise ValueError("Wikipedia answered " + str(answer["status"]))
    pages = ((answer["json"] or {}).get("query") or {}).get("pages") or {}
    return [
        {"title": page["title"], "url": page.get("fullurl", ""), "text": page.get("extract", "")}
        for page in pages.values()
    ]
