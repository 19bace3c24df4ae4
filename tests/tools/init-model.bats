#!/usr/bin/env bats
# init-model: what it makes, that it repeats, and what it refuses.

load helpers

CONFIG=$ROOT/data/models/composition-quick.json

# A word-level tokenizer of the words given.
make_tokenizer() {
    local id=0 word
    {
        printf '{"version":"1.0","added_tokens":[],"normalizer":null,'
        printf '"pre_tokenizer":{"type":"WhitespaceSplit"},"post_processor":null,"decoder":null,'
        printf '"model":{"type":"WordLevel","vocab":{'
        for word in "$@"; do
            [ "$id" = 0 ] || printf ','
            printf '"%s":%d' "$word" "$id"
            id=$((id + 1))
        done
        printf '},"unk_token":"<unk>"}}\n'
    } >tokenizer.json
}

small() {
    init-model --config "$CONFIG" --tokenizer tokenizer.json --set hidden_size=16 \
        --set intermediate_size=24 --set num_hidden_layers=1 "$@"
}

@test "a checkpoint directory has all its files and says how many parameters there are" {
    make_tokenizer _ "|" 0 1 2
    run --separate-stderr small -o model
    [ "$status" -eq 0 ]
    [ "$output" = "" ]
    # 2 · 5 · 16 + 4 · 16² + 3 · 16 · 24 + 3 · 16
    [ "$stderr" = "init-model: 2384 parameters, f32, in model" ]
    [ "$(ls model | tr '\n' ' ')" = \
        "config.json lockpick.json model.safetensors tokenizer.json tokenizer_config.json " ]
    cmp tokenizer.json model/tokenizer.json
    grep -q '"vocab_size": 5' model/config.json
    grep -q '"num_hidden_layers": 1' model/config.json
    grep -q '"parameters": 2384' model/lockpick.json
    grep -q '"PreTrainedTokenizerFast"' model/tokenizer_config.json
    [ "$(ls -A)" = "$(printf 'model\ntokenizer.json')" ]
}

@test "the same seed gives the same bytes, another seed other weights" {
    make_tokenizer a b
    small -q -o one --seed 7
    small -q -o two --seed 7
    small -q -o three --seed 8
    diff -r one two
    run ! cmp -s one/model.safetensors three/model.safetensors
}

@test "bf16 weights come with their low halves" {
    make_tokenizer a b
    small -q -o model --dtype bf16
    [ -f model/low.safetensors ]
    [ "$(stat -c %s model/model.safetensors)" -lt 8000 ]
    grep -q '"torch_dtype": "bfloat16"' model/config.json
}

@test "a model made is itself a source of configuration and tokenizer" {
    make_tokenizer a b
    small -q -o one
    init-model -q --config one --tokenizer one -o two
    diff one/config.json two/config.json
    diff one/tokenizer.json two/tokenizer.json
    diff one/tokenizer_config.json two/tokenizer_config.json
}

@test "an existing checkpoint is replaced with -f only" {
    make_tokenizer a b
    small -q -o model --seed 1
    cp -r model before
    run small -o model --seed 2
    [ "$status" -eq 1 ]
    [ "$output" = "init-model: model: exists already; -f would replace it" ]
    diff -r model before
    small -q -f -o model --seed 2
    run ! cmp -s model/model.safetensors before/model.safetensors
}

@test "a failure leaves nothing behind" {
    make_tokenizer a b
    run small --set hidden_size=17 -o model
    [ "$status" -eq 1 ]
    [[ "$output" == *"composition-quick.json: 'hidden_size' is 17, not a multiple of"* ]]
    [ "$(ls -A)" = "tokenizer.json" ]
    run small -o nowhere/model
    [ "$status" -eq 1 ]
    [ "${#lines[@]}" -eq 1 ]
    [ "$(ls -A)" = "tokenizer.json" ]
}

@test "a vocabulary smaller than the tokenizer is refused, a larger one is not" {
    make_tokenizer a b c
    run small --set vocab_size=2 -o model
    [ "$status" -eq 1 ]
    [[ "$output" == *"'vocab_size' is 2, but the tokenizer has 3 tokens"* ]]
    small -q --set vocab_size=8 -o model
    grep -q '"vocab_size": 8' model/config.json
}

@test "misspelt settings and other tokenizers are refused in one line" {
    make_tokenizer a b
    run small --set num_layers=3 -o model
    [ "$status" -eq 1 ]
    [ "$output" = "init-model: --set: 'num_layers' is no key of the configuration" ]
    echo '{"model":{"type":"Magic","vocab":{}}}' >tokenizer.json
    run small -o model
    [ "$status" -eq 1 ]
    [ "$output" = "init-model: tokenizer.json: model: type \"Magic\" is not supported; BPE, WordPiece, Unigram and WordLevel are" ]
    run init-model --config /nowhere.json --tokenizer tokenizer.json -o model
    [ "$status" -eq 1 ]
    [ "${#lines[@]}" -eq 1 ]
}

@test "wrong usage is answered with 2" {
    make_tokenizer a b
    run init-model -o model
    [ "$status" -eq 2 ]
    [[ "$output" == "init-model: --config, --tokenizer and -o are all needed; see init-model --help" ]]
    run small -o model one-too-many
    [ "$status" -eq 2 ]
    run small -o model --dtype f16
    [ "$status" -eq 2 ]
}

@test "--help names every option" {
    run init-model --help
    [ "$status" -eq 0 ]
    for option in --config --tokenizer --set --dtype --seed --shard-size --threads --force --output; do
        [[ "$output" == *"$option"* ]]
    done
}

