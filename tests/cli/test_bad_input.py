"""Bad input: one clear sentence, exit code 2, nothing sent."""

import pytest

EMULATED = ("generate", "x", "--emulated", "--time-scale", "0.01")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("generate",), "Error: Missing argument 'PROMPT'."),
        (("generate", " ", "--emulated"), "Error: the prompt is empty."),
        ((*EMULATED, "--size", "huge"), "Error: size 'huge' is none of 1K, 2K, 4K, WIDTHxHEIGHT"),
        ((*EMULATED, "--aspect", "wide"), "Error: aspect_ratio 'wide' is not W:H"),
        ((*EMULATED, "--size", "64x64", "--aspect", "16:9"), "Error: 64x64 is not 16:9"),
        ((*EMULATED, "-n", "0"), "Error: Invalid value for '-n'"),
        ((*EMULATED, "--chain", "hero"), "Error: there is no chain 'hero'; there are default"),
        ((*EMULATED, "--fault", "overloaded"), "Error: --fault 'overloaded' is not PROVIDER=FAULT"),
        ((*EMULATED, "--fault", "banana-http=ovrloaded"), "did you mean 'overloaded'?"),
        ((*EMULATED, "--fault", "bananas=overloaded"), "did you mean 'banana'?"),
        ((*EMULATED, "--max-cost", "much"), "'much' is not an amount such as 0.25."),
        ((*EMULATED, "--max-cost", "nan"), "'nan' is not an amount such as 0.25."),
        ((*EMULATED, "--tag", "art"), "'art' is not KEY=VALUE."),
        ((*EMULATED, "--image", "none.png"), "File 'none.png' does not exist."),
        ((*EMULATED, "-o", "none/x.png"), "Error: -o none/x.png: there is no folder none."),
        ((*EMULATED, "-o", "x.tiff"), "Error: -o x.tiff: pictures are written as .png, .jpg, .jpeg, .webp."),
        ((*EMULATED, "-o", "."), "Error: -o . is a folder; name a file."),
        ((*EMULATED, "-c", "x.toml"), "cannot be read: No such file or directory"),
        ((*EMULATED, "--plaintext", "accept"), "Error: --emulated needs no --plaintext"),
        (("generate", "x", "--fault", "none"), "Error: --time-scale and --fault are for --emulated."),
        (("generate", "x", "-c", "none.toml"), "cannot be read: No such file or directory"),
        (("generate", "x", "-c", "none.toml", "--plaintext", "accept"), "Error: --plaintext is for the built-in chain"),
        (("explain", "--size", "huge"), "Error: size 'huge' is none of"),
        (("explain", "--chain", "hero"), "Error: there is no chain 'hero'"),
        (("emulate", "--fault", "x=slow"), "Error: unknown selector 'x'"),
    ],
)
@pytest.mark.slow  # some of them open the emulator, which makes a certificate
def test_bad_words(pixroute, arguments, sentence):
    """What was typed wrongly is named."""
    run = pixroute(*arguments)

    assert run.code == 2
    assert sentence in run.err
    assert_nothing_sent(run)


def test_without_a_key_both_ways_on_are_named(pixroute):
    """Nobody gets an emulated picture by accident, nor a riddle."""
    run = pixroute("generate", "x")

    assert run.code == 2
    assert run.err == (
        "Error: there is no key: set APIYI_API_KEY, or write a pixroute.toml; or add --emulated, which needs neither.\n"
    )
    assert run.out == ""


def test_a_key_that_a_file_names_and_nobody_set(pixroute, write_config):
    """The variable is named."""
    write_config()

    run = pixroute("generate", "x")

    assert run.code == 2
    assert "providers.a.api_key: the environment variable KEY is not set" in run.err


def test_an_unknown_provider_type(pixroute, write_config, monkeypatch):
    """The nearest type is named."""
    monkeypatch.setenv("KEY", "abcdef")
    write_config("nano-banana-pro-htps")

    run = pixroute("generate", "x")

    assert run.code == 2
    assert "no plugin offers provider type 'nano-banana-pro-htps'; did you mean 'nano-banana-pro-https'?" in run.err


def test_http_without_plaintext(pixroute, write_config, monkeypatch):
    """The key does not travel in clear unless that is said; it is not shown either."""
    monkeypatch.setenv("KEY", "abcdef")
    write_config()

    run = pixroute("generate", "x")

    assert run.code == 2
    assert 'the key would travel in clear; use https://, or say `plaintext = "accept"`' in run.err
    assert "abcdef" not in run.out + run.err


def test_sensitive_with_nothing_but_plaintext(pixroute, write_config, monkeypatch):
    """A sensitive request is refused rather than sent in clear."""
    monkeypatch.setenv("KEY", "abcdef")
    write_config(extra='plaintext = "accept"')

    run = pixroute("generate", "x", "--sensitive")

    assert run.code == 2
    assert "No provider of the chain can serve this request as it stands; nothing was sent." in run.err
    assert "is plaintext and the request is sensitive" in run.out
    assert_nothing_sent(run)


@pytest.mark.slow  # opens the emulator, which makes a certificate
def test_a_reference_that_is_no_picture(pixroute, folder):
    """It is looked at before anything is sent."""
    (folder / "notes.png").write_text("not a picture")

    run = pixroute(*EMULATED, "--image", "notes.png")

    assert run.code == 2
    assert "Error: reference picture notes.png is no picture that can be sent" in run.err
    assert_nothing_sent(run)


def assert_nothing_sent(run):
    assert "asked;" not in run.out
    assert "Traceback" not in run.err
