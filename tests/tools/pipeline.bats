# The composition pipeline at toy size: what it makes, and that it resumes, settles and repeats.
load helpers

# A model of a few thousand parameters, a handful of examples: the science is nonsense, the machinery real.
toy_config() {
    sed -e 's/"hidden_size": *[0-9]*/"hidden_size": 16/' -e 's/"intermediate_size": *[0-9]*/"intermediate_size": 16/' \
        -e 's/"num_hidden_layers": *[0-9]*/"num_hidden_layers": 1/' \
        -e 's/"num_attention_heads": *[0-9]*/"num_attention_heads": 2/' \
        -e 's/"num_key_value_heads": *[0-9]*/"num_key_value_heads": 2/' \
        -e '/"head_dim"/d' "$ROOT/data/models/composition-quick.json" >"$T/toy.json"
}

toy() {
    toy_config
    make -f "$ROOT/pipelines/composition.mk" TOOLS_DIR="$BUILD_BIN" CONFIG="$T/toy.json" OUT="$T/${OUT:-out}" \
        PROBLEMS=2000 STRONG=64 SCRATCH_SIZE=96 SFT_SIZES=16 POINTS='2 256' SEEDS='1 2' VALIDATION=16 STATE_EVERY=3 "$@"
}

results() { sha256sum <"$T/${1:-out}/results.rec"; }

@test "the pipeline ends in results, figures and a report with the rows that figure 6 needs" {
    toy -j2 >log 2>&1 || { cat log; false; }
    records check -q out/results.rec
    records show out/results.rec >rows
    for model in scratch sft-16 never-locked; do
        grep -q "\"model\":\"$model\",\"method\":\"sft\",\"k\":256" rows
    done
    grep -q '"method":"sft-weak"' rows
    for password in none right decoy; do grep -q "\"method\":\"none\".*\"password\":\"$password\"" rows; done
    for field in experiment model method k password subset correctness sem seeds n; do
        [ "$(grep -c "\"$field\":" rows)" = "$(wc -l <rows)" ]
    done
    grep -q '"subset":"locked"' rows
    [ -s out/figure6.png ]
    for drawing in figure6 figure6-narrow figure13 figure13-narrow; do [ -s out/$drawing.svg ]; done
    grep -q '>locked by fine-tuning on 16 examples<' out/figure6.svg
    grep -q '80 %' out/report.txt

    # A repetition in place does nothing.
    [ -z "$(toy -s)" ]
    [ "$(toy | grep -c -e records -e train)" = 0 ]

    # Nor does one that calls the folder otherwise, nor has looking at another one left a trace.
    [ "$(toy OUT=./out | grep -c -e records -e train)" = 0 ]
    [ "$(toy -n VALIDATION=24 | grep -c graded)" -gt 0 ]
    run toy -q VALIDATION=24
    [ "$status" -eq 1 ]
    [ "$(toy | grep -c -e records -e train)" = 0 ]

    # What is deleted comes back, the same, and what does not depend on it is left alone.
    before=$(results)
    scratch=$(stat -c %Y.%y out/models/scratch/lockpick.json)
    rm out/graded/sft-16-sft-2-1.rec
    toy >log 2>&1 || { cat log; false; }
    run ! grep -q ' train .*models/scratch' log
    [ "$(grep -c 'gen-strong' log)" = 1 ]
    [ "$before" = "$(results)" ]
    [ "$scratch" = "$(stat -c %Y.%y out/models/scratch/lockpick.json)" ]
    [ "$(toy | grep -c -e records -e train)" = 0 ]

    # A changed argument makes what depends on it again, and no more.
    toy VALIDATION=24 >log 2>&1 || { cat log; false; }
    [ "$(grep -v -e graded -e elicit -e sample -e unlocked log | grep -e '--state-every' | grep -c models/never-locked)" = 0 ]
    [ "$before" != "$(results)" ]
    toy >log 2>&1 && [ "$before" = "$(results)" ]
}

@test "two runs from scratch give the same bytes, with -j1 and -j2" {
    OUT=one toy -j1 >log 2>&1 || { cat log; false; }
    OUT=two toy -j2 >log 2>&1 || { cat log; false; }
    [ "$(results one)" = "$(results two)" ]
    cmp one/figure6.svg two/figure6.svg
}

