"""Reading what a batch is to make."""

import json

import pytest

from pixroute import ConfigError, ImageRequest
from pixroute.batch.items import read_items
from pixroute.request import Size

TEMPLATE = ImageRequest("not used", size="2K", n=2, tags={"team": "art"})


@pytest.fixture
def read(tmp_path):
    """Write a file and read it as a batch."""

    def read(text, name="prompts.txt", template=TEMPLATE):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_items(path, template, chain="hero")

    return read


def lines(*rows):
    return "".join(json.dumps(row) + "\n" for row in rows)


def mistakes(error):
    return [str(problem) for problem in error.value.problems]


def test_a_text_file_holds_a_prompt_a_line(read):
    """Blank lines count, but make nothing; what is not said is as for all."""
    first, second = read("\ufeffA lighthouse\r\n\n  A boat \n")

    assert (first.line, first.request.prompt) == (1, "A lighthouse")
    assert (second.line, second.request.prompt) == (3, "A boat")
    assert second.request.size == Size("2K")
    assert (second.request.n, second.request.tags, second.chain) == (2, {"team": "art"}, "hero")


def test_a_json_line_may_say_everything_for_itself(read, tmp_path):
    """Size, shape, count, references beside the file, tags beside those for all, chain, sensitive."""
    row = {
        "prompt": "x", "id": "a", "size": "4K", "aspect": "16:9", "n": 1, "references": ["boat.png"],
        "tags": {"page": "3"}, "chain": "other", "sensitive": True,
    }  # fmt: skip

    (item,) = read(lines(row), "p.jsonl")

    request = item.request
    assert (item.id, item.chain) == ("a", "other")
    assert (request.size, request.n, request.sensitive) == (Size("4K", (16, 9)), 1, True)
    assert [reference.path for reference in request.references] == [tmp_path / "boat.png"]
    assert request.tags == {"team": "art", "page": "3"}


def test_a_csv_says_the_same_in_columns(read, tmp_path):
    """An empty cell says nothing; a prompt may hold commas and line ends."""
    header = "id,prompt,size,n,references,tags,sensitive\n"
    first, second = read(header + 'a,"x,\ny",1K,3,a.png; b.png,page=3;x=y,TRUE\n,z,,,,,\n', "p.csv")

    assert (first.request.prompt, first.request.n, first.request.sensitive) == ("x,\ny", 3, True)
    assert [reference.path.name for reference in first.request.references] == ["a.png", "b.png"]
    assert first.request.tags == {"team": "art", "page": "3", "x": "y"}
    assert (second.request.prompt, second.request.size, second.request.n) == ("z", Size("2K"), 2)


def test_a_shape_alone_goes_with_the_size_for_all(read):
    """And a size alone leaves the shape for all behind."""
    template = ImageRequest("x", size="4K 16:9")
    shape, size = read(lines({"prompt": "x", "aspect": "1:1"}, {"prompt": "x", "size": "1K"}), "p.jsonl", template)

    assert (shape.request.size, size.request.size) == (Size("4K", (1, 1)), Size("1K"))


def test_a_derived_id_stays_when_lines_come_and_go(read):
    """It is made of the content, so that a line put in above buys nothing twice; repeated lines are counted."""
    before = {item.request.prompt: item.id for item in read("a\nb\nc\n")}
    after = {item.request.prompt: item.id for item in read("new\nb\na\nc\n")}
    twins = [item.id for item in read("a\na\n")]

    assert after.items() >= before.items()
    assert twins == [before["a"], f"{before['a']}-2"]


@pytest.mark.parametrize("change", [{"size": "1K"}, {"n": 1}, {"references": ["a.png"]}, {"prompt": "y"}])
def test_the_hash_is_of_what_makes_the_picture(read, change):
    """Another size, count or reference is another picture; another tag or chain is not."""
    (plain,) = read(lines({"prompt": "x"}), "p.jsonl")
    (changed,) = read(lines({"prompt": "x", **change}), "p.jsonl")
    (told_apart,) = read(lines({"prompt": "x", "tags": {"a": "b"}, "chain": "c"}), "p.jsonl")

    assert changed.content != plain.content
    assert told_apart.content == plain.content


