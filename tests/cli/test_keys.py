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
