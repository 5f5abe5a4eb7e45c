"""Notices through Apprise: to a real listener, to one that hangs, to one that refuses."""

from __future__ import annotations

import json
import threading

import pytest

from tacit.adapters.apprise_notices import AppriseNotifier
from tacit.errors import Misconfigured, Unavailable
from tests.event_servers import Told, told_server

# Apprise loads modules of Python's that later ones will not have, and does without them there.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def test_a_notice_reaches_everybody_who_is_named() -> None:
    with told_server(Told()) as one, told_server(Told()) as two:
        addresses = ",".join(each.address.replace("http://", "json://") for each in (one, two))
        AppriseNotifier(addresses).notify("[TROUBLE] tacit: metrics_unscraped", "Nobody reads.")
        said = [json.loads(each.asked[0][2]) for each in (one, two)]

    assert [(each["title"], each["message"], each["type"]) for each in said] == [
        ("[TROUBLE] tacit: metrics_unscraped", "Nobody reads.", "failure")
    ] * 2


def test_somebody_who_refuses_is_noticed() -> None:
    with told_server(Told(500)) as one, pytest.raises(Unavailable) as caught:
        AppriseNotifier(one.address.replace("http://", "json://")).notify("title", "text")

    assert caught.value.code == "notices_refused"


def test_somebody_who_hangs_is_not_waited_for() -> None:
    over = threading.Event()
    with told_server(Told(after=lambda: over.wait(5))) as one:
        notifier = AppriseNotifier(one.address.replace("http://", "json://"), seconds=0.3)
        with pytest.raises(Unavailable) as caught:
            notifier.notify("title", "text")
        over.set()

    assert caught.value.code == "notices_timeout"


def test_what_is_no_address_is_refused_without_being_shown() -> None:
    with pytest.raises(Misconfigured) as caught:
        AppriseNotifier("nonsense-with-a-secret-1234")

    assert caught.value.field == "monitoring.notify"
    assert "1234" not in str(caught.value)
