#!/usr/bin/env python3
"""What the reference library makes of a tokenizer that train-tokenizer wrote.

    cat data/math-small.jsonl data/choice-small.jsonl | records make |
        train-tokenizer -n 420 --begin '<|begin|>' --special '<unk>' -o tests/golden/tokenizers/trained/tokenizer.json
    trained_tokenizer.py

Reads tests/golden/tokenizers/trained/tokenizer.json and writes cases.json beside it: the texts of
another folder, their ids with special tokens, the ids with special-token text left literal, the
decoded text, and the text without special tokens. Needs the package tokenizers.
"""
import json
import pathlib
import sys

sys.path.pop(0)  # a file here has the library's name

from tokenizers import Tokenizer

here = pathlib.Path(__file__).parent / "tokenizers"
texts = json.loads((here / "roberta/cases.json").read_text())["texts"]
texts += ["Solve $3x+12=48$.", " x 48-12=36 36/3=12 \\boxed{12}<|end|>", "A. cat\nB. dog\nAnswer:"]
tokenizer = Tokenizer.from_file(str(here / "trained/tokenizer.json"))
ids = [tokenizer.encode(text).ids for text in texts]
tokenizer.encode_special_tokens = True
plain = [tokenizer.encode(text, add_special_tokens=False).ids for text in texts]
cases = {"texts": texts, "ids": ids, "plain": plain,
         "decoded": [tokenizer.decode(i, skip_special_tokens=False) for i in ids],
         "skipped": [tokenizer.decode(i) for i in ids]}
(here / "trained/cases.json").write_text(json.dumps(cases, ensure_ascii=False, separators=(",", ":")) + "\n")
