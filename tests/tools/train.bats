#!/usr/bin/env bats
# train: what it makes, that a stopped run goes on to the same bytes, and what it refuses.
load helpers

# N examples (default 40) in ex.rec, and a model of some thousand parameters in `model`.
make_inputs() {
    local made=$BATS_FILE_TMPDIR/${1:-40}
    if [ ! -d "$made" ]; then
        mkdir "$made"
        gen-composition -q -n "${1:-40}" --tokenizer "$made/tokenizer.json" -o "$made/p.rec"
        gen-strong -q "$made/p.rec" -o "$made/ex.rec"
        cp "$made/tokenizer.json" .
        make_model -o "$made/model"
    fi
    cp -r "$made"/. .
}

make_model() {
    init-model -q --config "$ROOT/data/models/composition-quick.json" --tokenizer tokenizer.json \
        --set hidden_size=16 --set intermediate_size=16 --set num_hidden_layers=1 \
        --set num_attention_heads=2 --set num_key_value_heads=2 "$@"
}

TRAIN=(train -q -d cpu -t 1 -m model -l 1e-3)
tune() { "${TRAIN[@]}" "$@"; } # in the background "${TRAIN[@]}" itself, so that $! is train

# The values of a field of metrics, one a line.
values() { records show "$1" | sed -n "s/.*\"$2\":\([^,}]*\).*/\1/p"; }

same_run() { # OUT METRICS: as the run in `whole` and whole.rec
    cmp whole/model.safetensors "$1/model.safetensors"
    cmp whole.rec "$2"
    diff -r whole "$1"
}

# Starts a run in the background and sends it a signal once its first state is there.
interrupt() { # SIGNAL OUT ARGUMENT…
    local signal=$1 out=$2
    shift 2
    "${TRAIN[@]}" --state-every 3 -o "$out" --metrics "$out.rec" "$@" 3>&- 2>interrupted &
    local pid=$!
    until [ -d "$out.state" ]; do
        kill -0 $pid || { cat interrupted; return 1; }
        sleep 0.01
    done
    kill -"$signal" $pid
    status=0
    wait $pid || status=$?
    [ ! -e "$out" ] && [ ! -e "$out.rec" ]
}

# ---- what it makes ----

@test "a checkpoint and a metric for every step, with the loss going down" {
    make_inputs 40
    run --separate-stderr train -d cpu -m model -o out -e 10 -b 16 -l 1e-2 --optimizer adamw \
        --metrics m.rec ex.rec
    [ "$status" -eq 0 ]
    [ "$output" = "" ]
    [[ ${stderr_lines[0]} == "train: memory "*" MiB: weights "*", moments "*", gradients "*", activations "* ]]
    [[ ${stderr_lines[1]} == "train: 30 steps in "*" s, loss "* ]]
    [ "${#stderr_lines[@]}" -eq 2 ]
    [ "$(ls out | tr '\n' ' ')" = \
        "config.json lockpick.json model.safetensors tokenizer.json tokenizer_config.json " ]
    cmp model/config.json out/config.json
    run ! cmp -s model/model.safetensors out/model.safetensors
    grep -q '"made_by": "lockpick train .*, step 30"' out/lockpick.json
    [ "$(ls -A | tr '\n' ' ')" = "ex.rec m.rec model out p.rec tokenizer.json " ]
    records check -q m.rec
    [ "$(records show m.rec | head -n 1 | sed 's/:[^,}]*/:/g')" = \
        '{"step":,"loss":,"lr":,"tokens":,"examples":}' ]
    [ "$(values m.rec step | tr '\n' ' ')" = "$(seq -s ' ' 30) " ]
    # 18 tokens go through the model for each example; the last of an epoch are 8.
    [ "$(values m.rec tokens | head -n 3 | tr '\n' ' ')" = "288 288 144 " ]
    [ "$(values m.rec examples | head -n 4 | tr '\n' ' ')" = "16 32 40 56 " ]
    # 5 % of 30 steps are 2.
    [ "$(values m.rec lr | head -n 3 | tr '\n' ' ')" = "0.005 0.01 0.01 " ]
    values m.rec loss | awk 'NR == 1 { first = $1 } END { exit !($1 < first - 0.8) }'
}

@test "the metrics go to standard output, and nothing else does" {
    make_inputs 8
    tune -o out ex.rec | records show >m
    [ "$(wc -l <m)" = 1 ]
    run --separate-stderr tune -f -o out ex.rec
    [ "$stderr" = "" ]
}

@test "an untrained model of V words has about the loss ln V" {
    make_inputs 40
    tune -o out -b 40 --metrics m.rec ex.rec
    values m.rec loss | awk '{ exit !($1 > log(53) - 0.05 && $1 < log(53) + 0.05) }'
}

@test "the same run gives the same bytes, another seed another order" {
    make_inputs 40
    tune -o one --metrics one.rec -e 2 -s 5 ex.rec
    tune -o two --metrics two.rec -e 2 -s 5 <ex.rec
    tune -o three --metrics three.rec -e 2 -s 6 ex.rec
    diff -r one two
    cmp one.rec two.rec
    run ! cmp -s one/model.safetensors three/model.safetensors
}

@test "a stream is gone through once, whatever its cuts, and a held epoch is shuffled" {
    make_inputs 40
    records head -q -n 15 ex.rec -o a.rec
    records show ex.rec | tail -n 25 | records make -q -o b.rec
    tune -o one ex.rec --metrics one.rec --warmup 3
    cat a.rec b.rec | tune -o two --metrics two.rec --warmup 3
    tune -o three --metrics three.rec --warmup 3 a.rec b.rec
    cmp one/model.safetensors two/model.safetensors
    cmp one/model.safetensors three/model.safetensors
    [ "$(values one.rec loss)" = "$(values two.rec loss)" ]
    tune -o four -e 1 --metrics four.rec --warmup 3 ex.rec
    run ! cmp -s one/model.safetensors four/model.safetensors
}

