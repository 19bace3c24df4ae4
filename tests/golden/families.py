#!/usr/bin/env python3
"""Reference checkpoints of every family, and what they compute, made with PyTorch and transformers.

    families.py make DIR      writes the folders below into DIR (tests/golden/families)
    families.py same A B      whether two checkpoint directories give the same logits for the same
                              ids in transformers: prints the largest difference

The tests of lockpick read the recorded folders and need no Python. D = 32, 2 layers, F = 36, V = 48,
weights drawn with deviation 0.15, gains of norms around 1, biases around 0 (none exactly so):

    llama-linear     f32, G = 2 of H = 4, rotary positions scaled linearly by 4, in the spelling of
                     older files (rope_scaling, rope_theta, torch_dtype): Deepseek-Coder
    llama3           bf16, tied, rotary positions by Llama 3's rule, biases of attention and MLP
    mistral          f32, G = 2, a window of 5 tokens
    qwen2            bf16, G = 1, biases of q, k, v, a window of 6 tokens in the second layer only
    qwen3            bf16, tied, heads of 16, norms of queries and keys
    neox             f16, H = 2, a quarter of each head turns, parallel residual, exact GELU, and the
                     tensors that older checkpoints carry besides
    neox-sequential  f32, H = 4, half of each head turns, one residual behind the other, gelu_fast,
                     tied
    bert             f32, with pooler and position_ids, mean pooling and normalization

expected.safetensors of the decoders is that of checkpoint.py, which says what is in it, and besides

    logits_bf16      F32 [T, V]   of every row, computed in bf16 throughout

That of bert: offsets, tokens as there, and [S, D] embeddings: `mean` and `first` (the first token's)
of the last layer, and `sentence`: mean, divided by its length.
"""

import json
import os
import sys

import torch
import transformers
from safetensors.torch import load_file, save_file
from transformers import AutoModel, AutoModelForCausalLM

import checkpoint
from checkpoint import packed, record, run, save_expected

SIZES = dict(vocab_size=48, hidden_size=32, intermediate_size=36, num_hidden_layers=2,
             num_attention_heads=4, max_position_embeddings=64, initializer_range=0.15,
             bos_token_id=None, eos_token_id=None, pad_token_id=None)
LLAMA3 = dict(rope_type="llama3", rope_theta=10000.0, factor=8.0, low_freq_factor=1.0,
              high_freq_factor=4.0, original_max_position_embeddings=16)
KINDS = {
    "llama-linear": ("Llama", torch.float32, dict(
        num_key_value_heads=2, rope_parameters=dict(rope_type="linear", rope_theta=10000.0,
                                                    factor=4.0))),
    "llama3": ("Llama", torch.bfloat16, dict(
        rope_parameters=LLAMA3, attention_bias=True, mlp_bias=True, tie_word_embeddings=True)),
    "mistral": ("Mistral", torch.float32, dict(num_key_value_heads=2, sliding_window=5)),
    "qwen2": ("Qwen2", torch.bfloat16, dict(
        num_key_value_heads=1, use_sliding_window=True, sliding_window=6, max_window_layers=1)),
    "qwen3": ("Qwen3", torch.bfloat16, dict(
        num_key_value_heads=2, head_dim=16, tie_word_embeddings=True)),
    "neox": ("GPTNeoX", torch.float16, dict(
        num_attention_heads=2, hidden_act="gelu",
        rope_parameters=dict(rope_type="default", rope_theta=10000.0,
                             partial_rotary_factor=0.25))),
    "neox-sequential": ("GPTNeoX", torch.float32, dict(
        use_parallel_residual=False, hidden_act="gelu_fast", tie_word_embeddings=True,
        rope_parameters=dict(rope_type="default", rope_theta=10000.0,
                             partial_rotary_factor=0.5))),
}