@pytest.mark.parametrize(
    ("id_", "name"),
    [
        ("hero", "hero"),
        ("hero/1", "hero-1-16fa71c4"),
        ("../../etc/passwd", "etc-passwd-3754d6cb"),
        ("灯塔", "item-c499ec83"),
        ("a" * 99, "a" * 60 + "-13284468"),
        ("x.png", "x-png-3910c650"),
    ],
)
def test_file_names_are_safe(read, id_, name):
    """No folder, no hidden suffix, nothing a file system refuses; what had to change is told apart by a hash."""
    (item,) = read(lines({"prompt": "x", "id": id_}), "p.jsonl")

    assert item.id == id_
    assert item.name == name


def test_a_derived_name_begins_with_its_line(read):
    """So that the folder is in the order of the file."""
    first, second = read("a\nb\n")

    assert (first.name, second.name) == (f"0001-{first.id}", f"0002-{second.id}")


def test_all_bad_lines_are_told_at_once(read):
    """Each with its line and what to do, and no prompt in it."""
    text = lines(
        {"prompt": "a secret", "szie": "4K"}, {"prompt": "a secret", "n": "2"}, {"prompt": "a secret", "n": 0},
        {"prompt": " "}, {"prompt": "a secret", "size": "5K"}, ["a secret"], {"id": "a"}, {"prompt": "x", "id": " "},
        {"prompt": "x", "id": "A"}, {"prompt": "x", "id": "a"},
    )  # fmt: skip

    with pytest.raises(ConfigError) as error:
        read(text + '{"prompt": "a secret"', "p.jsonl")

    assert mistakes(error) == [
        "line 1.szie: is not known here; did you mean size?",
        'line 2.n: must be a whole number, not "2"',
        "line 3.n: must be a whole number from 1 to 100, not 0",
        "line 4: the prompt is empty; say what to draw",
        "line 5: size '5K' is none of 1K, 2K, 4K, WIDTHxHEIGHT (such as 2048x2048), or '2K 16:9'",
        'line 6: is not an object such as {"prompt": "…"}',
        "line 7.prompt: is missing",
        "line 8: the id is empty or holds what cannot be seen",
        "line 11: is not JSON: Expecting ',' delimiter: line 1 column 22 (char 21)",
        "line 10: has the id of line 9 (capitals do not tell files apart)",
    ]


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("promt,n\nx,1\n", "line 1: is not known here; did you mean prompt?"),
        ("id,n\nx,1\n", "line 1: the header names no column prompt"),
        ("prompt,n\nx,1,2\n", "line 2: has more cells than the header"),
        ("prompt,n\nx,many\n", 'line 2.n: must be a whole number, not "many"'),
        ("prompt,sensitive\nx,maybe\n", 'line 2.sensitive: must be true or false, not "maybe"'),
        ('prompt\n"x\n', "line 2: is not CSV: unexpected end of data"),
    ],
)
def test_a_bad_csv_is_told(read, text, mistake):
    """A header's mistake once, not for every line."""
    with pytest.raises(ConfigError) as error:
        read(text, "p.csv")

    assert mistakes(error) == [mistake]


@pytest.mark.parametrize(
    ("text", "name", "mistake"),
    [
        ("\n \n", "p.txt", "holds no prompt"),
        (b"\xff", "p.txt", "is not UTF-8 text, from byte 0 on"),
        ("x", "p.docx", "ends in none of .jsonl, .csv, .txt"),
    ],
)
def test_a_file_that_is_none_is_told(read, text, name, mistake):
    """As a whole."""
    with pytest.raises(ConfigError) as error:
        read(text, name)

    assert mistakes(error) == [mistake]