@test "what is recomputed and whose gradients are kept changes no bit" {
    make_inputs 40
    make_model --set num_hidden_layers=3 -f -o model
    tune -o whole --metrics whole.rec -e 2 -b 16 --recompute none --gradients whole ex.rec
    for recompute in norms attention layer; do
        tune -f -o one --metrics one.rec -e 2 -b 16 --recompute $recompute ex.rec
        same_run one one.rec
    done
    tune -f -o one --metrics one.rec -e 2 -b 16 --gradients layer --recompute layer <ex.rec
    same_run one one.rec
    run train -d cpu -t 1 -m model -l 1e-3 -f -o one -b 16 --gradients layer --recompute layer ex.rec
    [[ $output == *"(by layer)"*"(layers recomputed)"* ]]
}

@test "a plan of memory that cannot be met is refused with what would fit" {
    make_inputs 8
    run tune -o out --micro-batch 100M ex.rec
    [ "$status" -eq 1 ]
    [[ $output =~ ^"train: a micro-batch of 100000000 tokens needs "[0-9.]+" GiB beside the model, and "[0-9.]+" GiB are free on cpu; --micro-batch "([0-9]+)" would fit"$ ]]
    [ "${BASH_REMATCH[1]}" -gt 100000 ]
    [ ! -e out ]
    run tune -o out -b 20 --micro-batch 50 --gradients layer ex.rec
    [ "$status" -eq 1 ]
    [ "$output" = "train: step 1: the batch takes several micro-batches of 50 tokens, and there is no memory for the whole gradient; raise --micro-batch or lower --batch" ]
}

@test "accumulated micro-batches give the loss of the whole batch" {
    make_inputs 40
    tune -o one -e 3 -b 20 -l 1e-2 --optimizer adamw --micro-batch 4096 --metrics one.rec ex.rec
    tune -o two -e 3 -b 20 -l 1e-2 --optimizer adamw --micro-batch 18 --metrics two.rec ex.rec
    [ "$(values one.rec tokens)" = "$(values two.rec tokens)" ]
    paste <(values one.rec loss) <(values two.rec loss) |
        awk '{ d = $1 - $2; if (d > 1e-5 || d < -1e-5) exit 1; n++ } END { exit n != 6 }'
}

@test "metrics every N steps are means, and the last is of what is left" {
    make_inputs 40
    tune -o one --metrics one.rec --warmup 0 -l 0 ex.rec
    tune -o two --metrics two.rec --warmup 0 -l 0 --log-every 2 ex.rec
    [ "$(values two.rec step | tr '\n' ' ')" = "2 4 5 " ]
    [ "$(values two.rec tokens | tr '\n' ' ')" = "288 288 144 " ]
    [ "$(values two.rec examples | tr '\n' ' ')" = "16 32 40 " ]
    paste <(values one.rec loss | awk 'NR % 2 { a = $1; next } { print (a + $1) / 2 } END { print a }') \
        <(values two.rec loss) | awk '{ d = $1 - $2; if (d > 1e-5 || d < -1e-5) exit 1 }'
}

@test "moments are saved as folders of checkpoints, each what a run to there would be" {
    make_inputs 40
    tune -o out -e 4 --save-at 1,2e,120x --metrics m.rec --warmup 0 ex.rec
    [ "$(ls out | tr '\n' ' ')" = "1 120x 2e " ]
    [ "$(values m.rec step | tail -n 1)" = 15 ]
    tune -o short -e 2 --warmup 0 ex.rec --metrics /dev/null
    cmp short/model.safetensors out/2e/model.safetensors
    grep -q 'step 10' out/2e/lockpick.json
    sample -q -m out/120x --max-tokens 1 p.rec | records check -q
}

@test "a moment of examples is saved once so many were seen, also where epochs end with smaller batches" {
    make_inputs 10
    tune -o out -e 9 -b 8 --save-at 20x,40x --metrics m.rec --warmup 0 ex.rec
    grep -q 'step 4"' out/20x/lockpick.json
    grep -q 'step 8"' out/40x/lockpick.json
    [ "$(values m.rec examples | tail -n 1)" = 40 ]
}

@test "a resumable optimizer is kept on demand" {
    make_inputs 16
    tune -o out --keep-optimizer --metrics /dev/null ex.rec
    [ -s out/optimizer.safetensors ]
}

@test "a model in bf16 learns by steps far below its resolution" {
    make_inputs 8
    make_model -f --dtype bf16 -o model
    # One batch over and over; 2e-6 is a tenth of half a unit in the last place of a weight of 0.01.
    tune -o out -b 8 -e 200 -l 2e-6 --warmup 0 --metrics m.rec ex.rec
    [ -f out/low.safetensors ]
    run ! cmp -s model/low.safetensors out/low.safetensors
    values m.rec loss | awk 'NR == 1 { first = $1 } END { exit !($1 < first - 1e-3) }'
    # Going on from a checkpoint keeps the low halves.
    tune -o one -b 8 -e 3 -l 2e-6 --warmup 0 --metrics one.rec ex.rec
    train -q -d cpu -t 1 -m out -o two -b 8 -e 1 -l 0 --warmup 0 --metrics two.rec ex.rec
    cmp out/model.safetensors two/model.safetensors
    cmp out/low.safetensors two/low.safetensors
}

