#!/usr/bin/env python3
"""Record streams seen by a third party: zstandard and msgpack, none of our code.

    read_streams.py check TOOL FILE …    reads each FILE and compares what is in it with what
                                         `TOOL show FILE` prints (TOOL: the records executable)
    read_streams.py reframe IN OUT       writes the records of IN again as another program might:
                                         provenance of its own, frames without a stated size, flushed
                                         in the middle, at level 19

How the files beside it were made (the tests read them and need no Python):

    records make golden.jsonl -o golden.rec
    read_streams.py reframe golden.rec foreign.rec
"""

import base64
import io
import json
import math
import struct
import subprocess
import sys

import msgpack
import zstandard

PROVENANCE, END, ZSTD = 0x184D2A57, 0x184D2A58, 0xFD2FB528
SIGNATURE = b"lockpick"


def segments(data):
    """Yields (provenance, bytes of the records, end mark) for each segment of a stream."""
    at, about, content = 0, None, b""
    while at < len(data):
        (magic,) = struct.unpack_from("<I", data, at)
        if magic in (PROVENANCE, END):
            (size,) = struct.unpack_from("<I", data, at + 4)
            payload = data[at + 8 : at + 8 + size]
            assert payload.startswith(SIGNATURE), "signature"
            mark = msgpack.unpackb(payload[len(SIGNATURE) :])
            at += 8 + size
            if magic == PROVENANCE:
                about, content = mark, b""
            else:
                yield about, content, mark
                about = None
        else:
            assert magic == ZSTD and about is not None, f"byte {at}"
            engine = zstandard.ZstdDecompressor().decompressobj()
            content += engine.decompress(data[at:])
            at = len(data) - len(engine.unused_data)
    assert about is None, "no end mark"


def stream_reader_content(data):
    """The same records by zstandard's stream reader, which passes over skippable frames."""
    reader = zstandard.ZstdDecompressor().stream_reader(io.BytesIO(data), read_across_frames=True)
    return reader.read()


class Pairs(list):
    """A map, with its pairs in their order."""


def values(content):
    """One value after another, each as JSON has it."""
    unpacker = msgpack.Unpacker(
        io.BytesIO(content),
        unicode_errors="surrogateescape",
        strict_map_key=False,
        object_pairs_hook=Pairs,
        ext_hook=lambda code, data: {"$extension": [code, encoded(data)]},
    )
    return (bridged(value) for value in unpacker)


def encoded(data):
    return base64.b64encode(data).decode()


def is_text(value):
    return isinstance(value, str) and not any(0xDC80 <= ord(c) <= 0xDCFF for c in value)


def bridged(value):
    """A value as lockpick-records(5) says that JSON has it."""
    if isinstance(value, Pairs):
        first = value[0][0] if value else ""
        if all(is_text(k) for k, _ in value) and not first.startswith("$"):
            return {k: bridged(v) for k, v in value}
        return {"$map": [[bridged(k), bridged(v)] for k, v in value]}
    if isinstance(value, list):
        return [bridged(v) for v in value]
    if isinstance(value, bytes):
        return {"$binary": encoded(value)}
    if isinstance(value, str) and not is_text(value):
        return {"$text": encoded(value.encode("utf-8", "surrogateescape"))}
    if isinstance(value, float) and not math.isfinite(value):
        return {"$real": "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"}
    return value


def same(a, b):
    """Equal, with 1 and 1.0 and true told apart."""
    return json.dumps(a) == json.dumps(b)


def check(tool, path):
    data = open(path, "rb").read()
    content, count = b"", 0
    for about, part, end in segments(data):
        assert about["format"] == 1
        assert end["records"] == sum(1 for _ in values(part)), "count"
        content += part
        count += end["records"]
    assert content == stream_reader_content(data), "stream reader"
    shown = subprocess.run([tool, "show", path], check=True, capture_output=True).stdout
    lines = shown.decode().splitlines()
    assert len(lines) == count, "lines"
    for number, (line, record) in enumerate(zip(lines, values(content)), 1):
        assert same(json.loads(line), record), f"{path}: record {number}: {line} and {record}"
    print(f"{path}: {count} records agree")


def skippable(magic, mark):
    payload = SIGNATURE + msgpack.packb(mark)
    return struct.pack("<II", magic, len(payload)) + payload


def reframe(source, target):
    out = b""
    for about, content, end in segments(open(source, "rb").read()):
        out += skippable(PROVENANCE, {"format": 1, "tool": "read_streams.py", "version": "1",
                                      "arguments": "reframe\n", "colour": "blue"})
        engine = zstandard.ZstdCompressor(
            level=19, write_content_size=False, write_checksum=True
        ).compressobj()
        half = len(content) // 2
        out += engine.compress(content[:half])
        out += engine.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)
        out += engine.compress(content[half:])
        out += engine.flush()
        out += skippable(END, {"records": end["records"], "digest": end["digest"]})
    open(target, "wb").write(out)


if __name__ == "__main__":
    if len(sys.argv) > 3 and sys.argv[1] == "check":
        for name in sys.argv[3:]:
            check(sys.argv[2], name)
    elif len(sys.argv) == 4 and sys.argv[1] == "reframe":
        reframe(sys.argv[2], sys.argv[3])
    else:
        sys.exit(__doc__)
