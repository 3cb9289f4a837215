"""`chatsmart cutover`: moving here from another path."""

import sys
from collections.abc import Mapping
from typing import Any

from infra.cli.client import Json, connect
from infra.cli.screen import put, say
from infra.cli.trouble import Trouble
from shared.core.money import show as dollars


def show(*, as_json: bool, url: str | None, key: str | None) -> None:
    """The move as it is."""
    with connect(url, key) as client:
        found = client.call("GET", "/v1/cutover")
    _tell(found, as_json)


def change(
    body: Mapping[str, Any], models: list[str] | None, *, as_json: bool, url: str | None, key: str | None
) -> None:
    """Set what is given."""
    wanted: Json = {name: value for name, value in body.items() if value is not None}
    if wanted.get("api_key") == "-":
        wanted["api_key"] = sys.stdin.readline().strip()
    if models is not None:
        wanted["models"] = dict(_pair(text) for text in models)
    if not wanted:
        raise Trouble("Nothing to set: name an option, as in `chatsmart cutover set --serve 10`.", code=2)
    with connect(url, key) as client:
        found = client.call("PUT", "/v1/cutover", wanted)
    _tell(found, as_json)


def end(*, as_json: bool, url: str | None, key: str | None) -> None:
    """End the move."""
    with connect(url, key) as client:
        client.call("DELETE", "/v1/cutover")
    if as_json:
        put({"ended": True})
    else:
        say("The move is over: ChatSmart answers everything.")


def report(hours: int, *, as_json: bool, url: str | None, key: str | None) -> None:
    """Both sides, compared."""
    with connect(url, key) as client:
        found = client.call("GET", "/v1/cutover/report", params={"hours": hours})
    if as_json:
        put(found)
        return
    print(f"The last {hours} hours" + (", the newest 10000 comparisons" if found["capped"] else ""))
    for way, number in found["counts"].items():
        print(f"  {number:>8}  {way}")
    models = found["models"] if len(found["models"]) > 1 else []
    for group in [{"model": "all"} | found["overall"], *models]:
        print("\n" + "\n".join(_group(group)))
    for row in found["worst"]:
        print(f"\n{row['trace'] or 'no trace'}  {row['model']}  {row['why']}{_fault(row)}")
    print(f"\n{found['verdict']['text']}")


def _tell(found: Json, as_json: bool) -> None:
    if as_json:
        put(found)
        return
    serve = found["serve_percent"]
    print(f"old path   {found['base_url']}  key {found['api_key_hint'] or 'of each request'}")
    print(f"ChatSmart  answers {serve} %, the old path {100 - serve} %")
    print(
        f"compared   {found['mirror_percent']} % of ChatSmart's, {found['shadow_percent']} % of the old path's"
    )
    for theirs, ours in found["models"].items():
        print(f"model      {theirs} is {ours} here")


def _group(group: Mapping[str, Any]) -> list[str]:
    ours, theirs = group["ours"], group["theirs"]
    lines = [f"{group['model']}: {group['pairs']} compared, {group['both']} answered by both"]
    if group["agreement"] is not None:
        lines[0] += f", {group['agreement']:.1%} agree in form, {group['identical']} identical"
        lines.append(f"  words in common  {group['similarity']:.0%}")
    lines.append(f"{'':<19}{'ChatSmart':>12}{'old path':>12}")
    lines.append(f"  {'failures':<17}{ours['failures']:>12}{theirs['failures']:>12}")
    cost = [dollars(side["cost_micros"]) if group["priced"] else "-" for side in (ours, theirs)]
    lines.append(f"  {'cost':<17}{cost[0]:>12}{cost[1]:>12}")
    for name, label in (("first_token", "first token"), ("total", "whole")):
        for share in ("p50", "p95"):
            mine, other = (_ms(side[f"{name}_{share}_ms"]) for side in (ours, theirs))
            lines.append(f"  {f'{label} {share}':<17}{mine:>12}{other:>12}")
    return lines


def _ms(value: int | None) -> str:
    return "-" if value is None else f"{value} ms"


def _fault(row: Mapping[str, Any]) -> str:
    fault = row["ours"]["fault"]
    return f": ChatSmart {fault}" if fault else ""


def _pair(text: str) -> tuple[str, str]:
    theirs, sign, ours = text.rpartition("=")
    if not (theirs and sign and ours):
        raise Trouble(f"'{text}' names no pair: --model takes THEIRS=OURS.", code=2)
    return theirs, ours
