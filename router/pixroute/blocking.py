"""The router for services without asyncio: the same names, its own loop in a thread, safe from several threads."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import wraps
from os import PathLike
from types import TracebackType
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Self, TypeVar

from pixroute.errors import ShuttingDown
from pixroute.events import Observer
from pixroute.policy import Policy
from pixroute.provider import Provider
from pixroute.request import ImageRequest
from pixroute.routing.arguments import check_drain
from pixroute.routing.router import Router as AsyncRouter

if TYPE_CHECKING:
    from pixroute.config.model import Config
    from pixroute.config.shared import SharedSettings
    from pixroute.http.transport import Transport
    from pixroute.shared.budgets import Budget

T = TypeVar("T")
P = ParamSpec("P")


def _on_loop(method: Callable[Concatenate[AsyncRouter, P], T]) -> Callable[Concatenate[Router, P], T]:
    """Give a plain method that is called where the router lives; before it is entered, at once."""

    @wraps(method)
    def call(self: Router, /, *args: P.args, **options: P.kwargs) -> T:
        async def there() -> T:
            return method(self._router, *args, **options)

        return method(self._router, *args, **options) if self._loop is None else self._wait_for(there)

    return call


def _reading(method: Callable[Concatenate[AsyncRouter, P], T]) -> Callable[Concatenate[Router, P], T]:
    """Give a plain method that any thread may call at any time, for it moves nothing."""

    @wraps(method)
    def call(self: Router, /, *args: P.args, **options: P.kwargs) -> T:
        return method(self._router, *args, **options)

    return call


def _blocking(
    method: Callable[Concatenate[AsyncRouter, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[Router, P], T]:
    """Give a method of the router with the same arguments, documentation and errors, that blocks."""

    @wraps(method)
    def call(self: Router, /, *args: P.args, **options: P.kwargs) -> T:
        return self._wait_for(lambda: method(self._router, *args, **options))

    return call


class Router:
    """`pixroute.Router`, blocking.

    Enter it once, as a context manager, and after a fork; then call it from any number of threads. A call blocks its
    own thread only; interrupting it (KeyboardInterrupt) cancels its request. Observers are called on the router's
    thread. Arguments and errors are those of `pixroute.Router`; beside them:

    Raises:
        RuntimeError: a method was called outside `with`, or from an observer; `explain` and `health` may be called
            anywhere, `disable`, `enable`, `force` and `reset` before `with` too.
    """

    _loop: _LoopThread | None = None

    def __init__(
        self,
        *,
        providers: Mapping[str, Provider],
        chains: Mapping[str, Sequence[str] | tuple[Sequence[str], Policy]],
        policy: Policy | None = None,
        choose: Callable[[ImageRequest], str | None] | None = None,
        observers: Mapping[str, Observer] | None = None,
        seed: int | None = None,
        transport: Transport | None = None,
        budgets: Mapping[str, Budget] | None = None,
        shared: SharedSettings | None = None,
    ) -> None:
        self._router = AsyncRouter(
            providers=providers,
            chains=chains,
            policy=policy,
            choose=choose,
            observers=observers,
            seed=seed,
            transport=transport,
            budgets=budgets,
            shared=shared,
        )

    @classmethod
    def from_toml(cls, path: str | PathLike[str], **options: Any) -> Self:
        """Build from a configuration file."""
        return cls._around(AsyncRouter.from_toml(path, **options))

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any], **options: Any) -> Self:
        """Build from a mapping shaped like the file."""
        return cls._around(AsyncRouter.from_mapping(mapping, **options))

    @classmethod
    def from_config(cls, config: Config, **options: Any) -> Self:
        """Build from a checked configuration."""
        return cls._around(AsyncRouter.from_config(config, **options))

    @classmethod
    def _around(cls, router: AsyncRouter) -> Self:
        self = cls.__new__(cls)
        self._router = router
        return self

    generate = _blocking(AsyncRouter.generate)
    claim = _blocking(AsyncRouter.claim)
    reload = _blocking(AsyncRouter.reload)
    budgets = _blocking(AsyncRouter.budgets)
    disable = _on_loop(AsyncRouter.disable)
    enable = _on_loop(AsyncRouter.enable)
    force = _on_loop(AsyncRouter.force)
    reset = _on_loop(AsyncRouter.reset)
    explain = _reading(AsyncRouter.explain)
    health = _reading(AsyncRouter.health)

    def __enter__(self) -> Self:
        if self._loop is not None:
            raise RuntimeError("a router is entered once; make another")
        self._loop = _LoopThread()
        try:
            self._wait_for(self._router.__aenter__)
        except BaseException:
            self._loop.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close(drain=30 if kind is None else 0)

    def close(self, *, drain: float = 30.0) -> None:
        """Stop admitting, let what other threads have in flight end for `drain` seconds, then cancel it.

        A call that is ended so raises ShuttingDown, which carries its record and cost. Interrupting `close` ends the
        draining.

        Raises:
            ValueError: `drain` is no number of seconds.
        """
        check_drain(drain)
        if self._loop is None or not self._loop.runs:
            return
        try:
            self._wait_for(lambda: self._router.aclose(drain=drain))
        except KeyboardInterrupt:
            self._wait_for(lambda: self._router.aclose(drain=0))
            raise
        finally:
            self._loop.stop()

    def _wait_for(self, start: Callable[[], Coroutine[Any, Any, T]]) -> T:
        if self._loop is None:
            raise RuntimeError("this router is not open: use it inside `with`")
        return self._loop.run(start)


class _LoopThread:
    """An event loop that runs in a thread of its own until it is stopped."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._stopped = asyncio.Event()
        self._lock = threading.Lock()
        self.runs = True
        self._thread = threading.Thread(target=self._live, name="pixroute", daemon=True)
        self._thread.start()

    def _live(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:  # it also cancels what is left at the end
            runner.run(self._stopped.wait())

    def run(self, start: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Run a coroutine to its end; an exception in the waiting thread cancels it."""
        future = self._submit(start)
        try:
            return future.result()
        except concurrent.futures.CancelledError:
            raise ShuttingDown("The router was closed while this request ran.") from None
        except BaseException:
            future.cancel()
            raise

    def _submit(self, start: Callable[[], Coroutine[Any, Any, T]]) -> concurrent.futures.Future[T]:
        if threading.current_thread() is self._thread:
            raise RuntimeError("called from the router's own thread (by an observer?), where it would wait for itself")
        with self._lock:  # so that nothing is handed to a loop that will not run it
            if not (self.runs and self._thread.is_alive()):
                raise RuntimeError("this router is closed, or belongs to the process that forked this one")
            return asyncio.run_coroutine_threadsafe(start(), self._loop)

    def stop(self) -> None:
        """Cancel what is left, and end the thread."""
        with self._lock:
            self.runs = False
            self._loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join()
