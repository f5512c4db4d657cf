"""Images: what a header states is believed only as far as a recording's picture can go."""

import struct
import zlib

import cv2
import numpy as np
import pytest

from mcoe.core.images import IMAGE_SUFFIXES, MAX_SIDE, image_size, read_image

PICTURE = np.random.default_rng(3).integers(0, 256, (37, 53, 3), np.uint8)


def encoded(suffix, image=PICTURE):
    return cv2.imencode(suffix, image)[1].tobytes()


def patched(data, at, form, *values):
    out = bytearray(data)
    struct.pack_into(form, out, at, *values)
    return bytes(out)


def stating(suffix, width, height):
    """Return a small real image whose header states another size."""
    data = encoded(suffix)
    if suffix == ".png":
        data = patched(data, 16, ">II", width, height)
        return patched(data, 29, ">I", zlib.crc32(data[12:29]))
    if suffix == ".jpg":
        return patched(data, data.index(b"\xff\xc0") + 5, ">HH", min(height, 65535), min(width, 65535))
    if suffix == ".bmp":
        return patched(data, 18, "<ii", width, height)
    first = struct.unpack_from("<I", data, 4)[0]
    for entry in range(struct.unpack_from("<H", data, first)[0]):
        at = first + 2 + 12 * entry
        tag = struct.unpack_from("<H", data, at)[0]
        if tag in (256, 257):
            data = patched(data, at + 2, "<HII", 4, 1, width if tag == 256 else height)
    return data


@pytest.mark.parametrize("suffix", IMAGE_SUFFIXES)
def test_a_size_is_known_before_anything_is_decoded(suffix):
    assert image_size(encoded(suffix)) == (53, 37)


@pytest.mark.parametrize("suffix", [s for s in IMAGE_SUFFIXES if s not in (".jpg", ".jpeg", ".webp")])
def test_what_was_written_without_loss_is_read(tmp_path, suffix):
    (tmp_path / f"a{suffix}").write_bytes(encoded(suffix))
    np.testing.assert_array_equal(read_image(tmp_path / f"a{suffix}"), PICTURE[..., ::-1])


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
def test_of_16_bits_the_upper_8_are_read(tmp_path, suffix):
    deep = PICTURE.astype(np.uint16) << 8 | 0x7F
    (tmp_path / f"a{suffix}").write_bytes(encoded(suffix, deep))
    np.testing.assert_array_equal(read_image(tmp_path / f"a{suffix}"), PICTURE[..., ::-1])


def test_a_webp_is_read(tmp_path):
    (tmp_path / "a.webp").write_bytes(encoded(".webp", np.full((37, 53, 3), 90, np.uint8)))
    assert abs(int(read_image(tmp_path / "a.webp").mean()) - 90) < 3


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp", ".tiff"])
@pytest.mark.parametrize("size", [(60_000, 60_000), (MAX_SIDE + 1, 1), (1, 65_535), (0, 37)])
def test_no_pixels_are_decoded_of_a_size_that_no_recording_has(tmp_path, monkeypatch, suffix, size):
    monkeypatch.setattr(cv2, "imdecode", lambda *_: pytest.fail("it was decoded"))
    (tmp_path / "a.png").write_bytes(stating(suffix, *size))  # by content, not by name
    assert read_image(tmp_path / "a.png") is None


def test_a_jpeg_of_many_scans_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(cv2, "imdecode", lambda *_: pytest.fail("it was decoded"))
    data = stating(".jpg", 8_000, 8_000)
    scan = data[data.index(b"\xff\xda") : -2]
    (tmp_path / "a.jpg").write_bytes(data[:-2] + scan * 40 + b"\xff\xd9")
    assert read_image(tmp_path / "a.jpg") is None


def test_a_tile_larger_than_its_image_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(cv2, "imdecode", lambda *_: pytest.fail("it was decoded"))
    tags = [(256, 3, 64), (257, 3, 64), (258, 3, 8), (277, 3, 1), (322, 4, 1 << 20), (323, 4, 1 << 14)]
    content = b"II*\0" + struct.pack("<IH", 8, len(tags))
    content += b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in tags) + bytes(4)
    (tmp_path / "a.tif").write_bytes(content)
    assert read_image(tmp_path / "a.tif") is None


@pytest.mark.parametrize("suffix", IMAGE_SUFFIXES)
def test_a_header_cut_anywhere_is_no_image_and_no_exception(tmp_path, suffix):
    data = encoded(suffix)
    for end in range(60):
        image_size(data[:end])
    (tmp_path / f"a{suffix}").write_bytes(data[:40])
    assert read_image(tmp_path / f"a{suffix}") is None


def test_other_kinds_are_no_images_whatever_their_name(tmp_path):
    for content in (b"", b"P5 99999 99999 255\n", b"GIF89a" + b"\xff" * 20, b"\x76\x2f\x31\x01" + bytes(40)):
        (tmp_path / "a.png").write_bytes(content)
        assert read_image(tmp_path / "a.png") is None