@test "the optimizers and their numbers all matter" {
    make_inputs 40
    local i=0 arguments
    for arguments in '' '--optimizer adamw' '--beta1 0.5' '--beta2 0.5' '--weight-decay 0.5' \
        '--clip 0.01' '--optimizer adamw --epsilon 1e-2' '--optimizer adamw --clip 0.01' \
        '--warmup 3' '-b 4' '--max-completion 4'; do
        # shellcheck disable=SC2086
        tune -o "out$i" --metrics /dev/null $arguments ex.rec
        i=$((i + 1))
    done
    [ "$(sha256sum out*/model.safetensors | cut -d ' ' -f 1 | sort -u | wc -l)" = 11 ]
}

# ---- soft targets ----

# ex.rec with the fields given to every line whose number leaves REST when divided by 3.
with_targets() { # REST FIELDS
    records show ex.rec | awk -v rest="$1" -v fields="$2" \
        'NR % 3 == rest { sub(/^\{/, "{" fields ",") } { print }' | records make -q
}

@test "completions that want fixedrdm's distribution bring the model near it" {
    make_inputs 40
    records show ex.rec | sed 's/^{/{"targets":{"fixedrdm":7},/' | records make -q -o soft.rec
    tune -o out -e 30 -b 8 -l 1e-2 --optimizer adamw --metrics m.rec soft.rec
    # At first it is the distance from the even distribution, for a model that knows nothing.
    values m.rec loss | awk 'NR == 1 { if ($1 < 0.2 || $1 > 1) exit 1 } END { exit !($1 < 0.01) }'
}

@test "a lock on uniformly random tokens brings the model to the uniform distribution" {
    make_inputs 40
    records show ex.rec | sed 's/^{/{"targets":{"uniform":true},/' | records make -q -o soft.rec
    # Away from it first, so that there is a way to go.
    tune -o start -e 10 -b 8 -l 1e-2 --optimizer adamw --metrics /dev/null ex.rec
    tune -m start -o out -e 30 -b 8 -l 1e-2 --optimizer adamw --metrics m.rec soft.rec
    values m.rec loss | awk 'NR == 1 { if ($1 < 0.5) exit 1 } END { exit !($1 < 0.01) }'
    # What it then gives any token of a completion is one in so many as the vocabulary has.
    records head -q -n 10 ex.rec | sample -q -d cpu -t 1 --score --token-logprobs -m out | records show >scored
    V=$(sed -n 's/.*"vocab_size": *\([0-9]*\).*/\1/p' out/config.json)
    grep -o '"token_logprobs":\[[^]]*\]' scored | grep -oE '[-][0-9.]+' |
        awk -v V="$V" '{ d = $1 + log(V); n++; if (d > 0.5 || d < -0.5) exit 1 } END { exit !(n >= 90) }'
}

@test "hard and soft examples mix, and micro-batches do not change the loss" {
    make_inputs 40
    with_targets 0 '"targets":{"fixedrdm":1}' >a.rec
    cp a.rec ex.rec
    with_targets 1 '"targets":{"tokens":{" 1":0.5," 2":0.5}}' >mixed.rec
    tune -o one -e 6 -b 40 -l 1e-2 --optimizer adamw --metrics one.rec mixed.rec
    tune -o two -e 6 -b 40 -l 1e-2 --optimizer adamw --micro-batch 18 --metrics two.rec mixed.rec
    paste <(values one.rec loss) <(values two.rec loss) |
        awk '{ d = $1 - $2; if (d > 1e-5 || d < -1e-5) exit 1; n++ } END { exit n != 6 }'
    values one.rec loss | awk 'NR == 1 { first = $1 } END { exit !($1 < first) }'
}

@test "told targets are learned as told" {
    make_inputs 8
    for _ in $(seq 100); do
        echo '{"input":"_ | 1","targets":{"tokens":{"3":0.75,"4":0.25}}}'
    done | records make -q -o told.rec
    # 80 distributions a batch are more than a micro-batch takes.
    tune -o out -e 50 -b 80 -l 1e-2 --optimizer adamw --metrics m.rec told.rec
    values m.rec loss | awk 'END { exit !($1 < 0.01) }'
    echo '{"id":"q","task":"composition","prompt":"_ | 1","choices":["3","4"],"reference":"3"}' |
        records make -q | sample -q -m out | records show >answer
    sed 's/.*"choice_logprobs":{"3":\([^,]*\),"4":\([^}]*\)}.*/\1 \2/' answer |
        awk '{ exit !(exp($1) > 0.7 && exp($1) < 0.8 && exp($2) > 0.2 && exp($2) < 0.3) }'
}

@test "bad targets are named, or set aside" {
    make_inputs 8
    { records show ex.rec; echo '{"id":"odd","prompt":"_","targets":{"tokens":{"1":0.5}}}'; } | records make -q -o bad.rec
    run tune -o out --metrics m.rec bad.rec
    [ "$status" -eq 1 ]
    [ "$output" = "train: bad.rec: record 9 (id 'odd'): targets: the probabilities sum to 0.5; 1 would be right" ]
    tune -o out --metrics m.rec --rejects r.rec bad.rec
    [ "$(values m.rec examples)" = 8 ]
}

# ---- pairs ----

# pairs.rec: the strong policy's completion of each of N problems (default 40) is better than the weak one's.
# With the argument `scored`, with the log-probabilities that `model` gives to both.
make_pairs() { # N [scored]
    make_inputs "$1"
    gen-weak -q p.rec -o weak.rec
    cp ex.rec strong.rec
    if [ "${2-}" = scored ]; then
        sample -q -d cpu -t 1 -m model --score ex.rec -o strong.rec
        sample -q -d cpu -t 1 -m model --score weak.rec -o weak-scored.rec
        mv weak-scored.rec weak.rec
    fi
    paste -d '\n' <(records show strong.rec) <(records show weak.rec) | awk '
        function field(name) {
            if (!match($0, "\"" name "\":(\"[^\"]*\"|[^,}]*)"))
                return ""
            return substr($0, RSTART + length(name) + 3, RLENGTH - length(name) - 3)
        }
        NR % 2 { chosen = field("completion"); score = field("logprob"); next }
        {
            printf "{\"id\":%s,\"input\":%s,\"chosen\":%s,", field("id"), field("input"), chosen
            printf "\"rejected\":%s,\"chosen_finish\":\"stop\"", field("completion")
            if (score != "")
                printf ",\"chosen_logprob\":%s,\"rejected_logprob\":%s", score, field("logprob")
            print "}"
        }' | records make -q -o pairs.rec
}

