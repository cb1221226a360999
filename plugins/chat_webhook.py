"""A handler: post one line to a chat (incoming webhooks of Slack, Mattermost, Rocket.Chat).

    do:
    - chat: {url: env:CHAT_URL, text: "{from}: {subject}"}

The address of the chat is a secret, so it is a reference. A chat in a private network is named in inbox.toml:

    [handlers.chat]
    allow = ["chat.corp.example"]
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from inbox import Failed, Secret, hookimpl
from inbox.send import http

if TYPE_CHECKING:
    from inbox.hookspecs import Register


@hookimpl
def register_handlers(register: Register) -> None:
    register("chat", chat, acts=True)


def chat(settings: Mapping[str, Any], *, url: Secret, text: str = "{subject}", channel: str | None = None) -> str:
    """Post one line to a chat.

    url: env:NAME or file:PATH with the address of an incoming webhook. text: the line, with placeholders. channel: if not the usual one.
    """
    body = {"text": " ".join(text.split())[:2000] or "(no subject)"}
    if channel:
        body["channel"] = channel
    try:
        target = http.target(url)
    except ValueError:
        raise Failed("url is no web address; it should be https://...") from None  # the value is a secret, so it is not repeated
    answer = http.post(target, json.dumps(body).encode(), {"Content-Type": "application/json"}, timeout=10, allow=settings.get("allow", ()))
    return http.judge(answer)
