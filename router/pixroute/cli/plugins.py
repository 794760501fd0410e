"""`pixroute plugins`: what is installed, what it can do, what is broken and why."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import click

from pixroute.cli.words import amount, console, table
from pixroute.latency import Latency
from pixroute.plugins import Plugin, Plugins, load_plugins, sample
from pixroute.provider import Capabilities, Price, ProviderSpec
from pixroute.request import RESOLUTIONS

PLUGIN_HEADS = ("plugin", "version", "provider types")
NAME = "provider type"
ABILITIES = ("sizes", "exact", "shapes", "formats", "refs", "mask", "n")
TERMS = ("1K", "2K", "4K", "prices by", "usual, s", "wire")
WIDE = 160
"""Columns from which one table holds everything."""
_CLASSES = RESOLUTIONS[:3]


@click.command()
def plugins() -> None:
    """List what is installed, able, or broken.

    Of each provider type, as it is without further settings: the classes it makes; which sizes may be asked exactly;
    how many shapes; formats to choose from; most reference pictures; whether it takes a mask; most pictures of one
    call (n); the price of a picture of each class, whose list it stands in ("assumed": in nobody's) and in which month;
    the seconds that half the pictures of each class take (none known: ?); and how its wire is known.
    """
    found = load_plugins()
    screen = console()
    screen.print(table(PLUGIN_HEADS, [_plugin(plugin) for plugin in found.listed]))
    rows = [_row(spec) for spec in found.providers.values()]
    cut = 1 + len(ABILITIES)
    parts: list[tuple[tuple[str, ...], list[tuple[str, ...]]]] = [((NAME, *ABILITIES, *TERMS), rows)]
    if screen.width < WIDE:
        parts = [
            ((NAME, *ABILITIES), [row[:cut] for row in rows]),
            ((NAME, *TERMS), [(row[0], *row[cut:]) for row in rows]),
        ]
    for heads, cells in parts:
        click.echo()
        screen.print(table(heads, cells, whole=(NAME,)))
    for line in _absent(found):
        click.echo(line)


def _plugin(plugin: Plugin) -> tuple[str, ...]:
    observers = [f"{spec.name} (observer)" for spec in plugin.observers]
    version = " ".join(filter(None, (plugin.distribution, plugin.version)))
    return plugin.name, version, ", ".join([*plugin.provider_types, *observers])


def _absent(found: Plugins) -> Iterator[str]:
    for broken in found.broken:
        yield f"Broken: {broken}."
    for name in sorted(found.blocked):
        yield f"Blocked: {name}."


def _row(spec: ProviderSpec) -> tuple[str, ...]:
    provider = sample(spec)
    if provider is None:
        return spec.name, "depends on its settings", *[""] * (len(ABILITIES) + len(TERMS) - 1)
    can = provider.capabilities()
    return (
        spec.name,
        " ".join(name for name in RESOLUTIONS if name in can.resolutions) or "any",
        _exact(can),
        _count(can.aspect_ratios, "any"),
        " ".join(sorted(can.output_formats)) or "its own",
        _references(can),
        "yes" if can.mask_formats else "no",
        str(can.max_images),
        *_prices(provider.price, can),
        "-" if provider.price is None else f"{provider.price.listed or 'not said'} {provider.price.as_of}".rstrip(),
        _usual(provider.latency, can),
        spec.sure or "not said",
    )


def _exact(can: Capabilities) -> str:
    if can.exact_sizes:
        return f"{len(can.exact_sizes)} sizes"
    step = f" /{can.multiple_of}" if can.multiple_of > 1 else ""
    if can.exact_pixels is not None:
        low, high = (pixels / 1e6 for pixels in can.exact_pixels)
        return (f"{low:.1f}-{high:.1f} MP" if low >= 0.05 else f"to {high:.1f} MP") + step
    return "{}-{} px".format(*can.sides) + step if can.sides else "no"


def _references(can: Capabilities) -> str:
    if not can.references:
        return "none"
    formats = f" {' '.join(sorted(can.reference_formats))}" if can.reference_formats else ""
    return f"{can.references}{formats}"


def _count(values: Collection[str], none: str) -> str:
    return str(len(values)) if values else none


def _prices(price: Price | None, can: Capabilities) -> Iterator[str]:
    for name in _CLASSES:
        if can.resolutions and name not in can.resolutions:
            yield "-"
        else:
            yield "?" if price is None or price.at(name) is None else amount(price.at(name), price.currency)


def _usual(latency: Latency, can: Capabilities) -> str:
    made = [name for name in _CLASSES if not can.resolutions or name in can.resolutions]
    times = [f"{latency.table[name].p50:.0f}" if name in latency.table else "?" for name in made]
    return " ".join(times) if latency.table else "?"