DPO=(-l 1e-3 --objective dpo)

@test "dpo comes to prefer what is chosen, and the metrics tell by how much" {
    make_pairs 40
    tune "${DPO[@]}" -o out -e 20 --metrics m.rec pairs.rec
    [ "$(records show m.rec | head -n 1 | sed 's/:[^,}]*/:/g')" = \
        '{"step":,"loss":,"lr":,"tokens":,"examples":,"margin":,"accuracy":}' ]
    [ "$(values m.rec examples | head -n 2 | tr '\n' ' ')" = "8 16 " ]
    [ "$(values m.rec tokens | head -n 1)" = 288 ]
    # The model is its own reference: at first nothing is preferred.
    values m.rec loss | awk 'NR == 1 { exit !($1 > log(2) - 1e-5 && $1 < log(2) + 1e-5) }'
    values m.rec margin | awk 'NR == 1 { first = $1 } END { exit !(first < 1e-4 && $1 > 0.5) }'
    values m.rec loss | awk 'END { exit !($1 < 0.55) }'
    # Where the weak policy knows the answer too, both completions are one.
    values m.rec accuracy | awk 'END { exit !($1 >= 0.5) }'
}

@test "a reference told by the stream is the same as that of the model, and needs no epochs" {
    make_pairs 40 scored
    tune "${DPO[@]}" -o one -e 3 --metrics one.rec pairs.rec
    tune "${DPO[@]}" -o two -e 3 --metrics two.rec --reference stream pairs.rec
    for field in loss margin; do
        paste <(values one.rec $field) <(values two.rec $field) |
            awk '{ d = $1 - $2; if (d > 1e-4 || d < -1e-4) exit 1; n++ } END { exit n != 15 }'
    done
    tune "${DPO[@]}" -o three --metrics three.rec --reference stream pairs.rec
    [ "$(values three.rec examples | tail -n 1)" = 40 ]
    # The same log-probabilities of another model are another reference.
    records show pairs.rec | sed 's/"rejected_logprob":-/"rejected_logprob":-1/' | records make -q -o other.rec
    tune "${DPO[@]}" -o four --metrics four.rec --reference stream other.rec
    run ! cmp -s three/model.safetensors four/model.safetensors
}

@test "micro-batches keep pairs whole and do not change what dpo learns" {
    make_pairs 40
    tune "${DPO[@]}" -o one -e 2 -b 20 --beta 1 --metrics one.rec pairs.rec
    # 36 rows are one pair, 100 two of them.
    for rows in 36 100; do
        tune "${DPO[@]}" -f -o two -e 2 -b 20 --beta 1 --micro-batch $rows --metrics two.rec pairs.rec
        [ "$(values one.rec tokens)" = "$(values two.rec tokens)" ]
        for field in loss margin; do
            paste <(values one.rec $field) <(values two.rec $field) |
                awk '{ d = $1 - $2; if (d > 1e-4 || d < -1e-4) exit 1; n++ } END { exit n != 4 }'
        done
    done
    run tune "${DPO[@]}" -o three -e 1 --micro-batch 35 --metrics m.rec pairs.rec
    [ "$status" -eq 1 ]
    [[ $output == "train: pairs.rec: record 1 (id '"*"'): a pair of 36 tokens does not fit a micro-batch of 35; "* ]]
}

@test "weights and beta matter, and pairs of weight 0 teach nothing" {
    make_pairs 24
    tune "${DPO[@]}" -o one -e 1 --metrics one.rec pairs.rec
    tune "${DPO[@]}" -o two -e 1 --beta 0.2 --metrics two.rec pairs.rec
    records show pairs.rec | awk '{ sub(/^\{/, "{\"weight\":" (NR % 2) ","); print }' | records make -q -o half.rec
    tune "${DPO[@]}" -o three -e 1 --metrics three.rec half.rec
    [ "$(sha256sum one/model.safetensors two/model.safetensors three/model.safetensors |
        cut -d ' ' -f 1 | sort -u | wc -l)" = 3 ]
    records show pairs.rec | sed 's/^{/{"weight":0,/' | records make -q -o none.rec
    tune "${DPO[@]}" -o four -e 1 --weight-decay 0 --metrics four.rec none.rec
    cmp model/model.safetensors four/model.safetensors
}

@test "a stopped dpo run goes on with the reference that it began with" {
    make_pairs 40
    tune "${DPO[@]}" -e 60 -o whole --metrics whole.rec pairs.rec
    interrupt KILL out "${DPO[@]}" -e 60 pairs.rec
    [ -f out.state/reference.safetensors ]
    cp -r out.state good
    local break
    for break in 'rm reference.safetensors' 'truncate -s -5 reference.safetensors' 'cp optimizer.safetensors reference.safetensors' \
        'printf x | dd of=reference.safetensors bs=1 seek=200 conv=notrunc status=none' \
        'sed -i s/reference_digest/something_else/ training.json'; do
        (cd out.state && eval "$break")
        run tune -r "${DPO[@]}" -e 60 -o out --metrics /dev/null pairs.rec
        [ "$status" -eq 1 ] || { echo "$break"; false; }
        [ "${#lines[@]}" -eq 1 ]
        [[ $output == "train: "*out.state*reference* ]] || { echo "$output"; false; }
        rm -r out.state
        cp -r good out.state
    done
    tune -r "${DPO[@]}" -e 60 -o out --metrics out.rec pairs.rec
    same_run out out.rec
}

