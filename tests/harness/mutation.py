"""What a broken disk or a hostile hand makes of the bytes of a file: anywhere in them, or where the format
has its numbers.
"""

import gzip
import io
import json
import random
import re
import struct
import warnings
import zipfile
import zlib

WHOLE = (
    0,
    1,
    2,
    3,
    127,
    128,
    255,
    256,
    32767,
    32768,
    65535,
    2**31 - 1,
    2**31,
    2**32 - 1,
    2**40,
    2**63 - 1,
    2**63,
    2**64 - 1,
)
WORDS = (
    b"-1",
    b"0",
    b"1e400",
    b"NaN",
    b"-Infinity",
    b"99999999999999999999",
    b"true",
    b"null",
    b"()",
    b"[[]]",
    b"'",
    b'"',
    b"{",
    b"\\",
    b"\0",
    b"\x1b[31m",
    b"\xff",
    b"1L",
    b"0x1",
    b"3_0",
    b"1" * 5000,
    b"(" * 3000,
    b"[" * 3000,
    b"-" * 3000,
)
DESCRIPTIONS = (
    "'|u1'",
    "'>f8'",
    "'<f2'",
    "'<f16'",
    "'|O'",
    "'<U8'",
    "'|V4'",
    "'<c8'",
    "'<M8[ns]'",
    "'|b1'",
    "'u1,f4'",
    "'|S0'",
    "'|V99999999'",
    "[('a', '<f4')]",
    "[('a', '|u1', (2, 2)), ('a', '<i4')]",
    "[]",
    "None",
    "3",
    "('|u1', (9, 9))",
    "'\\\\d'",
    "{'names': 1}",
)
SHAPES = (
    "()",
    "(0,)",
    "(12,)",
    "(-1, 12, 10)",
    "(12, -12, -10)",
    "(9223372036854775807, 9223372036854775807, 2)",
    "(18446744073709551616, 1, 1)",
    "(12.0, 12, 10)",
    "(True, True, True)",
    "(12L, 12L, 10L)",
    "12",
    "'abc'",
    "[12, 12, 10]",
    "(1, 1, 1, 1440)",
    "(None,)",
    "(4, 360, 1, 1)",
    "(4294967296, 4294967296, 4)",
)
STRANGE = [
    None,
    True,
    False,
    -1,
    0,
    1,
    1.5,
    10**400,
    1e999,
    float("nan"),
    "",
    "text",
    "a" * 5000,
    "\x1b[31m\ud800\n",
    "a\0b",
    "~root",
    [],
    [[]],
    [None],
    {},
    {"a": [1]},
    [1, "a"],
    [0.1, 0.2, 0.3],
    {"test": "x"},
    "1,2,3",
    [1] * 3000,
    "/dev/null",
]


def mutate(draw: random.Random, name: str, content: bytes) -> bytes:
    """The content of a file of that name, changed in one to four places, often where its format holds a
    number.
    """
    if name.endswith(".gz") and draw.random() < 0.6:
        inner = mutate(draw, name.removesuffix(".gz"), gzip.decompress(content))
        return gzip.compress(inner, 1)
    if name.endswith(".npz") and draw.random() < 0.5:
        return _rezipped(draw, content)
    for _ in range(draw.choice((1, 1, 1, 2, 4))):
        known = next((change for suffixes, change in BY_FORMAT.items() if name.endswith(suffixes)), None)
        if content.startswith(b"\0\0\x08"):
            known = idx_sizes
        content = (
            known(draw, content) if known and draw.random() < 0.5 else draw.choice(ANYWHERE)(draw, content)
        )
    return content


def _place(draw: random.Random, content: bytes, width: int = 1) -> int:
    """Headers are at the beginning, and in zip files at the end."""
    near = draw.choice((16, 64, 256, len(content)))
    place = draw.randrange(max(1, min(near, len(content))))
    return max(0, min(len(content) - width, len(content) - place if draw.random() < 0.2 else place))


def flip(draw, content):
    place = _place(draw, content)
    return (
        content[:place] + bytes([content[place] ^ 1 << draw.randrange(8)]) + content[place + 1 :]
        if content
        else b"\0"
    )


def overwrite(draw, content):
    place = _place(draw, content)
    junk = draw.randbytes(draw.choice((1, 2, 4, 16)))
    return content[:place] + junk + content[place + len(junk) :]