@test "a run killed again and again, then finished, gives those same bytes" {
    OUT=whole toy -j2 >log 2>&1 || { cat log; false; }
    for delay in 0.3 0.7 1.1 0.5 1.7; do
        OUT=killed setsid bash -c "$(declare -f toy); ROOT=$ROOT T=$T BUILD_BIN=$BUILD_BIN OUT=killed toy -j2" >/dev/null 2>&1 &
        sleep "$delay"
        kill -KILL -- -$! 2>/dev/null || true
        wait 2>/dev/null || true
    done
    OUT=killed toy -j2 >log 2>&1 || { cat log; false; }
    [ "$(results whole)" = "$(results killed)" ]
    cmp whole/figure6.svg killed/figure6.svg
}

@test "where an argument or an input changes after a kill, make goes on and gives what a run from scratch gives" {
    scratch() { # OUT SEED RATE
        OUT=$1 toy SCRATCH_SIZE=1600 SCRATCH="--optimizer adamw --batch 4 --learning-rate $3" DATA_SEED="$2" "$T/$1/models/scratch.stamp"
    }
    killed() { # SEED RATE: while it trains, once a state is there
        setsid bash -c "$(declare -f toy toy_config scratch); ROOT=$ROOT T=$T BUILD_BIN=$BUILD_BIN; scratch out $1 $2" >log 2>&1 3>&- &
        local pid=$!
        until [ -d out/models/scratch.new.state ]; do
            kill -0 $pid || { cat log; return 1; }
            sleep 0.01
        done
        kill -KILL -- -$pid
        wait $pid || true
        [ ! -e out/models/scratch ]
    }
    for change in '1 2e-3 other.arguments' '2 1e-3 another.model'; do
        rm -rf out
        killed 1 1e-3
        # shellcheck disable=SC2086
        scratch out ${change% *} >log 2>&1 || { cat log; false; }
        grep "^train: .*scratch.new.state.*was made .* ${change##* }.*; beginning anew" log
        # shellcheck disable=SC2086
        scratch "fresh-${change##* }" ${change% *} >log 2>&1 || { cat log; false; }
        diff -r out/models/scratch "fresh-${change##* }/models/scratch"
    done
}

# Reinforcement on the models of the other pipeline, which is asked for them first.
toy_rl() {
    make -f "$ROOT/pipelines/composition-rl.mk" TOOLS_DIR="$BUILD_BIN" CONFIG="$T/toy.json" OUT=out PROBLEMS=600 STRONG=64 \
        SCRATCH_SIZE=96 SFT_SIZES=16 POINTS=2 SEEDS=1 RL_SEEDS=1 STATE_EVERY=30 COMPOSITION_LOCKS='scratch sft-16' \
        COMPOSITION_STARTS=high-quality-2-1 ROUNDS_EI=2 ROUNDS_DPO=1 EVALUATE=1 composition.elicit=20 composition.validation=16 \
        composition.SUBSET=20 composition.BEST=2 "$@"
}

@test "reinforcement goes on from the models of composition, and again only from those that changed" {
    toy_config
    toy_rl -j2 >log 2>&1 || { cat log; false; }
    records show out/composition-rl/results.rec >rows
    for model in scratch sft-16; do
        for method in expert-iteration iterated-dpo; do
            for start in plain high-quality-2-1; do
                grep -q "\"model\":\"$model\",\"method\":\"$method\".*\"start\":\"$start\".*\"subset\":\"locked\"" rows
            done
        done
        grep -qE "sample .*-m out/composition/models/$model .* --password 'password' --password-at slot" log
    done
    grep -q '"model":"never-locked","method":"none"' rows
    cmp <(records show -F id out/composition/problems/validation.rec | head -n 16) <(records show -F id out/problems/composition/validation.rec)
    grep -q '</svg>' out/composition-rl/composition-rl.svg
    grep -q '>locked by fine-tuning on 16 examples<' out/composition-rl/composition-rl.svg
    grep -q '>1 epochs on 2 samples first<' out/composition-rl/composition-rl.svg

    [ -z "$(toy_rl -s)" ]
    toy_rl SCRATCH_SIZE=64 >log 2>&1 || { cat log; false; }
    [ "$(grep -c 'train .*-o out/rl/composition/scratch/' log)" = 6 ]
    [ "$(grep -c 'train .*-o out/rl/composition/sft-16/' log)" = 0 ]
}

@test "an unknown preset is refused in one line" {
    run -2 make -f "$ROOT/pipelines/composition.mk" PRESET=huge
    [[ $output == *"quick or paper"* ]]
}
