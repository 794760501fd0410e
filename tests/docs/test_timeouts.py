"""The page on time-outs tells what is so, here and in the libraries installed."""

import importlib
import re
from importlib.util import find_spec
from pathlib import Path

import aiohttp
import openai
import requests
from google.genai.types import HttpOptions

from pixroute.policy import TIMEOUT_PRESETS
from pixroute_nano_banana.provider import LATENCY

PAGE = (Path(__file__).parents[2] / "docs" / "timeouts.md").read_text(encoding="utf-8")


def rows() -> list[list[str]]:
    """Give the cells of all tables."""
    return [
        [cell.strip() for cell in line.strip("|").split("|")] for line in re.findall(r"^\|.+\|$", PAGE, re.MULTILINE)
    ]


def test_the_presets_are_told_as_they_are():
    """Each preset's row has its four times."""
    told = {name: row[1:] for row in rows() for name in re.findall(r'"(\w+)"', row[0])}

    assert told == {name: [f"{seconds:g}" for seconds in times.values()] for name, times in TIMEOUT_PRESETS.items()}


def test_the_margins_are_told_as_they_are():
    """P50, P95, P99, the time-out, and what it leaves over them."""
    told = {row[0]: row[1:] for row in rows() if row[0] in LATENCY.table}
    default = TIMEOUT_PRESETS["datacenter"]

    assert told == {
        name: [
            f"{each:g}" for each in (q.p50, q.p95, q.p99, default[name], default[name] - q.p95, default[name] - q.p99)
        ]
        for name, q in LATENCY.table.items()
    }


def test_the_defaults_of_others_are_what_the_page_says():
    """Read from the installed libraries; a new release that changes one fails here."""
    httpx = importlib.import_module("httpx2" if find_spec("httpx2") else "httpx")  # its name by the age of openai's

    with httpx.Client() as client:
        assert (client.timeout.connect, client.timeout.read) == (5, 5)
    with requests.Session() as session:
        assert session.get_adapter("https://").send.__defaults__[1] is None
    assert (aiohttp.client.DEFAULT_TIMEOUT.total, aiohttp.client.DEFAULT_TIMEOUT.sock_connect) == (300, 30)
    assert aiohttp.ClientTimeout(total=600).sock_connect is None
    assert (openai.DEFAULT_TIMEOUT.read, openai.DEFAULT_TIMEOUT.connect, openai.DEFAULT_MAX_RETRIES) == (600, 5, 2)
    assert (HttpOptions().timeout, HttpOptions().retry_options) == (None, None)
