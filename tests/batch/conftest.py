"""Items without a file."""

import pytest

from pixroute import ImageRequest
from pixroute.batch.items import Item


@pytest.fixture
def item():
    """Make an item of this id."""

    def item(id_="a", line=1, content="c0ffee", chain=None, **asked):
        request = ImageRequest("a secret wish", **{"size": "1K", **asked})
        return Item(id=id_, line=line, request=request, chain=chain, content=content, name=id_)

    return item
