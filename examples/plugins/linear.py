"""Opens an issue in Linear when a document is finished, for somebody to read it.

  printf '%s' lin_api_xxxx | chatsmart plugins secret linear-key
  chatsmart plugins add examples/plugins/linear.py --host api.linear.app --secret linear-key

Put the id of your team in here.
"""
# ruff: noqa: F821  (`fetch` and `log` are the host's)

API = "https://api.linear.app/graphql"
TEAM = "00000000-0000-0000-0000-000000000000"
CREATE = """
mutation Create($input: IssueCreateInput!) {
  issueCreate(input: $input) { success issue { identifier url } }
}
"""


def run(event):
    title = (
        (event.get("title") or event.get("id") or "A document")
        + ": "
        + event["name"].replace("document.", "")
    )
    issue = {"teamId": TEAM, "title": title[:250], "description": (event.get("text") or "")[:4000]}
    answer = fetch(
        API,
        method="POST",
        headers={"Authorization": "{{secret:linear-key}}"},
        json={"query": CREATE, "variables": {"input": issue}},
    )
    body = answer["json"] or {}
    if answer["status"] != 200 or body.get("errors"):
        raise ValueError("Linear answered " + str(answer["status"]) + ": " + answer["text"][:300])
    made = body["data"]["issueCreate"]["issue"]
    return {"issue": made["identifier"], "url": made["url"]}
