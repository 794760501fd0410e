"""Whatever breaks inside a request, in our own code too: nothing is left behind, nothing is bought twice.

This is the one place where a test replaces what is inside: there is no other way to have our own code fail.
"""

import asyncio
import base64
import gc
import json
import threading
from importlib import import_module
from pathlib import Path

import pytest
from aiohttp import web

from pixroute import ImageResult, PixrouteError, Router
from pixroute.plugins import load_plugins
from pixroute.testing.fake import blank_png
from pixroute.testing.invariants import Invariants

PICTURE = base64.b64encode(blank_png(1024, 1024)).decode()
MOST = 2


class Broken(RuntimeError):
    """What is injected."""


BEFORE_A_PICTURE = (
    "pixroute.routing.run:plan",
    "pixroute.routing.fulfil:prepared_providers",
    "pixroute.routing.fulfil:cut",
    "pixroute.routing.budget:RequestBudget.reserve",
    "pixroute.routing.attempts:AttemptPlace",
    "pixroute.routing.attempts:Attempt",
    "pixroute.health.registry:Health.status",
    "pixroute.health.registry:Health.admit",
    "pixroute.health.breaker:Breaker.admit",
    "pixroute.routing.attempt:Attempt.run_here",
    "pixroute.routing.emitter:Emitter.begin",
    "pixroute.http.provider:outgoing",
    "pixroute.http.transport:Transport.exchange",
    "pixroute.http.wire.wire:Wire.send",
    "pixroute.http.wire.wire:Wire.sending",
    "pixroute.http.wire.wire:Wire.read",
    "pixroute.http.wire.exchange:small_document",
    "pixroute.http.provider:HttpProvider._success",
)
WITH_A_PICTURE = (
    "pixroute.routing.attempt:validate",
    "pixroute.routing.attempt:billing_of",
    "pixroute.routing.attempt:cost_of",
    "pixroute.routing.attempt:settle",
    "pixroute.health.admission:Admission.settle",
    "pixroute.health.admission:Admission.release_slot",
    "pixroute.health.breaker:Breaker.settle",
    "pixroute.health.latency:LearnedLatency.add",
    "pixroute.routing.budget:RequestBudget.settle",
    "pixroute.routing.emitter:Emitter.finish",
    "pixroute.routing.observers:Observers._tell",
    "pixroute.routing.deliver:Delivery.deliver",
    "pixroute.routing.deliver:placed",
    "pixroute.routing.attempts:Attempts.records",
    "pixroute.routing.fulfil:record_of",
    "pixroute.routing.fulfil:conclude",
    "pixroute.health.registry:Health.close",
    "pixroute.http.provider:HttpProvider.aclose",
)


@pytest.fixture
def inject(monkeypatch):
    """Have one internal call raise, every time; give how often it did."""

    def inject_(place: str) -> list[None]:
        module, _, path = place.partition(":")
        owner, names, raised = import_module(module), path.split("."), []
        for name in names[:-1]:
            owner = getattr(owner, name)
        inside = getattr(owner, names[-1])

        def broken(*_args, **_options):
            raised.append(None)
            raise Broken(place)

        async def broken_later(*_args, **_options):
            broken()

        monkeypatch.setattr(owner, names[-1], broken_later if asyncio.iscoroutinefunction(inside) else broken)
        return raised

    return inject_


@pytest.fixture
def upstreams():
    """Serve pictures on a thread of its own; give the address and the list of calls that were bought."""
    calls, ready, loop = [], threading.Event(), asyncio.new_event_loop()

    async def answer(request):
        calls.append(request.path)
        await request.read()
        return web.Response(text=json.dumps({"data": [{"b64_json": PICTURE}]}), content_type="application/json")

    async def serve():
        app = web.Application()
        app.router.add_post("/{tail:.*}", answer)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        served.append((runner, site._server.sockets[0].getsockname()[1]))
        ready.set()

    served = []
    thread = threading.Thread(target=lambda: (loop.run_until_complete(serve()), loop.run_forever()))
    thread.start()
    ready.wait()
    runner, port = served[0]
    yield f"http://127.0.0.1:{port}", calls
    asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def router_for(url, number, checker):
    names = [f"p{each}" for each in range(number)]
    providers = {
        name: {
            "type": "openai-images",
            "base_url": f"{url}/{name}/v1",
            "api_key": f"secret-key-of-{name}",
            "upstream": name,
            "plaintext": "accept",
            "max_in_flight": 2,
            "price": {"other": "0.04"},
        }
        for name in names
    }
    mapping = {"providers": providers, "chains": {"default": names}, "policy": {"retry": {"rounds": []}}}
    return Router.from_mapping(mapping, plugins=load_plugins(), observers={"checker": checker}, seed=1)


def descriptors():
    """Count the open ones."""
    return len(list(Path("/proc/self/fd").iterdir()))


async def one_request(router, folder):
    """Ask once, on a fresh router; give the end, what is left in flight, and the tasks left over."""
    try:
        end = await router.generate("a lighthouse", into=folder / "x.png", max_cost="1", timeout=200)
    except Exception as error:  # noqa: BLE001 - what it is is the question
        end = error
    await asyncio.sleep(0.01)
    in_flight = {entry.key: entry.in_flight for entry in router.health() if entry.in_flight}
    await router.aclose(drain=0)
    return end, in_flight, asyncio.all_tasks() - {asyncio.current_task()}


@pytest.mark.parametrize("number", [1, 3])
@pytest.mark.parametrize("place", BEFORE_A_PICTURE + WITH_A_PICTURE)
async def test_whatever_breaks_inside_nothing_is_left_and_nothing_bought_twice(
    inject, upstreams, tmp_path, place, number
):
    """A typed error or a picture, with a complete record; no token, slot, task, socket or file left."""
    url, calls = upstreams
    checker = Invariants()
    router = router_for(url, number, checker)
    before = descriptors()
    raised = inject(place)

    end, in_flight, tasks = await one_request(router, tmp_path)

    assert raised, f"nothing calls it: the test injects nothing; {end!r}"
    assert isinstance(end, ImageResult | PixrouteError), repr(end)
    assert in_flight == {}
    assert not tasks
    assert len(calls) <= (1 if place in WITH_A_PICTURE else MOST)
    assert len(end.record.attempts) >= len(calls) or end.cost.possible is None
    assert all(attempt.ended >= attempt.started for attempt in end.record.attempts)
    left = {path.name for path in tmp_path.iterdir()}
    assert left <= ({"x.png"} if isinstance(end, ImageResult) else set())
    del end
    for _ in range(100):
        gc.collect()
        if descriptors() <= before:
            break
        await asyncio.sleep(0.01)
    assert descriptors() <= before


async def test_without_an_injection_the_same_request_brings_its_picture(upstreams, tmp_path):
    """So that the others say something."""
    url, calls = upstreams
    checker = Invariants()

    end, in_flight, tasks = await one_request(router_for(url, 3, checker), tmp_path)

    assert (in_flight, tasks, len(calls)) == ({}, set(), 1)
    assert end.path == tmp_path / "x.png" if hasattr(end, "path") else (tmp_path / "x.png").exists()
    checker.check_end()
