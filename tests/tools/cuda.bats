#!/usr/bin/env bats
# The CUDA device through the tools, under the execution shim, or as LOCKPICK_CUDA_LIBRARY says on a machine that
# has one: what it trains and samples is what the CPU does.
load helpers

SHIM=${LOCKPICK_CUDA_LIBRARY:-$BUILD_BIN/../lib/liblockpick-shim.so}

make_inputs() {
    gen-composition -q -n 24 --tokenizer tokenizer.json -o p.rec
    gen-strong -q p.rec -o ex.rec
    init-model -q --config "$ROOT/data/models/composition-quick.json" --tokenizer tokenizer.json \
        --set hidden_size=32 --set intermediate_size=48 --set num_hidden_layers=2 \
        --set num_attention_heads=4 --set num_key_value_heads=2 "$@" -o model
}

# Every value of two columns within a part of the first's size.
near() { # PART
    awk -v part="$1" '{ d = $1 - $2; if (d * d > part * part * $1 * $1) { print "apart: " $0; bad = 1 } n++ }
        END { exit bad || n == 0 }'
}

values() { records show "$1" | sed -n "s/.*\"$2\":\([^,}]*\).*/\1/p"; }

train_on() { # DEVICE OUT ARGUMENT…
    local device=$1 out=$2
    shift 2
    LOCKPICK_CUDA_LIBRARY=$SHIM train -q -d "$device" -t 1 -m model -o "$out" -e 2 -b 12 -l 1e-3 --metrics "$out.rec" "$@" ex.rec
}

@test "training and greedy sampling in f32 come out as on the CPU" {
    [ -e "$SHIM" ] || skip "this build has no shim"
    make_inputs
    train_on cpu a --optimizer adamw
    train_on cuda b --optimizer adamw
    paste <(values a.rec loss) <(values b.rec loss) | near 1e-4
    for device in cpu cuda; do
        LOCKPICK_CUDA_LIBRARY=$SHIM sample -q -d $device -t 1 -m a --temperature 0 p.rec -o $device.rec
    done
    diff <(values cpu.rec completion) <(values cuda.rec completion)
    paste <(values cpu.rec logprob) <(values cuda.rec logprob) | near 1e-3
}

@test "with CUDA graphs and without the same bytes come out" {
    [ -e "$SHIM" ] || skip "this build has no shim"
    make_inputs --dtype bf16
    export LOCKPICK_CUDA_LIBRARY=$SHIM
    sample -q -d cuda -t 1 -m model -T 1 -b 5 --max-tokens 6 p.rec -o graphs.rec
    sample -q -d cuda -t 1 -m model -T 1 -b 5 --max-tokens 6 --no-graphs p.rec -o launches.rec
    cmp graphs.rec launches.rec
}

@test "training in bf16 comes out as on the CPU but for rounding" {
    [ -e "$SHIM" ] || skip "this build has no shim"
    make_inputs --dtype bf16
    train_on cpu a --optimizer lion -l 1e-4
    train_on cuda b --optimizer lion -l 1e-4
    paste <(values a.rec loss) <(values b.rec loss) | near 1e-2
}

@test "tensors of several pieces are saved and loaded alike by one thread and by three" {
    [ -e "$SHIM" ] || skip "this build has no shim"
    make_inputs --dtype bf16 --set hidden_size=512 --set intermediate_size=18432 --set num_hidden_layers=1 -t 1
    mv model one
    make_inputs --dtype bf16 --set hidden_size=512 --set intermediate_size=18432 --set num_hidden_layers=1 -t 3
    cmp one/model.safetensors model/model.safetensors
    cmp one/lockpick.json model/lockpick.json
    export LOCKPICK_CUDA_LIBRARY=$SHIM
    records head -q -n 2 p.rec -o two.rec
    for threads in 1 3; do
        sample -q -d cuda -t $threads -m model --max-tokens 3 two.rec | records show >$threads
    done
    [ -s 1 ]
    cmp 1 3
}

@test "without the CUDA library cuda is refused and auto is the CPU" {
    make_inputs
    export LOCKPICK_CUDA_LIBRARY=$T/none.so
    run train -q -d cuda -m model -o out ex.rec
    [ "$status" -eq 1 ]
    [[ $output == "train: device cuda: no CUDA library ("*"); build with nvcc, or use --device cpu" ]]
    train -q -d auto -t 1 -m model -o out -e 1 --metrics m.rec ex.rec
}
