#!/usr/bin/env python3
"""The work of bench_tokenizer with the reference libraries, on one thread.

tokenizer_peer.py TOKENIZER SECONDS FILE ...

tokenizer.json goes through the tokenizers library, anything else through sentencepiece. The same
documents, one call each, in CPU time; conversion to Python's lists is part of what the libraries do.
"""
import os
import sys
import time

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["RAYON_NUM_THREADS"] = "1"
DOCUMENT = 4000


def encoder(path):
    if path.endswith(".json"):
        import tokenizers

        tokenizer = tokenizers.Tokenizer.from_file(path)
        return lambda text: tokenizer.encode(text, add_special_tokens=False).ids
    import sentencepiece

    model = sentencepiece.SentencePieceProcessor(path)
    return lambda text: model.encode(text)


def documents(data):
    at = 0
    while at < len(data):
        end = data.find(b"\n", at + DOCUMENT) + 1 if len(data) - at > DOCUMENT else len(data)
        end = end or len(data)
        yield data[at:end].decode(errors="replace")
        at = end


def main():
    path, seconds, files = sys.argv[1], float(sys.argv[2]), sys.argv[3:]
    encode = encoder(path)
    for name in files:
        data = open(name, "rb").read()
        texts = list(documents(data))
        started, done, tokens = time.process_time(), 0, 0
        while True:
            for text in texts:
                tokens += len(encode(text))
            done += len(data)
            passed = time.process_time() - started
            if passed >= seconds:
                break
        print(f"encode file={name} mb_per_s={done / passed / 1e6:.1f} tokens_per_s={tokens / passed:.0f} "
              f"bytes_per_token={done / tokens:.2f}", flush=True)


main()
