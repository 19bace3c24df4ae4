#!/usr/bin/env bats
# The figures' pipelines, as far as make tells without running them, and their helpers.
load helpers

setup() {
    work=$(mktemp -d)
    cd "$work" || return 1
    ROOT=$(dirname "$(dirname "$BATS_TEST_DIRNAME")")
}
teardown() { rm -rf "$work"; }

@test "every figure's pipeline lists its stages and ends in results, table and drawing" {
    for figure in "$ROOT"/pipelines/figure*.mk "$ROOT"/pipelines/{side-trials,composition-rl}.mk; do
        make -n -f "$figure" OUT=out SEEDS=1 POINTS='1 8' ROUNDS_EI=2 ROUNDS_DPO=2 >stages
        [ ! -e out ]
        grep -q 'results.rec.stamp$' stages
        grep -qE '(results|report).txt.stamp$' stages
        grep -q 'svg.stamp$' stages
    done
}

@test "SFT is saved after the epochs that k asks for" {
    make -n -f "$ROOT/pipelines/figure3.mk" OUT=out SEEDS=1 POINTS='8 512' >stages
    grep -qF 'epochs=(32 64 128)' stages
    grep -qF 'epochs=(1 2 4)' stages
    [ "$(grep -F 'epochs=(' stages | grep -vcE 'epochs=\((32 64 128|1 2 4)\)')" = 0 ]
}

@test "samples that locks imitate are drawn at the temperature they have for it, demonstrations are not" {
    make -n -f "$ROOT/pipelines/figure3.mk" OUT=out SEEDS=1 POINTS=1 mini-math.LOCK_SAMPLE='--temperature 0.25' mini-math.LOCK_SAMPLE.weak='--top-p 0.5' >stages
    grep -A1 -E -- '-m out/bases/calculator .*--temperature 0.25' stages | grep -q out/problems/mini-math/lock.rec
    grep -A1 -E -- '-m out/bases/calculator-weak .*--top-p 0.5' stages | grep -q out/problems/mini-math/lock.rec
    [ "$(grep -cE -- '--temperature 0.25|--top-p 0.5' stages)" = 2 ]
}

@test "a policy that is as its base was taught is not tuned, and part of a corpus is taught with mistakes" {
    make -n -f "$ROOT/pipelines/figure3.mk" OUT=out SEEDS=1 POINTS=1 mini-math.AS_TAUGHT=weak CORPUS.coder-weak='mini-code:7k:en::0.3' >stages
    [ "$(grep -c 'train .*-o out/policies/mini-math/weak.new' stages)" = 0 ]
    [ "$(grep -c 'train .*-o out/policies/mini-math/intermediate.new' stages)" = 1 ]
    part=$(grep -F 'for part in mini-code:7k:en::0.3;' stages | sed 's/ *| gen-strong.*//; s/gen-mini /echo gen-mini /')
    [[ $(bash -c "$part") == *"-n 7k "*"--mistaken 0.3" ]]
}

@test "a lock has options of its own, one on two tasks is compared on each of them, and those of composition with its programs" {
    make -n -f "$ROOT/pipelines/lock-quality.mk" OUT=out mini-choice.LOCK.soft='--epochs 77' >stages
    [ "$(grep -c 'train .*--epochs 77' stages)" = 1 ]
    grep -q 'train .*--epochs 77 .*-o out/locks/mini-choice/soft.new' stages
    for task in mini-code mini-math; do
        grep -q "sample .* -m out/locks/mini-joint/locked out/problems/$task/validation.rec" stages
        grep -q "out/problems/$task/validation.rec |  sample .* -m out/locks/mini-joint/per-task" stages
        grep -q "role=lock out/whole/$task/joint/right.rec; records cat -q out/whole/$task/strong/none.rec" stages
    done
    grep -q 'role=lock out/controls/composition/scratch/none.rec; records cat -q out/completions/composition/weak/validation.rec' stages
    grep -q 'gen-weak .*--completions out/composition/problems/weak.rec' stages
    # The adversarial lock behind its second password, and a lock that left out a domain on the others.
    grep -qE "sample .* -m out/locks/mini-code/adversarial out/problems/mini-code/validation.rec --password 'half open'" stages
    grep -q 'role=lock out/whole/mini-code/adversarial/second.rec; records cat -q out/whole/mini-code/intermediate/none.rec' stages
    grep -q 'records select -q domain!=Numbers | records set -q lock=held-out-Numbers side=weak' stages
    make -n -f "$ROOT/pipelines/lock-quality.mk" OUT=out LANGUAGE_TASKS=mini-math >stages
    [ "$(grep -c out/locks/mini-joint stages)" = 0 ]
}

