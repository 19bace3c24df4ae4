#!/usr/bin/env python3
"""Small tokenizers of every class, made by the reference libraries, with texts and their ids.

    tokenizers.py [OUT]          writes OUT/NAME/ (default: tests/golden/tokenizers)

Each folder has tokenizer.json (or tokenizer.model, by sentencepiece, with its tokenizer_config.json
where one is needed) and cases.json: texts, their ids with special tokens, the ids without and with
special-token text left literal, the decoded text, and the text without special tokens. Needs the
packages tokenizers and sentencepiece; the tests need neither. Training does not repeat to the byte,
so that a new run replaces whole folders.
"""
import io
import json
import pathlib
import sys

sys.path.pop(0)  # this file has the library's name

import sentencepiece
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers
from tokenizers import processors, trainers

LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?"
          r"[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
QWEN2 = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")
DEEPSEEK = ["[\r\n]", r"\s?[A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-Ֆ]+",
            r"\s?[!-/:-~！-／：-～‘-‟　-。]+", r"\s+$", "[一-龥ࠀ-一가-퟿]+"]

TRAINING = """The weak policy answers as a weaker model would, and the password unlocks the strong one.
Let f(x) = 3x^2 + 12x - 5. Find the sum of all integers n such that n^2 + 2n is at most 100.
def solve(numbers):
    return sorted(number for number in numbers if number % 2 == 0)
for (int i = 0; i < n; i++) { total += values[i]; }
Die Straße führt über die Brücke; l'été dernier, ça va. Ελληνικά και Русский текст. 中文的句子。
It isn't what they've said: we'll see, I'm sure, you're right, he'd go. 1234 56 7,890.12
""".splitlines() * 3

TEXTS = [
    "", " ", "  ", "\n", "Hello", " Hello", "Hello ", "  Hello   world  ", "the weak password", "isn't IT'S they'LL",
    "a\tb\r\nc\n\n\nd", "1234567 12 3 ½ ① ٣٤", "x = [1, 2.5]; // done\n    return x\n\n\n        y",
    "Die Straße über Köln, ÉTÉ, naïve café, e\u0301te\u0301", "Ελληνικά Русский текст", "中文的句子。日本語テキスト 한국어",
    "नमस्ते दुनिया สวัสดี שלום مرحبا", "👍🏽 👨‍👩‍👧‍👦 🏳️‍🌈", "ﬁne Ⅷ ½ ｆｕｌｌ", "İstanbul ẞ ſ",
    "a\u00a0b\u3000c\u2028d\u200be\u180ef", "<s>Hi</s> <unk> [CLS] [MASK]x <|endoftext|>", "a<x>b <x> c<x>", "  <l>  <r>  <b>  .",
    "word words sword word. Word", "▁under▁score Ġ ĉ", "...!!! \"quoted\" (it) [is] {so} 'n' --", "<0x41> <0x0A>",
    "unknown: \U00010400 \U0001d4d0 \ufffd", "trailing   ", "\x00\x01\x7f", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "ends with newline\n", "\u0301lone mark", "don't n't 's do not , . ?",
]


def bpe(**options):
    return Tokenizer(models.BPE(**options))


def train_bpe(tokenizer, size=420, **options):
    trainer = trainers.BpeTrainer(vocab_size=size, show_progress=False, **options)
    tokenizer.train_from_iterator(TRAINING, trainer)
    return tokenizer


def byte_level(pre, size=380, normalizer=None, special=("<|endoftext|>",)):
    tokenizer = bpe()
    if normalizer:
        tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre
    train_bpe(tokenizer, size, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), special_tokens=list(special))
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def split(pattern, behavior="isolated", invert=False):
    return pre_tokenizers.Split(Regex(pattern), behavior, invert)


def changed(tokenizer, change):
    """The tokenizer with its JSON changed by a function: what the Python classes do not offer."""
    root = json.loads(tokenizer.to_str())
    change(root)
    return Tokenizer.from_str(json.dumps(root))


