"""`pixroute keys`."""

from pixroute.serve.keys import FileKeyRing


def test_a_key_is_added_listed_and_revoked(pixroute, folder):
    """Its text is shown once, and nowhere again."""
    added = pixroute("keys", "add", "shop", "--chain", "default", "--per-minute", "60", "--at-once", "4")
    text = added.out.strip()
    listed = pixroute("keys", "list")

    assert added.code == listed.code == 0
    assert FileKeyRing(folder / "pixroute-keys.json").find(text).chains == ("default",)
    assert text[4:12] in listed.out
    assert text[13:] not in listed.out + added.err

    revoked = pixroute("keys", "revoke", text[4:12])
    again = pixroute("keys", "revoke", text[4:12])

    assert revoked.code == 0
    assert FileKeyRing(folder / "pixroute-keys.json").find(text) is None
    assert (again.code, "there is no key" in again.err) == (2, True)


def test_without_a_file_there_are_none(pixroute):
    """Told in a sentence; a field that may not go on is refused."""
    assert "There are no keys" in pixroute("keys", "list").out
    assert "is about number" in pixroute("keys", "add", "shop", "--extra", "image_url").err


CONFIG = """[chains]
default = ["a"]
[providers.a]
type = "seedream"
api_key = { env = "NOT_SET" }
[serve]
"""


def test_keys_lie_where_the_configuration_of_this_folder_has_them(pixroute, folder):
    """As the server looks for them; its providers' keys may be missing. One that names no file is told of it."""
    (folder / "pixroute.toml").write_text(CONFIG + 'keys = "own.json"\n')
    (folder / "other.toml").write_text(CONFIG)

    text = pixroute("keys", "add", "shop").out.strip()
    elsewhere = pixroute("keys", "add", "shop", "-c", "other.toml")

    assert FileKeyRing(folder / "own.json").find(text).name == "shop"
    assert text[4:12] in pixroute("keys", "list").out
    assert 'say [serve] keys = "pixroute-keys.json", or nobody looks there' in elsewhere.err


def test_a_key_that_would_open_nothing_is_not_made(pixroute, folder):
    """A chain or a budget that is not there is told with those that are."""
    (folder / "pixroute.toml").write_text(CONFIG + 'keys = "own.json"\n')

    chain = pixroute("keys", "add", "shop", "--chain", "defualt")
    budget = pixroute("keys", "add", "shop", "--budget", "shop")

    assert (chain.code, budget.code) == (2, 2)
    assert 'nothing is named "defualt"; did you mean default?; there is default, a.' in chain.err
    assert "--budget: nothing is named" in budget.err
    assert not (folder / "own.json").exists()