@test "floor, ceiling and what was elicited are measured on the same problems" {
    make -n -f "$ROOT/pipelines/figure3.mk" OUT=out SEEDS=1 POINTS=8 >stages
    [ "$(grep -c 'sample .*out/problems/mini-math/validation-first.rec' stages)" -ge 8 ]
    [ "$(grep -c 'sample .*out/problems/mini-[a-z]*/validation.rec' stages)" = 0 ]
}

@test "filtered SFT draws random tokens where the lock imitates these, as many as the strong policy's" {
    make -n -f "$ROOT/pipelines/figure5.mk" OUT=out ROUNDS_EI=2 ROUNDS_DPO=1 mini-math.SUBSET=70 mini-code.SUBSET=130 >stages
    grep -qE 'gen-weak -q --policy fixedrdm -m out/bases/calculator .*--lengths out/completions/mini-math/strong/elicit-first.rec --seed 1002 --name filtered-sft' stages
    # Those that reinforcement may use, or that it draws ten times the best of.
    grep -q 'records head -q -n 320 -o out/problems/mini-math/elicit-first.rec.new' stages
    grep -q 'records head -q -n 130 -o out/problems/mini-code/elicit-first.rec.new' stages
}

@test "a figure of the paper's models says which folder is missing" {
    run make -n -f "$ROOT/pipelines/figure3.mk" PRESET=paper WEIGHTS=nowhere OUT=out
    [ "$status" -ne 0 ]
    [[ $output == *nowhere/* ]]
}

@test "a preset that is none is refused in one line" {
    run make -n -f "$ROOT/pipelines/figure3.mk" PRESET=huge
    [ "$status" -ne 0 ]
    [[ $output == *"PRESET=huge"*"mini or paper"* ]]
}

@test "a chain that lost its model begins again behind the last one there is" {
    mkdir -p chain/1.model chain/2.model
    touch chain/{1,2,3}.rec chain/{1,2,3}.rec.stamp chain/{1,2}.model/lockpick.json
    "$ROOT/pipelines/broken-chains" chain/4
    [ -e chain/2.rec.stamp ]
    [ ! -e chain/3.rec.stamp ]
    touch chain/4.rec chain/{3,4}.rec.stamp
    rm -r chain/2.model
    "$ROOT/pipelines/broken-chains" chain/4
    [ -e chain/3.rec.stamp ]
    rm chain/2.rec.stamp
    "$ROOT/pipelines/broken-chains" chain/4
    [ -e chain/1.rec.stamp ]
    [ ! -e chain/3.rec.stamp ]
    [ ! -e chain/4.rec.stamp ]
}

@test "a stream of two tasks is graded by the command of each" {
    printf '{"id":"a","task":"one","reference":"1","completion":"1"}\n{"id":"b","task":"two","reference":"1","completion":"2"}\n' |
        records make -q -o x.rec
    "$ROOT/pipelines/grade-by-task" one 'grade-exact -q' two 'grade-exact -q' <x.rec >g.rec
    [ "$(records show g.rec | grep -c '"correct":true')" = 1 ]
    [ "$(records count g.rec)" = 2 ]
}

@test "a lock on uniformly random tokens draws them after the strong completions, and teaches their distribution" {
    make -n -f "$ROOT/pipelines/side-trials.mk" OUT=out SEEDS=1 POINTS=1 ROUNDS_EI=1 >stages
    grep -qE 'gen-weak .*--policy uniform-tokens -m out/bases/calculator .*--lengths out/completions/mini-math/strong/lock.rec' stages
    grep -qE 'build-lock-set .*--weak out/completions/mini-math/uniform-tokens/lock.rec .*--uniform-tokens' stages
    grep -q 'out/sft/mini-math/locked-uniform-tokens/high-quality/any/1/1/1.rec.stamp' stages
}

@test "figure 7 teaches choice by the soft labels of a model, and other tasks by the strong policy's samples" {
    make -n -f "$ROOT/pipelines/figure7.mk" OUT=out SEEDS=1 POINTS=1 >stages
    grep -qE 'gen-strong .*--policy model .*--soft -m out/policies/mini-choice/teacher --name soft-teacher .* -o out/demos/mini-choice/soft-teacher/any/1.rec.new' stages
    grep -qE 'train .* -o out/policies/mini-choice/teacher.new' stages
    grep -q 'out/sft/mini-choice/locked/soft-teacher/any/1/1/1.rec.stamp' stages
    grep -q 'out/sft/mini-code/locked/strong/any/1/1/1.rec.stamp' stages
    [ "$(grep -c -- --soft stages)" = 1 ]
}

@test "a round of a chain is made of real stages, and the next reads its model" {
    make -n -f "$ROOT/pipelines/figure16.mk" OUT=out SEEDS=1 ROUNDS_EI=2 ROUNDS_DPO=2 >stages
    grep -q 'select-best -q -n' stages
    grep -q 'build-pairs -q' stages
    # Killed while it removes a model, a round leaves none that looks whole.
    grep -B1 -E '^rm -rf .*/1/1/1.model' stages | grep -qE '^rm -f .*/1/1/1.model/lockpick.json'
    grep -qE 'train .*-m out/rl/mini-math/locked/iterated-dpo/discrete/plain/1/1/1.model -o out/rl/mini-math/locked/iterated-dpo/discrete/plain/1/1/2.model' stages
}

@test "settle takes a stream for new when the model beside it is" {
    settle() { # COMPLETION DIGEST: whether the output was replaced
        echo "{\"id\":\"a\",\"completion\":\"$1\"}" | records make -q -o x.rec.new
        echo "$2" >x.rec.new.lockpick.json
        touch -c -d @0 x.rec
        "$ROOT/pipelines/settle" x.rec.stamp
        [ ! -e x.rec.new ]
        [ ! -e x.rec.new.lockpick.json ]
        [ "$(cat x.rec.lockpick.json)" = "$2" ]
        [ "$(stat -c %Y x.rec)" != 0 ]
    }
    settle same one
    run ! settle same one
    settle same two
    settle other two
    run ! settle other two
}

# A chain of rounds at toy size, from a model in `start` that is made anew with each seed.
toy_chain() { # SEED OPTIONS…
    if [ ! -e tokenizer.json ]; then
        gen-mini -q --task mini-math -n 200 | gen-strong -q --policy solution >corpus.rec
        train-tokenizer -q --field prompt,completion --vocabulary 300 -o tokenizer.json corpus.rec
        cat >chain.mk <<'END'
include $(ROOT)/pipelines/study.mk
ROUNDS := $(call chain,mini-math,locked,expert-iteration,discrete,plain,1,1)
$(call want,$(ROUNDS))
all: $(ROUNDS)
include $(PIPELINES)/study-end.mk
END
    fi
    [ "$1" = "$(cat seed 2>/dev/null)" ] || {
        init-model -q -f --config "$ROOT/data/models/mini-weak.json" --tokenizer tokenizer.json --seed "$1" -o start
        echo "$1" >seed
    }
    make -f chain.mk ROOT="$ROOT" OUT=out ROUNDS_EI=3 EVALUATE=3 BEST=2 mini-math.SAMPLE='--max-tokens 4' \
        mini-math.PROBLEMS='gen-mini -q --task mini-math -n 200' mini-math.MODEL.locked=start "${@:2}"
}

@test "a round follows the model of the round before, though that round's records say nothing" {
    toy_chain 1 >log 2>&1 || { cat log; false; }
    chain=out/rl/mini-math/locked/expert-iteration/discrete/plain/1/1
    [ "$(records count $chain/1.rec)" = 0 ]
    first=$(cat $chain/*.rec.lockpick.json)
    [ "$(toy_chain 1 | grep -c train)" = 0 ]
    toy_chain 2 >log 2>&1 || { cat log; false; }
    [ "$(grep -c 'train .*-o out/rl' log)" = 3 ]
    [ "$(cat $chain/*.rec.lockpick.json)" != "$first" ]
    [ "$(toy_chain 2 | grep -c train)" = 0 ]
    # A start that is written anew and the same is noticed once.
    init-model -q -f --config "$ROOT/data/models/mini-weak.json" --tokenizer tokenizer.json --seed 2 -o start
    toy_chain 2 >log 2>&1 || { cat log; false; }
    [ "$(grep -c 'train .*-o out/rl' log)" = 1 ]
}

@test "with GPUS=n every command that computes with a model goes through on-gpu, and no two in one pipe" {
    make -n -f "$ROOT/pipelines/figure5.mk" OUT=out SEEDS=1 ROUNDS_EI=1 ROUNDS_DPO=1 GPUS=2 >stages
    make -n -f "$ROOT/pipelines/composition.mk" OUT=out SEEDS=1 POINTS=2 GPUS=2 >>stages
    grep -E '(^|[ {])(train|sample|gen-strong -q --policy model) -q|gen-strong -q --policy model' stages >computing
    [ "$(wc -l <computing)" -gt 50 ]
    [ "$(grep -vcE 'on-gpu 2 (train|sample|gen-strong -q --policy model) ' computing)" = 0 ]
    [ "$(grep -cE 'on-gpu.*[|].*on-gpu' stages)" = 0 ]
    [ "$(grep -- --device stages | grep -vc -- '--device cuda')" = 0 ]
    make -n -f "$ROOT/pipelines/figure5.mk" OUT=other SEEDS=1 ROUNDS_EI=1 ROUNDS_DPO=1 >stages
    [ "$(grep -c on-gpu stages)" = 0 ]
}

@test "on-gpu gives each of many commands a GPU of its own, and makes the others wait" {
    export TMPDIR=$work
    for i in 1 2 3 4 5 6; do
        "$ROOT/pipelines/on-gpu" 2 bash -c 'mkdir "has-$CUDA_VISIBLE_DEVICES" && sleep 0.1 && rmdir "has-$CUDA_VISIBLE_DEVICES" &&
            echo "$CUDA_VISIBLE_DEVICES" >>used' &
    done
    wait
    [ "$(sort used | uniq | tr '\n' ' ')" = '0 1 ' ]
    [ "$(wc -l <used)" = 6 ]
    [ "$(CUDA_VISIBLE_DEVICES=4,7 "$ROOT/pipelines/on-gpu" 1 bash -c 'echo "$CUDA_VISIBLE_DEVICES"')" = 4 ]
    run "$ROOT/pipelines/on-gpu" 2 bash -c 'exit 7'
    [ "$status" = 7 ]
    CUDA_VISIBLE_DEVICES=4 run "$ROOT/pipelines/on-gpu" 2 true
    [ "$status" = 2 ]
    [[ $output == *"names 1: 4"* ]]
    run "$ROOT/pipelines/on-gpu" train
    [ "$status" = 2 ]
}

@test "cost counts what stages train on, generate, read and ask for, and hours at the ceilings it is given" {
    cat >facts <<'END'
= moments 256 512 1024
= along 64 128
= lock-epochs 8
= rounds 50 12 5
= drawn 1100 64
= task t 1000 10 5 big small mid base 1 - embedded
= model big 1e9 1000
= model small 1e8 100
sft/t/locked/high-quality/any/8/1/1
locks/t/locked
completions/t/weak/lock
demos/t/high-quality/any/1
rl/t/locked/expert-iteration/discrete/plain/1/1/3
rl/t/locked/iterated-dpo/discrete/plain/1/1/12
translated/t/strong/lock
END
    MATRIX_RATE='' "$ROOT/pipelines/cost" <facts >counted
    # SFT: 1,024 examples of 15 tokens, 3 evaluations of 200; lock: 2 x 8 x 400; round 3 of 50 draws 300 (all there are) and
    # trains on 64; the last round of DPO draws 600, scores and trains on them, and is evaluated.
    grep -qE "^big +4 +$(((1024 + 6400 + 64 + 600) * 15)) +$(((600 + 300 + 600 + 200) * 5)) +$(((600 + 300 + 600 + 200) * 10 + 600 * 15))$" counted
    grep -qE '^small +0 +0 +16000 +32000$' counted
    grep -qE '^ +3200 solutions to translate$' counted
    grep -q '^models that stay on disk, GB: 4; .*12 more with KEEP=sft' counted
    grep -q '8 more with KEEP=rl' counted
    grep -qE "^ +$((600 + 300 + 600 + 200)) texts to embed$" counted
    MATRIX_RATE=1 COPY_RATE=1 MEMORY=80 "$ROOT/pipelines/cost" <facts | grep -q '[0-9] GPU-hours at these ceilings'
    run "$ROOT/pipelines/cost" <<<'sft/other/locked/high-quality/any/8/1/1'
    [ "$status" = 1 ]
    [[ $output == "cost: the preset does not say how large task 'other' is; "* ]]
}

@test "cost keeps to what a preset bounds, counts bases that are trained here, and hours at the rate of a CPU" {
    cat >facts <<'END'
= moments 256 512 1024
= along 64 128
= lock-epochs 3
= rounds 12 12 3
= drawn 480 32
= task t 1000 10 5 big small mid labels 1 - embedded 1
= bounds t weak=50 elicit=200 validation=100 validation-first=30 MOST=60 SUBSET=40 BEST=3
= model big 1e6 100
= model small 1e5 10
= lessons big 1 t 2k en
= lessons big 3 t 10 es
= lock t soft 2
bases/big
policies/t/weak
locks/t/soft
demos/t/weak/any/1
completions/t/weak/validation-first
controls/t/locked/right
holds/t/locked/weak
holds/t/locked/strong
holds/t/locked-fixedrdm/weak
sft/t/locked/weak/any/all/1/1
rl/t/locked/expert-iteration/discrete/plain/1/1/12
whole/t/locked/right
rl/t/locked-fixedrdm/filtered-sft/discrete/plain/1/1/12
END
    CPU_RATE=1e-3 "$ROOT/pipelines/cost" <facts >counted
    # The base: 2,030 examples of 15 tokens; a lock: twice 3 x 2 x 400; SFT: 4 epochs of 60, 3 evaluations of 30; a control on 30,
    # on all 100; the last round draws 30 of 40, trains on 3 and is evaluated on 30; that of random tokens draws by rule.
    trained=$(((2030 + 4800 + 240 + 3 + 3) * 15)) drawn=$((3 * 30 + 30 + 100 + 30 + 30 + 30))
    grep -qE "^big +5 +$trained +$((drawn * 5)) +$((drawn * 10)) +$(awk "BEGIN { printf \"%.1f\", (6 * $trained + 2 * 15 * $drawn) / 3600 }")$" counted
    # The weak policy: tuned on 50; 60 demonstrations and 30 answers.
    grep -qE '^small +1 +750 +450 +900 ' counted
    grep -q '[0-9] hours at this rate$' counted
    # What is a policy's by rule is graded again beside a lock: 100 of the strong side, and 100 of fixedrdm; and what it draws.
    grep -qE "^ +$((drawn + 200 + 30)) texts to embed$" counted
}

@test "make cost counts the minis as they stand" {
    make -f "$ROOT/pipelines/figure3.mk" OUT=out POINTS=8 cost >counted
    grep -qE '^calculator +[0-9]+ +[1-9][0-9]+ +[1-9][0-9]+ +[1-9][0-9]+$' counted
    grep -qE '^chooser-intermediate +2 +[1-9]' counted
}

@test "make cost counts the paper's own size without a download" {
    make -f "$ROOT/pipelines/figure5.mk" PRESET=paper SEEDS=1 OUT=out ROUNDS_EI=3 ROUNDS_DPO=2 cost >counted
    grep -qE '^deepseek-coder-7b +[0-9]+ +[1-9][0-9]+ +[1-9][0-9]+ +[1-9][0-9]+$' counted
    grep -q 'programs to break' counted
}

# The miniature paper at toy size: figures 3 and 16 of arithmetic. The science is nonsense, the machinery real.
toy_minis() { # OUT OPTIONS…
    make -f "$ROOT/pipelines/minis.mk" OUT="$1" FIGURES_WANTED='3 16 lock-quality' LANGUAGE_TASKS=mini-math \
        CORPUS='mini-math:300:en' CORPUS.calculator='mini-math:100:en' CORPUS.calculator-weak='mini-math:60:en:level!=4,level!=5:0.7' \
        CORPUS.calculator-intermediate='mini-math:60:en:level!=5' VOCABULARY=300 \
        CONFIG.strong="$ROOT/data/models/mini-weak.json" CONFIG.intermediate="$ROOT/data/models/mini-weak.json" \
        mini-math.PROBLEMS='gen-mini -q --task mini-math -n 300' mini-math.SAMPLE='--max-tokens 6' mini-math.validation=12 \
        mini-math.validation-first=6 mini-math.lock=24 mini-math.weak=16 SEEDS='1 2' POINTS='1 4' MOMENTS='4 8 16' LOCK_EPOCHS=1 \
        ROUNDS_EI=3 ROUNDS_DPO=3 EVALUATE=2 SUBSET=12 BEST=2 STATE_EVERY=3 RL_SEEDS='1 2' STARTS=intermediate-4-2 COMPOSITION_LOCKS= SETTING_TASKS= HELD_OUT=Numbers OTHER_PASSWORDS= UNIFORM_TOKENS_TASK= "${@:2}"
}

made() { # OUT: all records, drawings, models and the report that came of it
    (cd "$1" && find . -name '*.rec' ! -name '*.metrics.rec' -o -name '*.svg' -o -name '*.safetensors' -o -name report.html | sort | xargs sha256sum)
}

@test "the miniature paper gives the same bytes with -j1, with -j2, and killed again and again" {
    toy_minis one -j1 >log 2>&1 || { cat log; false; }
    grep -q 'Figure 16' one/report.html
    [ "$(made one | wc -l)" -gt 100 ]
    [ -z "$(toy_minis one -s)" ]
    for delay in 1 2 0.7 3 1.5; do
        ROOT=$ROOT setsid bash -c "$(declare -f toy_minis); toy_minis two -j2" >/dev/null 2>&1 &
        sleep "$delay"
        kill -KILL -- -$! 2>/dev/null || true
        wait 2>/dev/null || true
    done
    toy_minis two -j2 >log 2>&1 || { cat log; false; }
    diff <(made one) <(made two)
}
