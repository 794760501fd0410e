"""Tools for tests: of services that embed pixroute, of plugins, of pixroute itself."""

from pixroute.testing.fake import Act, FakeCall, FakeProvider, fail, fake_router, picture, silence
from pixroute.testing.virtual import run_virtual

__all__ = ["Act", "FakeCall", "FakeProvider", "fail", "fake_router", "picture", "run_virtual", "silence"]
