"""Posts a line to a Slack channel when a document is finished.

  printf '%s' T0000/B0000/xxxx | chatsmart plugins secret slack-path
  chatsmart plugins add examples/plugins/slack.py --host hooks.slack.com --secret slack-path

The secret is what follows https://hooks.slack.com/services/ in the incoming webhook's address.
"""
# ruff: noqa: F821  (`fetch` and `log` are the host's)

WEBHOOK = "https://hooks.slack.com/services/{{secret:slack-path}}"


def plain(text):
    # Slack reads these three as markup; a title that a model wrote must not mention a channel.
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def run(event):
    title = event.get("title") or event.get("id") or "A document"
    line = plain(title) + ": " + event["name"].replace("document.", "")
    answer = fetch(WEBHOOK, method="POST", json={"text": line})
    if answer["status"] != 200:
        raise ValueError("Slack answered " + str(answer["status"]) + ": " + answer["text"][:200])
    return {"posted": line}