@test "a full disk is an error, not a checkpoint" {
    make_tokenizer a b
    mkdir full
    mount -t tmpfs -o size=64k tmpfs full 2>/dev/null || skip "mounting a tmpfs needs privileges"
    run small --set hidden_size=128 -o full/model
    umount full
    [ "$status" -eq 1 ]
    [[ "$output" == *"No space left on device"* ]]
}

@test "-f replaces a checkpoint, but no directory that is something else" {
    gen-composition -q --data-seed 1 --tokenizer tokenizer.json
    make() { init-model -q --config "$ROOT/data/models/composition-quick.json" --tokenizer tokenizer.json "$@"; }
    make -o model
    make -f -o model --seed 2
    mkdir -p papers/thesis && echo words >papers/thesis/chapter
    run -1 make -f -o papers
    [[ $output == *"papers: is no checkpoint"* ]]
    [ "$(cat papers/thesis/chapter)" = words ]
}

# A small configuration of a family, its own members given as JSON.
family() {
    printf '{"architectures":["%s"],"hidden_size":16,"intermediate_size":24,"num_hidden_layers":2,' "$1"
    printf '"num_attention_heads":2,"max_position_embeddings":32,"eos_token_id":null%s}' "$2"
}

@test "every family is made, trained and sampled from" {
    make_tokenizer a b c d
    printf '{"id":"%s","prompt":"a b","completion":"c d"}\n' 1 2 3 4 | records make -o examples.rec
    family MistralForCausalLM ',"num_key_value_heads":1,"sliding_window":2' >mistral.json
    family Qwen2ForCausalLM ',"num_key_value_heads":2,"tie_word_embeddings":true' >qwen2.json
    family Qwen3ForCausalLM ',"num_key_value_heads":1,"head_dim":4' >qwen3.json
    family GPTNeoXForCausalLM ',"rotary_pct":0.25' >neox.json
    family LlamaForCausalLM ',"rope_scaling":{"type":"linear","factor":4.0},"attention_bias":true' >llama.json
    for kind in mistral qwen2 qwen3 neox llama; do
        init-model -q --config $kind.json --tokenizer tokenizer.json --dtype bf16 -o $kind
        train -q -m $kind -l 0.01 -e 30 -b 4 -o $kind-trained --metrics $kind.rec examples.rec
        sample -q -m $kind-trained --max-tokens 2 examples.rec | records show >$kind.jsonl
        [ "$(grep -c '"completion":"c d"' $kind.jsonl)" = 4 ]
    done
}

@test "large weights are cut into shards, which open as one" {
    make_tokenizer a b
    small -q -o whole --seed 7
    small -q -o cut --seed 7 --shard-size 2k
    [ -f cut/model.safetensors.index.json ]
    [ ! -e cut/model.safetensors ]
    [ "$(ls cut/model-0*-of-0*.safetensors | wc -l)" -gt 2 ]
    cmp whole/lockpick.json cut/lockpick.json
    printf '{"id":"1","prompt":"a"}\n' | records make -o x.rec
    sample -q -m whole --max-tokens 3 x.rec | records show >one
    sample -q -m cut --max-tokens 3 x.rec | records show >two
    cmp one two
    rm "$(ls cut/model-0*-of-0*.safetensors | head -n 1)"
    run -1 sample -q -m cut --max-tokens 3 x.rec
    [[ $output == *"model-00001-of-"*"cannot be read"* ]]
}

@test "the number of threads does not change the weights" {
    make_tokenizer a b
    small -q -o one --set vocab_size=9000 -t 1
    small -q -o two --set vocab_size=9000 -t 3
    diff -r one two
}

@test "an architecture that is not known is answered with those that are" {
    make_tokenizer a b
    family GPT2LMHeadModel "" >gpt2.json
    run init-model --config gpt2.json --tokenizer tokenizer.json -o model
    [ "$status" -eq 1 ]
    [ "${#lines[@]}" -eq 1 ]
    [[ $output == *"GPT2LMHeadModel' is not supported; supported are LlamaForCausalLM, MistralForCausalLM,"* ]]
}

@test "an encoder is made, but not trained or sampled from" {
    make_tokenizer a b
    family BertModel "" >bert.json
    init-model -q --config bert.json --tokenizer tokenizer.json -o bert
    printf '{"id":"1","prompt":"a","completion":"b"}\n' | records make -o x.rec
    run -1 sample -q -m bert x.rec
    [[ $output == *"bert/config.json: describes an encoder"* ]]
    run -1 train -q -m bert -o out x.rec
    [[ $output == *"bert/config.json: describes an encoder"* ]]
}

@test "--dtype of train and sample decides what the weights become" {
    make_tokenizer a b c d
    printf '{"id":"%s","prompt":"a b","completion":"c d"}\n' 1 2 3 4 | records make -o examples.rec
    small -q --dtype f32 -o wide
    train -q -m wide --dtype bf16 -l 0.01 -e 30 -b 4 -o narrow --metrics m.rec examples.rec
    [ -f narrow/low.safetensors ]
    grep -q '"torch_dtype": "bfloat16"' narrow/config.json
    for type in stored f32 bf16; do
        sample -q -m narrow --dtype $type --max-tokens 2 examples.rec | records show >$type.jsonl
        [ "$(grep -c '"completion":"c d"' $type.jsonl)" = 4 ]
    done
    run -1 train -q -m narrow --dtype f32 -o again --metrics m.rec examples.rec
    [[ $output == *"narrow/low.safetensors: has low halves"* ]]
    run -2 sample -m narrow --dtype f16 examples.rec
}