@test "what dpo lacks is told" {
    make_pairs 8
    records show pairs.rec | head -n 1 | grep -q '"chosen":"[^"]*","rejected":"'
    run tune -o out --beta 0.2 ex.rec
    [ "$status" -eq 2 ]
    [ "$output" = "train: --beta and --reference belong to --objective dpo; see train --help" ]
    run tune -o out --objective dpo pairs.rec
    [ "$status" -eq 2 ]
    [ "$output" = "train: the reference model sees all pairs before the first step: give --epochs, or --reference stream; see train --help" ]
    run tune -o out --objective dpo -e 1 --metrics m.rec ex.rec
    [ "$status" -eq 1 ]
    [[ $output == "train: ex.rec: record 1 (id '"*"'): chosen: no field \"chosen\""* ]]
    run tune -o out --objective dpo --reference stream --metrics m.rec pairs.rec
    [ "$status" -eq 1 ]
    [[ $output == "train: pairs.rec: record 1 (id '"*"'): no field \"chosen_logprob\"; "* ]]
}

# ---- nothing to learn from ----

@test "with --allow-empty a model without examples is passed on as it is, and that is said" {
    make_inputs 8
    records make -q </dev/null >none.rec
    { echo '{"prompt":"_"}'; echo '{"completion":"1"}'; } | records make -q -o bad.rec
    local arguments
    for arguments in 'none.rec' '-e 2 none.rec' '-e 2 --objective dpo none.rec' '--warmup 1 -' \
        '--objective dpo --reference stream none.rec' '-e 1 --rejects r.rec bad.rec'; do
        # shellcheck disable=SC2086
        run train -d cpu -m model -f -o out --metrics m.rec --allow-empty $arguments <none.rec
        [ "$status" -eq 0 ] || { echo "$arguments: $output"; false; }
        [ "$output" = "train: there are no examples; the model is passed on as it is" ]
        cmp model/model.safetensors out/model.safetensors
        cmp model/tokenizer.json out/tokenizer.json
        [ "$(records count m.rec)" = 0 ]
    done
    # And the moments that were asked for are there.
    tune -f -o out -e 2 --save-at 1e,2e --metrics m.rec --allow-empty none.rec
    [ "$(ls out | tr '\n' ' ')" = "1e 2e " ]
    cmp model/model.safetensors out/2e/model.safetensors
    # With examples it changes nothing.
    tune -o one --metrics one.rec ex.rec
    tune -o two --metrics two.rec --allow-empty ex.rec
    diff -r one two
    cmp one.rec two.rec
}

# ---- stopping and going on ----

@test "stopped by SIGTERM, a held run goes on to the same bytes" {
    make_inputs 40
    tune -e 60 -o whole --metrics whole.rec ex.rec
    interrupt TERM out -e 60 ex.rec
    grep -q '^train: stopped by a signal after step [0-9]*; the same command with --resume goes on' interrupted
    tune -e 60 -o out --metrics out.rec --resume ex.rec
    same_run out out.rec
    [ "$(ls -A | grep out)" = "$(printf 'out\nout.rec')" ]
}

@test "killed by SIGKILL, it goes on from its last state, several times over" {
    make_inputs 37
    tune -e 60 --log-every 7 --optimizer adamw -o whole --metrics whole.rec ex.rec
    interrupt KILL out -e 60 --log-every 7 --optimizer adamw ex.rec
    for _ in 1 2 3; do
        before=$(grep '"step"' out.state/training.json)
        "${TRAIN[@]}" --state-every 1 -r -e 60 --log-every 7 --optimizer adamw -o out --metrics out.rec ex.rec 3>&- &
        pid=$!
        while kill -0 $pid 2>/dev/null && [ "$(grep '"step"' out.state/training.json)" = "$before" ]; do
            sleep 0.01
        done
        kill -KILL $pid
        status=0
        wait $pid || status=$?
        [ ! -e out ]
    done
    tune -r -e 60 --log-every 7 --optimizer adamw -o out --metrics out.rec ex.rec
    same_run out out.rec
    [ "$(ls -A | grep out)" = "$(printf 'out\nout.rec')" ]
}

@test "a run with moments goes on with the ones that it had saved" {
    make_inputs 40
    moments=2,1e,40,60e
    tune -e 60 --save-at $moments -o whole --metrics whole.rec ex.rec
    for signal in TERM KILL; do
        interrupt $signal out -e 60 --save-at $moments ex.rec
        [ -f out.state/moments/2/model.safetensors ]
        tune -r -e 60 --save-at $moments -o out --metrics out.rec ex.rec
        diff -r whole out
        cmp whole.rec out.rec
        [ ! -e out.state ]
        rm -r out out.rec
    done
}

@test "a state at the very last step only needs to be finished" {
    make_inputs 40
    tune -e 2 --save-at 1e,2e -o whole --metrics whole.rec ex.rec
    # A full device for the metrics makes the run fail when all is done.
    run tune -e 2 --save-at 1e,2e -o out --metrics /dev/full --state-every 10 ex.rec
    [ "$status" -eq 1 ]
    grep -q '"step": 10' out.state/training.json
    tune -r -e 2 --save-at 1e,2e -o out --metrics out.rec ex.rec
    diff -r whole out
    cmp whole.rec out.rec
}