def extreme(draw, content):
    """A number of one, two, four or eight bytes, either way round."""
    width = draw.choice((1, 2, 4, 8))
    number = (draw.choice(WHOLE) % (1 << 8 * width)).to_bytes(width, draw.choice(("big", "little")))
    place = _place(draw, content, width)
    return content[:place] + number + content[place + width :]


def truncate(draw, content):
    return content[: draw.choice((0, 1, 3, _place(draw, content), len(content) - 1))]


def duplicate(draw, content):
    start, length = _place(draw, content), draw.choice((1, 8, 512, len(content)))
    return content[:start] + content[start : start + length] * draw.choice((2, 3)) + content[start + length :]


def insert(draw, content):
    place = _place(draw, content)
    return (
        content[:place]
        + draw.choice((draw.randbytes(draw.choice((1, 4, 700))), draw.choice(WORDS)))
        + content[place:]
    )


def delete(draw, content):
    place = _place(draw, content)
    return content[:place] + content[place + draw.choice((1, 2, 4, 16, 512)) :]


def number_in_text(draw, content):
    """A number, or a word in quotes, that text is made of."""
    found = list(re.finditer(rb'\d+|"[a-z0-9_.]*"', content[:20_000]))
    if not found:
        return insert(draw, content)
    start, end = draw.choice(found).span()
    return content[:start] + draw.choice(WORDS) + content[end:]


ANYWHERE = (flip, overwrite, extreme, truncate, duplicate, insert, delete, number_in_text)


def idx_sizes(draw, content):
    dimensions = draw.choice((1, 2, 3, 4, 5, 255))
    sizes = [draw.choice((*WHOLE, 12, 10)) % (1 << 32) for _ in range(dimensions)]
    return (
        struct.pack(f">HBB{dimensions}I", 0, draw.choice((8, 8, 8, 9, 13)), dimensions % 256, *sizes)
        + content[16:]
    )


def npy_header(draw, content):
    """The text of the header changed, its length kept in step."""
    if len(content) < 10:
        return insert(draw, content)
    length = int.from_bytes(content[8:10], "little")
    text = content[10 : 10 + length].decode("latin-1").rstrip()
    pattern, values = draw.choice(
        (
            (r"'descr': '[^']*'", DESCRIPTIONS),
            (r"'shape': \([^)]*\)", SHAPES),
            (r"'fortran_order': \w+", ("True", "1", "None", "'no'", "[]")),
        )
    )
    key = pattern.split(":")[0]
    text = re.sub(pattern, lambda _: f"{key}: {draw.choice(values)}", text)
    if draw.random() < 0.2:
        text = draw.choice(
            (
                text[:-1],
                text + "x",
                "(" * 5000,
                "-" * 5000 + "1",
                text + " " * 60_000,
                "[]",
                "{}",
                text.replace("'", '"'),
            )
        )
    version = draw.choice((b"\x01\0", b"\x01\0", b"\x01\0", b"\x02\0", b"\x03\0", b"\x09\0"))
    raw = text.encode("latin-1") + b"\n"
    size = (
        min(len(raw), 65_535).to_bytes(2 if version < b"\x02" else 4, "little")
        if draw.random() < 0.9
        else b"\xff\xff\xff\xff"
    )
    return content[:6] + version + size + raw + content[10 + length :]


def zip_field(draw, content):
    """A number in an entry or a directory of a zip file."""
    found = [match.start() for match in re.finditer(rb"PK(\x01\x02|\x03\x04|\x05\x06|\x06\x06)", content)]
    if not found:
        return insert(draw, content)
    width = draw.choice((2, 4))
    place = draw.choice(found) + draw.randrange(4, 46, 2)
    number = (draw.choice(WHOLE) % (1 << 8 * width)).to_bytes(width, "little")
    return content[:place] + number + content[place + width :]


def _rezipped(draw, content: bytes) -> bytes:
    """The same arrays in a sound zip file, but for what was done to one of them."""
    changed = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as old,
        zipfile.ZipFile(changed, "w", draw.choice((0, 8, 12, 14))) as new,
    ):
        chosen = draw.choice(old.namelist())
        for name in old.namelist():
            body = mutate(draw, name, old.read(name)) if name == chosen else old.read(name)
            for _ in range(draw.choice((1, 1, 1, 0, 2)) if name == chosen else 1):
                with warnings.catch_warnings(action="ignore"):  # duplicate names are what is wanted
                    new.writestr(
                        draw.choice((name, name, name, "../" + name, "x.npy")) if name == chosen else name,
                        body,
                    )
    return changed.getvalue()


