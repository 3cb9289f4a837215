"""Opens a task in Jira Cloud when a document is finished.

  printf '%s' "$(printf '%s' 'you@example.com:api-token' | base64 -w0)" | chatsmart plugins secret jira-basic
  chatsmart plugins add examples/plugins/jira.py --host your-site.atlassian.net --secret jira-basic

Put the address of your site and the key of your project in here.
"""
# ruff: noqa: F821  (`fetch` and `log` are the host's)

SITE = "https://your-site.atlassian.net"
PROJECT = "DOC"


def paragraph(text):
    # Jira's own document format: a text in it is never read as markup.
    return {"type": "paragraph", "content": [{"type": "text", "text": text}]}


def run(event):
    title = event.get("title") or event.get("id") or "A document"
    text = (event.get("text") or "")[:4000]
    blocks = [paragraph(part) for part in text.split("\n\n") if part.strip()]
    fields = {
        "project": {"key": PROJECT},
        "issuetype": {"name": "Task"},
        "summary": title.replace("\n", " ")[:250],
        "description": {"type": "doc", "version": 1, "content": blocks or [paragraph(title)]},
    }
    answer = fetch(
        SITE + "/rest/api/3/issue",
        method="POST",
        headers={"Authorization": "Basic {{secret:jira-basic}}", "Accept": "application/json"},
        json={"fields": fields},
    )
    if answer["status"] != 201:
        raise ValueError("Jira answered " + str(answer["status"]) + ": " + answer["text"][:300])
    return {"issue": answer["json"]["key"]}