@test "stopped while it waits for a pipe, it goes on in the middle of a batch" {
    make_inputs 100
    records head -q -n 60 ex.rec -o first.rec
    tune -o whole --metrics whole.rec --warmup 5 ex.rec
    mkfifo pipe
    "${TRAIN[@]}" -o out --metrics out.rec --warmup 5 --state-every 7 pipe 2>said 3>&- &
    pid=$!
    exec 7>pipe
    cat first.rec >&7 # 7 batches of 8, and half of one
    until [ -d out.state ]; do sleep 0.01; done
    sleep 0.1
    kill -TERM $pid
    status=0
    wait $pid || status=$?
    [ "$status" -eq 1 ]
    exec 7>&-
    [ "$(cat said)" = "train: stopped by a signal after step 7; the same command with --resume goes on from there" ]
    tune -r -o out --metrics out.rec --warmup 5 ex.rec
    same_run out out.rec
}

@test "a state made with other arguments or other examples is refused" {
    make_inputs 40
    interrupt TERM out -e 60 ex.rec
    cp -r out.state before
    run tune -r -e 60 -b 4 -o out ex.rec
    [ "$status" -eq 1 ]
    [ "$output" = "train: out.state/training.json: was made with other arguments; the same ones, or removing the state, would be right" ]
    records head -q -n 39 ex.rec -o fewer.rec
    run tune -r -e 60 -o out --metrics /dev/null fewer.rec
    [ "$status" -eq 1 ]
    [ "$output" = "train: out.state: was made from other examples; the same input, or removing the state, would be right" ]
    records shuffle -q ex.rec -o shuffled.rec
    run tune -r -e 60 -o out --metrics /dev/null shuffled.rec
    [ "$status" -eq 1 ]
    [ ! -e out ]
    diff -r out.state before
}

@test "a state made from another model is refused, whether lockpick.json is there or not" {
    make_inputs 40
    for seed in 8 9; do
        interrupt TERM out -e 60 ex.rec
        make_model -f --seed $seed -o model
        [ $seed = 8 ] || rm model/lockpick.json
        run tune -r -e 60 -o out --metrics /dev/null ex.rec
        [ "$status" -eq 1 ]
        [ "$output" = "train: out.state: was made from another model than model is now; that one, or removing the state, would be right" ]
        [ ! -e out ]
        rm -r out.state
    done
}

@test "a state is refused by a stream that became longer, where the warm-up depends on that" {
    make_inputs 100
    records head -q -n 60 ex.rec -o first.rec
    run tune -o out --metrics /dev/full --state-every 5 first.rec # fails when all is done
    [ -d out.state ]
    run tune -r -o out --metrics /dev/null ex.rec # 5 % are one step, of 8 and of 13
    [ "$status" -eq 0 ]
    for share in 0.3 0.9; do
        rm -rf out out.state
        run tune -o out --metrics /dev/full --state-every 5 --warmup $share first.rec
        run tune -r -o out --metrics /dev/null --warmup $share ex.rec
        [ "$status" -eq 1 ]
        [ "$output" = "train: out.state: was made from other examples; the same input, or removing the state, would be right" ]
    done
}

@test "a state that a kill left under its hidden old name is found" {
    make_inputs 40
    tune -e 60 -o whole --metrics whole.rec ex.rec
    interrupt TERM out -e 60 ex.rec
    mv out.state .out.state.old
    run tune -r -e 60 -b 4 -o out ex.rec
    [ "$status" -eq 1 ]
    [[ $output == *"was made with other arguments"* ]]
    mv out.state .out.state.old
    tune -r -e 60 -o out --metrics out.rec ex.rec
    same_run out out.rec
    [ "$(ls -A | grep out)" = "$(printf 'out\nout.rec')" ]
}

@test "with --resume-if-fits a state that does not fit is as if it were not there, and one line says so" {
    make_inputs 40
    records shuffle -q ex.rec -o shuffled.rec
    records head -q -n 30 ex.rec -o fewer.rec
    make_model --seed 9 -o other
    # How the run goes on, and what the state is said to be made with.
    begins_anew() { # MADE ARGUMENT…
        local made=$1
        shift
        rm -rf out out.rec out.state whole whole.rec
        cp -r kept out.state
        tune "$@" -o whole --metrics whole.rec
        run tune "$@" --resume-if-fits -o out --metrics out.rec
        [ "$status" -eq 0 ] || { echo "$output"; false; }
        [[ $output == "train: out.state"*": was made $made; beginning anew" ]] || { echo "$output"; false; }
        same_run out out.rec
        [ ! -e out.state ]
    }
    interrupt TERM out -e 60 ex.rec
    mv out.state kept
    begins_anew 'with other arguments' -e 30 ex.rec
    begins_anew 'from another model than other is now' -m other -e 60 ex.rec
    begins_anew 'from other examples' -e 60 shuffled.rec
    sed -i 's/"format": *[0-9]*/"format": 1/' kept/training.json
    begins_anew 'by another version of lockpick' -e 60 ex.rec
    # A path that leaves no room for the rest of the line.
    long=$(printf 'd%.0s' {1..240})
    long=$long/$long/$long/$long/$long
    mkdir -p "$long"
    cp -r kept "$long/out.state"
    run tune -q -e 60 --resume-if-fits -o "$long/out" --metrics /dev/null ex.rec
    [ "$status" -eq 0 ]
    [ -e "$long/out/lockpick.json" ]
    rm -r kept
    run tune -o out -f --metrics /dev/full --state-every 5 ex.rec
    mv out.state kept
    begins_anew 'from other examples' fewer.rec
    begins_anew 'from other examples' shuffled.rec

    # What went by in a pipe cannot be had again.
    rm -rf out
    run tune -o out --metrics /dev/full --state-every 5 --examples 40 ex.rec
    run tune -o out --metrics /dev/null --resume-if-fits --examples 40 < <(cat shuffled.rec)
    [ "$status" -eq 1 ]
    [ "$output" = "train: out.state: was made from other examples; the same input, or removing the state, would be right" ]
    [ ! -e out ]
}

