"""What a picture is, from its header and its end."""

import io
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pixroute.picture import BadPicture, PictureInfo, Shortfall, inspect, judge
from pixroute.request import Size


def picture(format_, size=(37, 23), mode="RGB", **options):
    """Give a real picture's bytes; a gradient, so that there is something to compress."""
    image = Image.linear_gradient("L").resize(size).convert(mode)
    file = io.BytesIO()
    image.save(file, format_, **options)
    return file.getvalue()


def look(data):
    """Inspect bytes."""
    return inspect(io.BytesIO(data), len(data))


EXIF = Image.Exif()
EXIF[0x010E] = "a thumbnail ends like a picture: \xff\xd9"
SAMPLES = {
    "png": picture("PNG"),
    "png, palette": picture("PNG", mode="P"),
    "png, alpha": picture("PNG", mode="RGBA"),
    "jpeg": picture("JPEG"),
    "jpeg, progressive": picture("JPEG", progressive=True),
    "jpeg, grey": picture("JPEG", mode="L"),
    "jpeg, cmyk": picture("JPEG", mode="CMYK"),
    "jpeg, profile and exif": picture("JPEG", icc_profile=b"\xff\xd9" * 50_000, exif=EXIF),
    "webp, lossy": picture("WEBP"),
    "webp, lossless": picture("WEBP", lossless=True),
    "webp, alpha": picture("WEBP", mode="RGBA"),
    "webp, extended": picture("WEBP", icc_profile=b"profile"),
    "gif": picture("GIF"),
}


@pytest.mark.parametrize("name", SAMPLES)
def test_real_pictures(name):
    """Format and dimensions are read from every coding that providers deliver."""
    assert look(SAMPLES[name]) == PictureInfo(name.split(",")[0], 37, 23)


@pytest.mark.parametrize("format_", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("size", [(1, 1), (2, 300), (255, 257), (4000, 16)])
def test_dimensions(format_, size):
    """Every byte of width and height is in its place."""
    info = look(picture(format_, size))

    assert (info.width, info.height) == size


@pytest.mark.parametrize("name", SAMPLES)
def test_truncation_is_seen_anywhere(name):
    """A picture cut at any byte is refused, at every place in small ones and densely in large ones."""
    data = SAMPLES[name]

    for end in range(0, len(data) - 1, 1 + len(data) // 2000):
        with pytest.raises(BadPicture):
            look(data[:end])
    with pytest.raises(BadPicture):
        look(data[:-1])


@pytest.mark.parametrize("padding", [b"\0" * 500, b"\r\n", b" \n\0"])
@pytest.mark.parametrize("name", SAMPLES)
def test_padding_at_the_end_is_allowed(name, padding):
    """Some writers round a file up."""
    assert look(SAMPLES[name] + padding).pixels == 37 * 23


def test_fill_bytes_before_a_jpeg_marker():
    """The standard allows any number of 0xFF before a marker."""
    data = SAMPLES["jpeg"]

    assert look(data[:2] + b"\xff" * 7 + data[2:]).format == "jpeg"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b"<!DOCTYPE html><html>", "an HTML page"),
        (b"\n<html>", "an HTML page"),
        (b'{"error":{}}', "JSON"),
        (b"<svg xmlns=''>", "SVG"),
        (b"<?xml version='1.0'?>", "XML"),
        (b"%PDF-1.7", "PDF"),
        (b"BM\x00\x00", "BMP"),
        (b"II*\x00", "TIFF"),
        (b"\0\0\0\x1cftypavif", "AVIF"),
        (b"\0\0\0\x1cftypheic", "HEIC"),
        (b"RIFF\0\0\0\0WAVEfmt \0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", "WebP is broken"),
        (b"nothing known", "begins with 6e 6f 74 68"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIDAT\0\0\0\1\0\0\0\1", "does not begin with its header"),
        (b"\xff\xd8\xff\xd9", "no picture data"),
        (b"\xff\xd8\xff\xe0" + b"\0" * 100, "no picture data"),
        (b"\xff\xd8" + b"\xff\xe0\0\x02" * 3000, "no picture data"),
    ],
)
def test_what_is_no_picture(data, words):
    """The text names what came instead."""
    with pytest.raises(BadPicture, match=words):
        look(data)


def png(width, height):
    """Give a PNG that is nothing but header and end."""
    return b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">II", width, height) + b"\0\0\0\0IEND\xaeB`\x82"


