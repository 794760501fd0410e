"""The pages that are written from the classes they describe."""

from __future__ import annotations

from generator.commands import commands
from generator.configuration import configuration
from generator.events import event_page, hooks
from generator.failures import failures, which_failure
from generator.mistakes import mistakes
from generator.python import python_pages
from generator.scenarios import scenarios
from pixroute.plugins import load_plugins

NOTE = "<!-- Written by docs/generate.py; do not edit. -->"


def pages() -> dict[str, str]:
    """Give every generated page by its path under docs/."""
    written = {
        "which-failure.md": which_failure(),
        "when-you-are-wrong.md": mistakes(),
        "scenarios.md": scenarios(),
        "reference/failures.md": failures(),
        "reference/events.md": event_page(),
        "reference/hooks.md": hooks(),
        "reference/configuration.md": configuration(load_plugins()),
        "reference/cli.md": commands(),
        **python_pages(),
    }
    return {name: "\n".join([NOTE, "", *lines]) + "\n" for name, lines in written.items()}
