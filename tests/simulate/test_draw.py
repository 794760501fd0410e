"""Chance by name."""

from statistics import correlation, fmean, stdev

from pixroute.simulate.draw import Spells, draw, draw_normal, stream


def test_the_same_names_give_the_same_number_and_others_another():
    """Whoever asks, in whatever order."""
    assert draw(1, "work", "banana", 7) == draw(1, "work", "banana", 7)
    assert len({draw(1, "a"), draw(2, "a"), draw(1, "b"), draw(1, "a", 0)}) == 4


def test_numbers_are_uniform_and_normal():
    """Their first moments are right."""
    uniform = [draw(3, number) for number in range(2000)]
    normal = [draw_normal(3, number) for number in range(2000)]

    assert abs(fmean(uniform) - 0.5) < 0.02
    assert abs(fmean(normal)) < 0.06
    assert abs(stdev(normal) - 1) < 0.05


def test_spells_last_as_long_as_they_are_said_to():
    """A standard normal whose correlation falls to 1/e in `lasting` seconds."""
    spells = Spells(stream(1, "spells"), 600)
    levels = [spells.at(30.0 * step) for step in range(20_000)]

    assert abs(stdev(levels) - 1) < 0.1
    assert abs(correlation(levels[:-20], levels[20:]) - 0.37) < 0.1
