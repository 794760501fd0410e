"""`pixroute plugins`: what is installed, what it can do, what is broken and why."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import click

from pixroute.cli.words import amount, console, table
from pixroute.plugins import Plugin, Plugins, load_plugins, resolve
from pixroute.provider import Capabilities, Price, Provider, ProviderSpec
from pixroute.request import RESOLUTIONS
from pixroute.secret import Secret

PLUGIN_HEADS = ("plugin", "version", "provider types")
ABILITY_HEADS = ("provider type", "sizes", "exact", "shapes", "formats", "refs", "n", "price")


@click.command()
def plugins() -> None:
    """List what is installed, able, or broken.

    Of each provider type: the sizes it makes, the areas that may be asked exactly, how many shapes, formats to choose
    from, most reference pictures, most pictures of one call (n), and the price of a picture.
    """
    found = load_plugins()
    screen = console()
    screen.print(table(PLUGIN_HEADS, [_plugin(plugin) for plugin in found.listed]))
    click.echo()
    screen.print(
        table(ABILITY_HEADS, [_abilities(spec) for spec in found.providers.values()], whole=("provider type",))
    )
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


def _abilities(spec: ProviderSpec) -> tuple[str, ...]:
    provider = _sample(spec)
    if provider is None:
        return spec.name, "depends on its settings", *[""] * 6
    can = provider.capabilities()
    return (
        spec.name,
        " ".join(name for name in RESOLUTIONS if name in can.resolutions) or "any",
        _exact(can),
        _count(can.aspect_ratios, "any"),
        " ".join(sorted(can.output_formats)) or "its own",
        str(can.references or "none"),
        str(can.max_images),
        _price(provider.price),
    )


def _sample(spec: ProviderSpec) -> Provider | None:
    """Make one as a configuration of nothing but a key would; it is never started."""
    keyed: dict[str, Any] = {"api_key": Secret("none"), "plaintext": "accept"}
    known = {field.name for field in spec.settings.__attrs_attrs__}  # type: ignore[attr-defined]  # checked at load
    try:
        settings = spec.settings(**{name: value for name, value in keyed.items() if name in known})
        made: Provider = resolve(spec.create)(spec.name, settings)
    except Exception:  # noqa: BLE001 - a plugin may need settings that only its user knows
        return None
    return made


def _exact(can: Capabilities) -> str:
    steps = f", by {can.multiple_of}" if can.multiple_of > 1 else ""
    if can.exact_pixels is None:
        return f"sides {can.sides[0]}-{can.sides[1]}{steps}" if can.sides else "no"
    low, high = (pixels / 1e6 for pixels in can.exact_pixels)
    return (f"{low:.1f}-{high:.1f} MP" if low >= 0.05 else f"to {high:.1f} MP") + steps


def _count(values: Collection[str], none: str) -> str:
    return str(len(values)) if values else none


def _price(price: Price | None) -> str:
    if price is None:
        return "unknown"
    low, high = (amount(pick(price.amounts.values()), price.currency) for pick in (min, max))
    return low if low == high else f"{low} to {high}"