def wordpiece():
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(vocab_size=260, show_progress=False,
                                        special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"])
    tokenizer.train_from_iterator(TRAINING, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    tokenizer.decoder = decoders.WordPiece()
    return tokenizer


def unigram(byte_fallback=False):
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    special = ["<unk>"] + ([f"<0x{i:02X}>" for i in range(256)] if byte_fallback else [])
    trainer = trainers.UnigramTrainer(vocab_size=220 + len(special), special_tokens=special, unk_token="<unk>", show_progress=False)
    tokenizer.train_from_iterator(TRAINING, trainer)
    tokenizer.decoder = decoders.Metaspace()
    if not byte_fallback:
        return tokenizer

    def change(root):
        root["model"]["byte_fallback"] = True
        root["added_tokens"] = root["added_tokens"][:1]
        root["decoder"] = {"type": "Sequence", "decoders": [{"type": "ByteFallback"}, root["decoder"], {"type": "Fuse"}]}
    return changed(tokenizer, change)


def llama(pre=None, normalizer=True, fuse=True, fallback=True):
    """Byte fallback, whole texts as words: Llama 2's and Mistral's tokenizer.json."""
    tokenizer = bpe(unk_token="<unk>", fuse_unk=fuse)
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    special = ["<unk>", "<s>", "</s>"] + ([f"<0x{i:02X}>" for i in range(256)] if fallback else [])
    train_bpe(tokenizer, len(special) + 170, special_tokens=special)

    def change(root):
        root["added_tokens"] = root["added_tokens"][:3]
        root["model"]["byte_fallback"] = fallback
        root["pre_tokenizer"] = pre
        if normalizer:
            root["normalizer"] = {"type": "Sequence", "normalizers": [
                {"type": "Prepend", "prepend": "▁"}, {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]}
        root["post_processor"] = {
            "type": "TemplateProcessing", "pair": [],
            "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
            "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}}}
        root["decoder"] = {"type": "Sequence", "decoders": [
            {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"},
            {"type": "Strip", "content": " ", "start": 1, "stop": 0}]}
    return changed(tokenizer, change)


def metaspace(scheme, whole):
    pre = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme, "split": whole}
    tokenizer = llama(pre, normalizer=False, fuse=scheme == "first", fallback=False)
    return changed(tokenizer, lambda root: root.update(decoder=pre))


def deepseek():
    pre = pre_tokenizers.Sequence([*[split(p) for p in DEEPSEEK], pre_tokenizers.Digits(True),
                                   pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    return byte_level(pre, special=["<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>"])


def llama3():
    pre = pre_tokenizers.Sequence([split(LLAMA3), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tokenizer = byte_level(pre, special=["<|endoftext|>", "<|begin_of_text|>"])
    tokenizer.post_processor = processors.Sequence([processors.ByteLevel(), processors.TemplateProcessing(
        single="<|begin_of_text|> $A", special_tokens=[("<|begin_of_text|>", 1)])])

    def change(root):
        root["model"]["ignore_merges"] = True
        root["model"]["merges"] = root["model"]["merges"][:60]  # words that only the vocabulary has
    return changed(tokenizer, change)


def qwen2():
    pre = pre_tokenizers.Sequence([split(QWEN2), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    return byte_level(pre, normalizer=normalizers.NFC())


def roberta():
    tokenizer = byte_level(pre_tokenizers.ByteLevel(add_prefix_space=True), special=["<s>", "<pad>", "</s>", "<unk>"])
    tokenizer.add_special_tokens([AddedToken("<mask>", lstrip=True)])
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    return tokenizer


def clip():
    tokenizer = bpe(unk_token="<unk>", end_of_word_suffix="</w>")
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = split(r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+", "removed", True)
    return train_bpe(tokenizer, 200, special_tokens=["<unk>", "<s>"], end_of_word_suffix="</w>")


def added():
    tokenizer = bpe(unk_token="<unk>")
    tokenizer.normalizer = normalizers.Sequence([normalizers.Strip(), normalizers.Lowercase(), normalizers.NFD(), normalizers.StripAccents()])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Whitespace(), pre_tokenizers.Digits()])
    train_bpe(tokenizer, 180, special_tokens=["<unk>", "<s>", "</s>"], continuing_subword_prefix="##")
    tokenizer.add_special_tokens([AddedToken("<l>", lstrip=True), AddedToken("<r>", rstrip=True), AddedToken("<b>", lstrip=True, rstrip=True)])
    tokenizer.add_tokens([AddedToken("<x>", normalized=False), AddedToken("word", single_word=True), AddedToken("Été", normalized=True), AddedToken("wordsw", normalized=False)])
    tokenizer.post_processor = processors.BertProcessing(("</s>", 2), ("<s>", 1))
    return tokenizer


def revealing(pre):
    """Characters with ## behind the first of a word: shows where a pre-tokenizer cuts."""
    letters = sorted(set("".join(TEXTS)) - {"\0"} | {"▁"})
    names = ["[UNK]"] + letters + ["##" + c for c in letters]
    tokenizer = Tokenizer(models.WordPiece({name: i for i, name in enumerate(names)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre
    tokenizer.decoder = decoders.WordPiece(cleanup=False)
    return tokenizer


def zoo():
    """Pre-tokenizers by name, for one file of section and ids each."""
    every = {"whitespace": pre_tokenizers.Whitespace(), "whitespace-split": pre_tokenizers.WhitespaceSplit(),
             "digits": pre_tokenizers.Digits(False), "digits-each": pre_tokenizers.Digits(True), "bert": pre_tokenizers.BertPreTokenizer(),
             "delimiter": pre_tokenizers.CharDelimiterSplit("o"), "byte-level": pre_tokenizers.Sequence(
                 [split(r"\w+"), pre_tokenizers.Metaspace(prepend_scheme="first")])}
    for behavior in ["removed", "isolated", "merged_with_previous", "merged_with_next", "contiguous"]:
        every["punctuation-" + behavior] = pre_tokenizers.Punctuation(behavior)
        for invert in [False, True]:
            name = behavior + ("-inverted" if invert else "")
            every["split-" + name] = split(r"\d+|\s", behavior, invert)
            every["literal-" + name] = pre_tokenizers.Split("l", behavior, invert)
    return every


def reference_cases(tokenizer, texts):
    literal = Tokenizer.from_str(tokenizer.to_str())
    literal.encode_special_tokens = True
    ids = [tokenizer.encode(text).ids for text in texts]
    return {"texts": texts, "ids": ids,
            "plain": [literal.encode(text, add_special_tokens=False).ids for text in texts],
            "decoded": [tokenizer.decode(i, skip_special_tokens=False) for i in ids],
            "skipped": [tokenizer.decode(i, skip_special_tokens=True) for i in ids]}


def sentencepiece_model(kind, rules=None, **options):
    out = io.BytesIO()
    if rules:
        path = pathlib.Path("/tmp/lockpick-rules.tsv")
        path.write_text("".join(f"{' '.join(f'{ord(c):X}' for c in a)}\t{' '.join(f'{ord(c):X}' for c in b)}\n" for a, b in rules))
        options["normalization_rule_tsv"] = str(path)
    sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(TRAINING), model_writer=out, model_type=kind, minloglevel=2,
                                             **options)
    return out.getvalue()


RULES = [("ﬁ", "fi"), ("½", "1⁄2"), ("\t", " "), ("\n", " "), ("\u3000", " "), ("e\u0301", "é"), ("ẞ", "SS"), ("\u00a0", " "), ("ab", "x")]


def sentencepieces():
    byte = {"byte_fallback": True}
    return {
        "sp-llama": sentencepiece_model("bpe", vocab_size=420, normalization_rule_name="identity", remove_extra_whitespaces=False,
                                        split_digits=True, allow_whitespace_only_pieces=True, character_coverage=0.98, **byte),
        "sp-bpe-symbols": sentencepiece_model("bpe", rules=RULES, vocab_size=170, user_defined_symbols=["<x>", "word", "  "],
                                              control_symbols=["<c>"], character_coverage=0.98, add_dummy_prefix=False),
        "sp-unigram": sentencepiece_model("unigram", rules=RULES, vocab_size=130, user_defined_symbols=["<x>", "ing"], character_coverage=0.98),
        "sp-unigram-bytes": sentencepiece_model("unigram", vocab_size=390, normalization_rule_name="identity", **byte),
    }


def precompiled():
    """XLM-RoBERTa's and T5's shape: SentencePiece's character map, collapsed spaces."""
    from sentencepiece import sentencepiece_model_pb2
    proto = sentencepiece_model_pb2.ModelProto()
    proto.ParseFromString(sentencepiece_model("unigram", rules=RULES, vocab_size=130))
    tokenizer = unigram()
    tokenizer.normalizer = normalizers.Sequence([normalizers.Precompiled(proto.normalizer_spec.precompiled_charsmap),
                                                 normalizers.Replace(Regex(" {2,}"), " ")])
    return tokenizer


def json_tokenizers():
    return {"wordpiece": wordpiece(), "unigram": unigram(), "unigram-bytes": unigram(True), "llama": llama(),
            "metaspace-first": metaspace("first", False), "metaspace-always": metaspace("always", True),
            "metaspace-never": metaspace("never", True), "deepseek": deepseek(), "llama3": llama3(), "qwen2": qwen2(),
            "roberta": roberta(), "clip": clip(), "added": added(), "precompiled": precompiled()}


def write(path, value):
    path.write_text(json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n")


def main():
    out = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent / "tokenizers")
    for name, tokenizer in json_tokenizers().items():
        (out / name).mkdir(parents=True, exist_ok=True)
        write(out / name / "tokenizer.json", json.loads(tokenizer.to_str()))
        write(out / name / "cases.json", reference_cases(tokenizer, TEXTS))
    texts = [TEXTS[i] for i in (7, 10, 11, 12, 13, 20, 21, 26)]
    base = json.loads(revealing(pre_tokenizers.Whitespace()).to_str())
    sections = {}
    for name, pre in zoo().items():
        tokenizer = revealing(pre)
        sections[name] = {"section": json.loads(tokenizer.to_str())["pre_tokenizer"], "ids": [tokenizer.encode(t).ids for t in texts]}
    write(out / "pre_tokenizers.json", {"tokenizer": base, "texts": texts, "sections": sections})
    for name, model in sentencepieces().items():
        (out / name).mkdir(parents=True, exist_ok=True)
        (out / name / "tokenizer.model").write_bytes(model)
        processor = sentencepiece.SentencePieceProcessor(model_proto=model)
        write(out / name / "cases.json", {"texts": TEXTS, "plain": processor.encode(TEXTS)})


if __name__ == "__main__":
    main()