TAR_FIELDS = (
    (0, 100),
    (100, 8),
    (108, 8),
    (124, 12),
    (124, 12),
    (124, 12),
    (136, 12),
    (156, 1),
    (156, 1),
    (157, 100),
    (257, 8),
    (345, 155),
)
TAR_VALUES = (
    b"",
    b"-1",
    b"0",
    b"00000000001\0",
    b"77777777777\0",
    b"\x80" + b"\xff" * 11,
    b"\xff" * 12,
    b"\xff" * 11 + b"\0",
    b"\x80" + b"\0" * 10 + b"\1",
    b"../../etc/data_batch_1.bin",
    b"/data_batch_9.bin",
    b"\xff\xfe\x1b[31m_batch.bin",
    b"a\nb_batch.bin",
)


def tar_field(draw, content):
    """A field of a header of a tar file, whose sum is right again."""
    headers = [
        place for place in range(0, len(content), 512) if content[place + 257 : place + 262] == b"ustar"
    ]
    if not headers:
        return insert(draw, content)
    start = draw.choice(headers)
    header = bytearray(content[start : start + 512])
    offset, width = draw.choice(TAR_FIELDS)
    value = (
        draw.choice(b"0123456789xgLKSDVX\0").to_bytes(1, "big")
        if width == 1
        else draw.choice(TAR_VALUES)[:width].ljust(width, b"\0")
    )
    header[offset : offset + width] = value
    if len(header) == 512:
        header[148:156] = b" " * 8
        header[148:156] = b"%06o\0 " % sum(header)
    return content[:start] + bytes(header) + content[start + 512 :]


def png_chunk(draw, content):
    """The length, the name or the content of a chunk, whose sum is right again."""
    place, chunks = 8, []
    while place + 12 <= len(content):
        length = int.from_bytes(content[place : place + 4], "big")
        chunks.append((content[place + 4 : place + 8], content[place + 8 : place + 8 + length]))
        place += 12 + length
    if not chunks:
        return insert(draw, content)
    chosen = draw.randrange(len(chunks))
    name, body = chunks[chosen]
    changes = {
        "body": lambda: (name, draw.choice(ANYWHERE)(draw, body)),
        "name": lambda: (
            draw.choice(
                (
                    b"IHDR",
                    b"PLTE",
                    b"tRNS",
                    b"IDAT",
                    b"IEND",
                    b"zTXt",
                    b"iCCP",
                    b"acTL",
                    b"fdAT",
                    b"eXIf",
                    b"gAMA",
                )
            ),
            body,
        ),
        "size": lambda: (
            b"IHDR",
            struct.pack(">2I", *(draw.choice(WHOLE) % (1 << 32) for _ in "hw")) + chunks[0][1][8:],
        ),
        "bomb": lambda: (
            draw.choice((b"zTXt", b"iCCP", b"IDAT")),
            draw.choice((b"", b"a\0\0")) + zlib.compress(bytes(1 << 20), 1),
        ),
    }
    chunks[chosen] = draw.choice(list(changes.values()))()
    whole = b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in chunks
    )
    return content[:8] + whole


def json_value(draw, content):
    """The value of some key, however deep, or a key that nobody knows."""
    try:
        whole = json.loads(content)
    except (ValueError, RecursionError):
        return number_in_text(draw, content)
    owners = [whole] if isinstance(whole, dict) else []
    owners += [value for value in (owners[0].values() if owners else ()) if isinstance(value, dict)]
    if not owners or not (owner := draw.choice(owners)):
        return number_in_text(draw, content)
    key = draw.choice([*owner, "unknown", "\x1b[2J"])
    owner[key] = draw.choice(STRANGE)
    if draw.random() < 0.1:
        del owner[key]
    text = json.dumps(whole)
    return draw.choice((b"", b"", b"", b"", b"\xef\xbb\xbf", b"\xff\xfe")) + text.encode()


BY_FORMAT = {
    (".npy",): npy_header,
    (".npz",): zip_field,
    (".tar",): tar_field,
    (".png",): png_chunk,
    (".json",): json_value,
}