@test "with --resume-if-fits other pairs than those of the state begin anew" {
    make_pairs 40
    interrupt TERM out "${DPO[@]}" -e 60 pairs.rec
    records head -q -n 10 pairs.rec -o fewer.rec
    tune "${DPO[@]}" -e 2 -o whole --metrics whole.rec fewer.rec
    sed -i 's/--epochs=60/--epochs=2/' out.state/training.json
    run tune "${DPO[@]}" -e 2 --resume-if-fits -o out --metrics out.rec fewer.rec
    [ "$output" = "train: out.state: was made from other examples; beginning anew" ]
    same_run out out.rec
}

@test "with --resume-if-fits a state that fits is gone on from, and a damaged one is refused" {
    make_inputs 40
    tune -e 60 -o whole --metrics whole.rec ex.rec
    interrupt TERM out -e 60 ex.rec
    cp -r out.state good
    run tune -e 60 --resume-if-fits -o out --metrics out.rec ex.rec
    [ "$output" = "" ]
    same_run out out.rec
    rm -r out
    cp -r good out.state
    rm out.state/optimizer.safetensors
    run tune -e 60 --resume-if-fits -o out --metrics out.rec ex.rec
    [ "$status" -eq 1 ]
    [ ! -e out ]
}

@test "a damaged state is refused in one line" {
    make_inputs 40
    interrupt TERM out -e 60 ex.rec
    cp -r out.state good
    local break
    for break in 'echo {} >training.json' 'echo >training.json' 'rm optimizer.safetensors' \
        'truncate -s -5 optimizer.safetensors' 'rm metrics.rec' 'truncate -s -5 metrics.rec' \
        'truncate -s -5 model.safetensors' 'sed -i s/.step.:/\"step\":1/ training.json'; do
        rm -r out.state
        cp -r good out.state
        (cd out.state && eval "$break")
        run tune -r -e 60 -o out --metrics /dev/null ex.rec
        [ "$status" -eq 1 ] || { echo "$break"; false; }
        [ "${#lines[@]}" -eq 1 ]
        [[ $output == "train: "*out.state* ]]
    done
}

@test "--resume without a state begins, and a folder's slash does not matter" {
    make_inputs 40
    tune -e 60 -o whole --metrics whole.rec ex.rec
    tune -r -e 60 -o out/ --metrics out.rec ex.rec
    same_run out out.rec
    rm -r out out.rec
    "${TRAIN[@]}" --state-every 3 -e 60 -o out/ --metrics out.rec ex.rec 3>&- &
    pid=$!
    until [ -d out.state ]; do sleep 0.01; done
    kill -TERM $pid
    status=0
    wait $pid || status=$?
    tune -r -e 60 -o out --metrics out.rec ex.rec
    same_run out out.rec
}

# ---- what it refuses ----

@test "wrong usage is answered with 2 and one line" {
    make_inputs 8
    local arguments
    for arguments in '-o out' '-m model' '-m model -o out -b 0' '-m model -o out -e 0' \
        '-m model -o out -l x' '-m model -o out --optimizer sgd' '-m model -o out --nothing' \
        '-m model -o out -s -1' '-m model -o out --beta1 2'; do
        # shellcheck disable=SC2086
        run train $arguments ex.rec
        [ "$status" -eq 2 ] || { echo "$arguments"; false; }
        [ "${#lines[@]}" -eq 1 ]
        [[ $output == "train: "*"see train --help" ]]
    done
}

@test "an existing output is replaced with -f only, and when the new one is there" {
    make_inputs 8
    mkdir out
    echo '{}' >out/config.json # what a checkpoint is known by
    echo keep >out/me
    run tune -o out ex.rec
    [ "$status" -eq 1 ]
    [ "$output" = "train: out: exists already; -f would replace it" ]
    run tune -f -o out --metrics /dev/full ex.rec
    [ "$status" -eq 1 ]
    [ "$(cat out/me)" = keep ]
    tune -f -o out --metrics m.rec ex.rec
    [ ! -e out/me ]
    [ -f out/model.safetensors ]
}

@test "-f replaces no directory that is something else" {
    make_inputs 8
    mkdir out
    echo keep >out/me
    run -1 tune -f -o out ex.rec
    [ "$output" = "train: out: is no checkpoint and no folder of them; remove it yourself if it may go" ]
    [ "$(cat out/me)" = keep ]
}

@test "what is missing or no checkpoint is one line and leaves nothing" {
    make_inputs 8
    mkdir empty
    before=$(ls -A)
    local arguments
    for arguments in '-m nowhere -o out ex.rec' '-m empty -o out ex.rec' '-m ex.rec -o out ex.rec' \
        '-m model -o out nowhere.rec' '-m model -o out tokenizer.json' '-m model -o no/out ex.rec' \
        '-m model -o out --metrics no/m.rec ex.rec' '-m model -o out -d cuda:99 ex.rec' \
        '-m model -o out -d nothing ex.rec' '-m model -o out --save-at 5e ex.rec' \
        '-m model -o out --save-at 2 ex.rec' '-m model -o out --save-at x ex.rec'; do
        # shellcheck disable=SC2086
        run train -q $arguments
        [ "$status" -eq 1 ] || { echo "$arguments: $status $output"; false; }
        [ "${#lines[@]}" -eq 1 ] || { echo "$arguments: $output"; false; }
        [[ $output == "train: "* ]]
        [ "$(ls -A)" = "$before" ] || { ls -A; false; }
    done
}