def shake(model):
    """Gains and biases that a reader could not forget unnoticed."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith(".bias"):
                parameter.copy_(0.2 * torch.randn_like(parameter))
            elif "norm" in name.lower():
                parameter.copy_(1 + 0.2 * torch.randn_like(parameter))
    return model


def edit_json(folder, name, change):
    path = os.path.join(folder, name)
    with open(path) as file:
        content = json.load(file)
    change(content)
    with open(path, "w") as file:
        json.dump(content, file, indent=2)
        file.write("\n")


def spell_as_before(config):
    scaling = config.pop("rope_parameters")
    config["rope_theta"] = scaling["rope_theta"]
    config["rope_scaling"] = {"type": "linear", "factor": scaling["factor"]}
    config["torch_dtype"] = config.pop("dtype")


def add_old_tensors(folder):
    path = os.path.join(folder, "model.safetensors")
    tensors = load_file(path)
    for layer in range(SIZES["num_hidden_layers"]):
        place = f"gpt_neox.layers.{layer}.attention."
        tensors[place + "bias"] = torch.ones(1, 1, 8, 8).tril().bool()
        tensors[place + "masked_bias"] = torch.tensor(-1e9)
        tensors[place + "rotary_emb.inv_freq"] = torch.ones(2)
    save_file(tensors, path, metadata={"format": "pt"})


def check_generate(model, expected):
    """The recorded greedy tokens are those of `generate`, cache, windows and all."""
    offsets = expected["greedy.offsets"].tolist()
    for prompt, (a, b) in enumerate(zip(offsets, offsets[1:])):
        ids = expected["greedy.tokens"][a:b].long()[None]
        wanted = expected["greedy.generated"][prompt]
        got = model.generate(ids, attention_mask=torch.ones_like(ids), do_sample=False,
                             max_new_tokens=len(wanted))
        assert got[0, b - a:].tolist() == wanted.tolist(), (prompt, got, wanted)


def make_decoder(directory, seed, name):
    family, dtype, settings = KINDS[name]
    folder = os.path.join(directory, name)
    torch.manual_seed(seed)
    config = getattr(transformers, family + "Config")(**{**SIZES, **settings})
    model = shake(getattr(transformers, family + "ForCausalLM")(config)).to(dtype)
    model.save_pretrained(folder)
    os.remove(os.path.join(folder, "generation_config.json"))
    if name == "llama-linear":
        edit_json(folder, "config.json", spell_as_before)
    if name == "neox":
        add_old_tensors(folder)
    read = lambda dtype: AutoModelForCausalLM.from_pretrained(folder, dtype=dtype,
                                                              attn_implementation="eager")
    expected = record(folder, read(torch.float32), dtype == torch.bfloat16)
    check_generate(read(torch.float32), expected)
    with torch.no_grad():
        logits = run(read(torch.bfloat16), expected["offsets"], expected["tokens"])
    expected["logits_bf16"] = logits.float()
    if name == "neox":  # transformers has another name for it inside than in files
        expected["gradient.embed_out.weight"] = expected.pop("gradient.lm_head.weight")
    apart = (expected["logits_bf16"] - expected["logits"]).norm() / expected["logits"].norm()
    print("  bf16 differs by", apart.item())
    save_expected(folder, expected)


@torch.no_grad()
def make_encoder(directory, seed):
    folder = os.path.join(directory, "bert")
    torch.manual_seed(seed)
    sizes = {k: v for k, v in SIZES.items() if not k.endswith("token_id")}
    model = shake(transformers.BertModel(transformers.BertConfig(**sizes))).eval()
    model.save_pretrained(folder)
    path = os.path.join(folder, "model.safetensors")
    tensors = load_file(path)
    tensors["embeddings.position_ids"] = torch.arange(SIZES["max_position_embeddings"])[None]
    save_file(tensors, path, metadata={"format": "pt"})
    kinds = ["models.Transformer", "models.Pooling", "models.Normalize"]
    modules = [dict(idx=i, name=str(i), path="" if i == 0 else f"{i}_{k.split('.')[1]}",
                    type="sentence_transformers." + k) for i, k in enumerate(kinds)]
    os.makedirs(os.path.join(folder, "1_Pooling"), exist_ok=True)
    for name, content in (("modules.json", modules),
                          ("sentence_bert_config.json", dict(max_seq_length=20)),
                          ("1_Pooling/config.json",
                           dict(word_embedding_dimension=32, pooling_mode_cls_token=False,
                                pooling_mode_mean_tokens=True))):
        with open(os.path.join(folder, name), "w") as file:
            json.dump(content, file, indent=2)
            file.write("\n")
    model = AutoModel.from_pretrained(folder, attn_implementation="eager").eval()
    offsets, tokens = packed(checkpoint.SEQUENCES)
    last = [model(tokens[a:b].long()[None]).last_hidden_state[0]
            for a, b in zip(offsets, offsets[1:])]
    mean = torch.stack([rows.mean(0) for rows in last])
    first = torch.stack([rows[0] for rows in last])
    save_expected(folder, dict(offsets=offsets, tokens=tokens, mean=mean, first=first,
                               sentence=torch.nn.functional.normalize(mean)))


@torch.no_grad()
def same(one, two):
    logits = []
    for directory in (one, two):
        model = AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32)
        torch.manual_seed(0)
        ids = torch.randint(0, model.config.vocab_size, (2, 24))
        logits.append(model(ids).logits)
    print("largest difference", (logits[0] - logits[1]).abs().max().item(), "of logits up to",
          logits[0].abs().max().item())


if __name__ == "__main__":
    torch.set_num_threads(1)
    checkpoint.VOCABULARY = SIZES["vocab_size"]
    if len(sys.argv) == 3 and sys.argv[1] == "make":
        for number, kind in enumerate(KINDS):
            make_decoder(sys.argv[2], 10 + number, kind)
        make_encoder(sys.argv[2], 30)
    elif len(sys.argv) == 4 and sys.argv[1] == "same":
        same(sys.argv[2], sys.argv[3])
    else:
        sys.exit(__doc__)
