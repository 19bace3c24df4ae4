#!/usr/bin/env python3
"""Digests of what the reference libraries make of much mixed text with real tokenizers.

    tokenizers_real.py SHARED [OUT]     writes OUT (default: tests/golden/tokenizers/real.json)

SHARED/data holds tokenizers and data sets (not part of this repository). Texts are the lines of the
data sets, and documents drawn by a linear congruential generator from fragments, characters, white
space and bytes; tests/unit/tokenizer_real.c draws the same. gpt-neox-20b goes through the
tokenizers library; the other two through sentencepiece, with special tokens as literal text. A
digest of numbers n is h = (h ^ n) * 1099511628211 modulo 2^64 from 14695981039346656037 on; behind
each text comes the number of its ids.
"""
import json
import pathlib
import sys

sys.path.pop(0)  # tokenizers.py beside this file has a library's name

import sentencepiece
import tokenizers

MASK = (1 << 64) - 1
DOCUMENTS, BLOCK = 2000, 100
SETS = ["math/test.jsonl", "mmlu_stem/test.jsonl", "mbpp/mbpp.jsonl", "humaneval/humaneval-cpp.jsonl"]
RANGES = [[0x20, 0x24F], [0x370, 0x373], [0x391, 0x3A1], [0x400, 0x52F], [0x5D0, 0x5EA], [0x621, 0x63A], [0x905, 0x939],
          [0x995, 0x9A8], [0xE01, 0xE30], [0x10D0, 0x10F0], [0x300, 0x33F], [0x3041, 0x3096], [0x4E00, 0x9FA5],
          [0xAC00, 0xD7A3], [0x2190, 0x21FF], [0x1F300, 0x1F320], [0x1F600, 0x1F640], [0x1D400, 0x1D454], [0, 0x1F]]
SPACES = [" ", "\n", "\t", "\r\n", " \n", "\u00a0", "\u3000"]
FRAGMENTS = [
    "the", " the", " of", "Hello", " world", "ing", " don't", "I'm", "we'LL", "THEY'VE", "'s", "'", "''", " '", "it's",
    "def solve(n):\n    return [x for x in range(n) if x % 2 == 0]\n", "for (int i = 0; i < n; ++i) {\n\t\tsum += a[i];\n\t}\n",
    "#include <vector>\nint main() { std::cout << \"x\\n\"; }\n", "x_1", "camelCase", "SNAKE_CASE", "->", "=>", "!=", "...", "!!!", "--", "***",
    "\\frac{1}{2}", "$x^2 + y^2 = z^2$", "\\boxed{42}", "3.14159", "1234567890", "0x1F", "1,000,000", "½", "²", "Ⅷ", "①",
    "Straße", "naïve", "café", "cafe\u0301", "Ελληνικά", "Русский", "Україна", "עברית", "العربية", "हिन्दी", "বাংলা", "தமிழ்", "ไทย",
    "ქართული", "Հայերեն", "中文", "日本語", "ひらがな", "カタカナ", "한국어", "Tiếng Việt", "İstanbul", "ﬁ", "K", "å",
    "👍", "👍🏽", "👨‍👩‍👧‍👦", "🏳️‍🌈", "🇩🇪", "❤️", "\ufeff", "\u200b", "\u200d", "\u2028", "\u00ad", "\ufffd", "▁", "▁▁", "Ġ", "Ċ",
    "<s>", "</s>", "<unk>", "<|endoftext|>", "<|padding|>", "<0x0A>", "<0xFF>", "[CLS]", "http://example.org/?q=a&b=c", "user@example.org",
    "<html><body class=\"x\">", "{\"key\": [1, 2.5, null]}", "SELECT * FROM t WHERE id = 1;", " \u0301", "a\u0323\u0307", "\uac00\u11a8",
]


class Draws:
    def __init__(self, seed):
        self.state = seed

    def below(self, limit):
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) & MASK
        return (self.state >> 33) % limit


def document(draws):
    out = b""
    for _ in range(1 + draws.below(40)):
        kind = draws.below(8)
        if kind == 0:
            out += bytes(draws.below(256) for _ in range(1 + draws.below(4)))
        elif kind == 1:
            space = SPACES[draws.below(len(SPACES))]
            out += space.encode() * (1 + draws.below(30))
        elif kind == 2:
            low, high = RANGES[draws.below(len(RANGES))]
            for _ in range(1 + draws.below(6)):
                out += chr(low + draws.below(high - low + 1)).encode()
        elif kind == 3:
            fragment = FRAGMENTS[draws.below(len(FRAGMENTS))]
            out += fragment.encode() * (1 + draws.below(5))
        else:
            out += FRAGMENTS[draws.below(len(FRAGMENTS))].encode()
    return out


def digest(lists):
    h = 14695981039346656037
    for ids in lists:
        for i in [*ids, len(ids)]:
            h = ((h ^ i) * 1099511628211) & MASK
    return f"{h:016x}"


def main():
    shared = pathlib.Path(sys.argv[1]) / "data"
    out = pathlib.Path(sys.argv[2]) if len(sys.argv) > 2 else pathlib.Path(__file__).parent / "tokenizers" / "real.json"
    draws = Draws(1)
    documents = [document(draws).decode(errors="replace") for _ in range(DOCUMENTS)]
    neox = tokenizers.Tokenizer.from_file(str(shared / "tokenizers/gpt-neox-20b/tokenizer.json"))
    encoders = {"gpt-neox-20b": lambda text: neox.encode(text).ids}
    for name in ["llama-2", "mistral-v1"]:
        model = sentencepiece.SentencePieceProcessor(str(shared / "tokenizers" / name / "tokenizer.model"))
        encoders[name] = model.encode
    digests = {}
    for name, encode in encoders.items():
        digests[name] = {"documents": [digest(map(encode, documents[i:i + BLOCK])) for i in range(0, DOCUMENTS, BLOCK)]}
        for path in SETS:
            lines = (shared / path).read_bytes().split(b"\n")
            digests[name][path] = digest(encode(line.decode(errors="replace")) for line in lines)
    decoded = [list(neox.decode(neox.encode(t).ids, skip_special_tokens=False).encode()) for t in documents]
    root = {"documents": DOCUMENTS, "block": BLOCK, "sets": SETS, "ranges": RANGES, "spaces": SPACES, "fragments": FRAGMENTS,
            "digests": digests, "decoded": digest(decoded)}
    out.write_text(json.dumps(root, ensure_ascii=False, separators=(",", ":")) + "\n")


main()