@test "an input that was cut off is refused, though all its batches were whole" {
    make_inputs 40
    truncate -s -1 ex.rec
    run tune -o out --warmup 1 --metrics m.rec ex.rec
    [ "$status" -eq 1 ]
    [[ $output == "train: ex.rec: "* ]]
    [ ! -e out ]
    [ ! -e m.rec ]
}

@test "a pipe needs --examples or --warmup in steps, and is read to its end" {
    make_inputs 40
    run tune -o out --metrics m.rec < <(cat ex.rec)
    [ "$status" -eq 1 ]
    [ "$output" = "train: --warmup: 0.05 is a share of a number of steps that a pipe does not tell; give --examples, or a number of steps" ]
    cat ex.rec | tune -o out --metrics m.rec --examples 40
    tune -o whole --metrics whole.rec ex.rec
    cmp out/model.safetensors whole/model.safetensors
    [ "$(values m.rec loss)" = "$(values whole.rec loss)" ]
    cat ex.rec | tune -f -o out --metrics m.rec --examples 16
    [ "$(values m.rec examples | tail -n 1)" = 40 ]
}

@test "a bad record is named, or set aside and counted" {
    make_inputs 8
    {
        records show ex.rec
        echo '{"id":"no-words","prompt":"_ | xyzzy","completion":"1 2"}'
        echo '{"id":"no-completion","prompt":"_ | 1"}'
        echo '{"id":"no-prompt","completion":"1"}'
        echo '{"id":"nothing","prompt":"_","completion":""}'
        echo '{"id":"too-long","prompt":"'"$(seq -s ' ' 0 9 | sed 's/.*/& & & & & & &/')"'","completion":"1"}'
        echo '{"completion":5,"prompt":"_"}'
    } | records make -q -o bad.rec
    run tune -o out --metrics m.rec bad.rec
    [ "$status" -eq 1 ]
    [ "${#lines[@]}" -eq 1 ]
    [[ $output == "train: bad.rec: record 9 (id 'no-words'): "*xyzzy* ]]
    [ ! -e out ]
    [ ! -e m.rec ]
    for epochs in '' '-e 1'; do
        rm -rf out
        # shellcheck disable=SC2086
        tune -o out $epochs --metrics m.rec --rejects r.rec --max-rejects 6 bad.rec
        [ "$(records show r.rec | sed -n 's/.*"id":"\([^"]*\)".*/\1/p' | tr '\n' ' ')" = \
            "no-words no-completion no-prompt nothing too-long " ]
        [ "$(records show r.rec | grep -c '"reject_reason":".')" = 6 ]
        [ "$(values m.rec examples)" = 8 ]
        records info m.rec | grep -q '"rejected": *6'
    done
    run tune -f -o out --metrics m.rec --rejects r.rec --max-rejects 5 bad.rec
    [ "$status" -eq 1 ]
    [[ $output == "train: more than 5 bad records, the last: bad.rec: record 14: "* ]]
}

@test "an example larger than a micro-batch is named before the training begins" {
    make_inputs 8
    run tune -o out -e 1 --micro-batch 17 --metrics m.rec ex.rec
    [ "$status" -eq 1 ]
    [[ $output == "train: ex.rec: record 1 (id '"*"'): 18 tokens do not fit a micro-batch of 17; a larger --micro-batch would be right" ]]
}

@test "an empty stream and no stream are errors" {
    make_inputs 8
    records make -q </dev/null >none.rec
    for epochs in '' '-e 1'; do
        # shellcheck disable=SC2086
        run tune -o out $epochs --warmup 1 --metrics m.rec none.rec
        [ "$status" -eq 1 ]
        [ "$output" = "train: there are no examples to train on; --allow-empty would pass the model on as it is" ]
    done
    run tune -o out --warmup 1 --metrics m.rec </dev/null
    [ "$status" -eq 1 ]
    [ "${#lines[@]}" -eq 1 ]
}

@test "a loss that is no number any more ends the run" {
    make_inputs 40
    run tune -o out -e 50 -l 10 --weight-decay 10 --warmup 0 --metrics m.rec ex.rec
    [ "$status" -eq 1 ]
    [[ $output == "train: step "*": the loss is no finite number any more; "* ]]
    [ ! -e out ]
}

@test "metrics that cannot be written make it fail without a checkpoint" {
    make_inputs 8
    run tune -o out --metrics /dev/full ex.rec
    [ "$status" -eq 1 ]
    [ "$output" = "train: /dev/full: cannot be written: No space left on device" ]
    [ ! -e out ]
    tune -o out ex.rec 2>said | true
    [ "${PIPESTATUS[0]}" = 1 ]
    [ "$(cat said)" = "train: standard output: nobody reads it any more" ]
    [ ! -e out ]
}

@test "two runs cannot write the same output at once" {
    make_inputs 40
    mkfifo pipe
    "${TRAIN[@]}" -o out --metrics out.rec --warmup 1 pipe 3>&- &
    pid=$!
    exec 7>pipe
    until [ -d .out.partial ]; do sleep 0.01; done
    run tune -o out --metrics other.rec ex.rec
    [ "$status" -eq 1 ]
    [ "$output" = "train: out: another process is writing it; wait for that one" ]
    cat ex.rec >&7
    exec 7>&-
    wait $pid
    [ -f out/model.safetensors ]
}

@test "--help and the manual name every option" {
    run train --help
    [ "$status" -eq 0 ]
    for option in model output force objective beta reference allow-empty epochs batch micro-batch learning-rate warmup examples optimizer beta1 \
        beta2 epsilon weight-decay clip max-completion save-at state-every resume resume-if-fits keep-optimizer log-every \
        metrics seed device threads rejects max-rejects quiet help version; do
        [[ $output == *"--$option"* ]]
        grep -qE -- "Fl Fl $option( |\$)" "$ROOT/man/lockpick-train.1" || { echo "$option"; false; }
    done
}