def test_more_than_64_megapixels():
    """A bomb is refused by its header."""
    assert look(png(8000, 8000)).pixels == 64_000_000
    with pytest.raises(BadPicture, match="8001x8000"):
        look(png(8001, 8000))


def test_a_side_of_more_than_32768():
    """Few pixels in one long row or column are a bomb as well."""
    assert look(png(32_768, 1)).width == 32_768
    for width, height in ((32_769, 1), (1, 64_000_000)):
        with pytest.raises(BadPicture, match="a side of more than"):
            look(png(width, height))


def test_no_pixels():
    """A picture without width or height is none."""
    with pytest.raises(BadPicture, match="no pixels"):
        look(png(0, 5))


def test_only_ends_are_read():
    """A large picture costs its first and last few kilobytes."""
    data = SAMPLES["png"]
    file = Counting(data[:-12] + bytes(10_000_000) + data[-12:])

    inspect(file, len(file.getbuffer()))

    assert file.count < 10_000


class Counting(io.BytesIO):
    """A file that counts what is read."""

    count = 0

    def read(self, size=-1):
        """Read and count."""
        data = super().read(size)
        self.count += len(data)
        return data


@pytest.mark.parametrize(
    ("name", "media_type", "suffix"), [("jpeg", "image/jpeg", ".jpg"), ("png", "image/png", ".png")]
)
def test_names(name, media_type, suffix):
    """A file is named after what it is."""
    info = look(SAMPLES[name])

    assert (info.media_type, info.suffix) == (media_type, suffix)


@pytest.mark.slow  # a hundred examples for each way to begin
@given(
    st.sampled_from([b"", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", b"\xff\xd8\xff", b"RIFF\0\0\0\0WEBPVP8", b"GIF89a"]),
    st.binary(max_size=200),
)
def test_any_bytes(start, rest):
    """Whatever the bytes, there is a picture or a BadPicture with a sentence."""
    try:
        info = look(start + rest)
    except BadPicture as error:
        assert str(error).isprintable()  # noqa: PT017 - either way out is right
    else:
        assert 0 < info.pixels <= 64_000_000


BANANA = {
    "1:1": ("1024x1024", "2048x2048", "4096x4096"),
    "2:3": ("848x1264", "1696x2528", "3392x5056"),
    "3:4": ("896x1200", "1792x2400", "3584x4800"),
    "4:5": ("928x1152", "1856x2304", "3712x4608"),
    "16:9": ("1376x768", "2752x1536", "5504x3072"),
    "9:16": ("768x1376", "1536x2752", "3072x5504"),
    "21:9": ("1584x672", "3168x1344", "6336x2688"),
}


def of(text):
    """Read `1024x768`."""
    width, height = map(int, text.split("x"))
    return PictureInfo("png", width, height)


@pytest.mark.parametrize("ratio", BANANA)
def test_the_table_of_nano_banana_is_full_size(ratio):
    """Every shape keeps the nominal area of its class (upstreams §2.7), even without tolerance."""
    for name, pixels in zip(("1K", "2K", "4K"), BANANA[ratio], strict=True):
        assert judge(of(pixels), Size.parse(f"{name} {ratio}"), 0.0) is None


@pytest.mark.parametrize(
    ("delivered", "asked", "tolerance", "missing"),
    [
        ("1024x1024", "4K", 0.1, 0.9375),
        ("1024x1024", "4096x4096", 0.1, 0.9375),
        ("2560x1440", "2K 16:9", 0.13, None),
        ("2560x1440", "2K 16:9", 0.1, 0.121),
        ("2048x2048", "1K", 0.0, None),
        ("1900x1000", "2000x1000", 0.05, None),
        ("1899x1000", "2000x1000", 0.05, 0.0505),
    ],
)
def test_judge(delivered, asked, tolerance, missing):
    """A class asks for its nominal area, exact pixels for theirs; the tolerance is a share of it."""
    shortfall = judge(of(delivered), Size.parse(asked), tolerance)

    assert (shortfall and shortfall.missing) == (missing if missing is None else pytest.approx(missing, abs=1e-3))


@pytest.mark.parametrize("asked", [None, Size("other")])
def test_nothing_asked_nothing_missing(asked):
    """A provider's own choice is never too small."""
    assert judge(of("1x1"), asked, 0.0) is None


def test_a_shortfall_speaks_to_a_person():
    """It gives both areas."""
    assert str(Shortfall(1024 * 1024, 4096 * 4096)) == "1.05 of 16.8 megapixels"
