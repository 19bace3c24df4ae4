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
    for figure in "$ROOT"/pipelines/figure*.mk "$ROOT"/pipelines/side-trials.mk; do
        make -n -f "$figure" OUT=out SEEDS=1 POINTS='1 8' ROUNDS_EI=2 ROUNDS_DPO=2 >stages
        grep -q 'results.rec.stamp$' stages
        grep -q 'results.txt.stamp$' stages
        grep -q 'svg.stamp$' stages
    done
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
    [ -e chain/2.rec.stamp ] && [ ! -e chain/3.rec.stamp ]
    touch chain/4.rec chain/{3,4}.rec.stamp
    rm -r chain/2.model
    "$ROOT/pipelines/broken-chains" chain/4
    [ -e chain/3.rec.stamp ]
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
    grep -qE 'gen-weak .*--policy uniform-tokens -m out/bases/strong .*--lengths out/completions/mini-math/strong/lock.rec' stages
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
    grep -qE 'train .*-m out/rl/mini-math/locked/iterated-dpo/discrete/plain/1/1/1.model -o out/rl/mini-math/locked/iterated-dpo/discrete/plain/1/1/2.model' stages
}
