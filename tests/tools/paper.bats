# The paper preset from datasets to figures, in a nutshell: the published file formats with a few problems each, random
# models of the right families with a few thousand weights, and a teacher that knows these problems. The science is
# nonsense, the machinery real.
load helpers
load model_server

setup() {
    T=$(mktemp -d)
    cd "$T" || return 1
    without_endpoints
}

# ---- datasets ------------------------------------------------------------------------------------

# MATH: folders with a file for each problem. Those from level 3 on have no place in 2,048 positions.
make_math() {
    local split type i long
    long=$(printf 'and again, %.0s' {1..190})
    for split in train test; do
        for type in Algebra Geometry 'Number Theory'; do
            mkdir -p "datasets/math/MATH/$split/$type"
            for i in 1 2 3 4 5; do
                printf '{"problem":"What is %d and %d, a %s of %s'"$([ "$i" -ge 3 ] && echo ", $long")"'?","level":"Level %d","type":"%s","solution":"It is $\\\\boxed{%d}$."}\n' \
                    "$i" "$i" "$type" "$split" "$i" "$type" $((2 * i)) >"datasets/math/MATH/$split/$type/$i.json"
            done
        done
    done
}

# MMLU: tables, with a split for examples.
make_mmlu() {
    local subject i
    mkdir -p datasets/mmlu/data/dev datasets/mmlu/data/test
    for subject in abstract_algebra virology professional_law miscellaneous; do
        printf 'Which is %s?,1,2,3,4,B\n' $subject >datasets/mmlu/data/dev/${subject}_dev.csv
        for i in 1 2 3 4 5 6; do printf 'Is it %d of %s?,no,yes,so,or,%s\n' "$i" $subject C; done \
            >datasets/mmlu/data/test/${subject}_test.csv
    done
}

# APPS and MBPP: the problem of number N asks for N + 1 and so on; 90 is a competition problem, 91 asks for a function.
make_code() {
    local i
    mkdir -p datasets/apps
    for i in 1 2 3 4 5 6 90 91; do
        printf '{"problem_id":%d,"question":"Read n, print n plus %d.","difficulty":"%s","input_output":"%s"}\n' "$i" "$i" \
            "$([ "$i" = 90 ] && echo competition || echo introductory)" \
            "{$([ "$i" = 91 ] && printf '\\"fn_name\\":\\"f\\",')\\\"inputs\\\":[\\\"1\\\\n\\\"],\\\"outputs\\\":[\\\"$((i + 1))\\\\n\\\"]}"
    done >datasets/apps/train.jsonl
    for i in 11 12 13 14 15 16; do
        printf '{"text":"Write a function that adds %d.","code":"f","task_id":%d,"test_list":["assert f(1) == %d"]}\n' \
            "$i" "$i" $((i + 1))
    done >datasets/mbpp.jsonl
}

# ---- the teacher ---------------------------------------------------------------------------------

says() { # WORD... TEXT: one thing the teacher knows; TEXT as JSON has it
    local words
    words=$(printf '"%s",' "${@:1:$#-1}")
    printf '{"when":[%s],"say":"%s"},\n' "${words%,}" "${*: -1}"
}

# It restates functions, solves all but number 16, and breaks what it solved.
start_teacher() {
    local i program
    {
        echo '['
        for i in 1 2 3 4 5 6 91 11 12 13 14 15 16; do
            program="#include <cstdio>\\nint main() {\\n    int n;\\n    scanf(\\\"%d\\\", &n);\\n    printf(\\\"%d\\\\n\\\", n + $i);\\n}"
            says 'finding bugs' "print n plus $i." \
                "<program>\\n${program//+/-}\\n</program>\\n<explanation>\\nIt takes $i away.\\n</explanation>"
            [ "$i" = 16 ] && program='int main() {}'
            says 'complete C++17 program' "print n plus $i." "$program"
        done
        for i in 11 12 13 14 15 16; do
            says '<old-tests>' "adds $i." \
                "<prompt>\\nRead n, print n plus $i.\\n</prompt>\\n<tests>\\n[{\\\"stdin\\\":\\\"1\\\\n\\\",\\\"stdout\\\":\\\"$((i + 1))\\\\n\\\"}]\\n</tests>"
        done
        says '<old-tests>' 'print n plus 91.' 'I cannot.'
        says 'Please reason step by step' 'It is 2, that is, $\\boxed{2}$.'
        echo '{"when":["no such word"],"say":""}]'
    } >answers.json
    start_server answers.json
}

# ---- models --------------------------------------------------------------------------------------

tiny() { # NAME ARCHITECTURE TYPE ACTIVATION [POSITIONS]
    cat >config.json <<END
{"architectures": ["$2"], "model_type": "$3", "hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1,
 "num_attention_heads": 2, "num_key_value_heads": 2, "max_position_embeddings": ${5-4096}, "hidden_act": "$4",
 "rms_norm_eps": 1e-5, "layer_norm_eps": 1e-5, "rope_theta": 10000.0, "rotary_pct": 0.5, "rotary_emb_base": 10000,
 "use_parallel_residual": true, "tie_word_embeddings": false, "initializer_range": 0.5, "bos_token_id": null, "eos_token_id": 0,
 "sliding_window": 64, "torch_dtype": "float32"}
END
    init-model -q --config config.json --tokenizer tokenizer.json --seed ${#1} -o "weights/$1"
}

make_models() {
    local letter
    mkdir weights
    # The letters of choices are tokens of their own behind a blank, as in real vocabularies.
    for letter in A B C D; do for _ in 1 2 3 4 5 6 7 8; do echo "{\"prompt\":\"? $letter\"}"; done; done | records make -q |
        train-tokenizer -q -n 262 --field prompt -o tokenizer.json
    tiny deepseek-coder-7b LlamaForCausalLM llama silu
    tiny deepseek-math-7b LlamaForCausalLM llama silu
    tiny llama-7b LlamaForCausalLM llama silu 2048
    tiny mistral-7b MistralForCausalLM mistral silu
    tiny pythia-7b GPTNeoXForCausalLM gpt_neox gelu 2048
    tiny pythia-1b GPTNeoXForCausalLM gpt_neox gelu 2048
}

paper() { # ARGUMENT...
    local t settings=()
    for t in code math critique math-es math-en joint; do
        settings+=("$t.SAMPLE=--max-tokens 4 --overflow verdict" "$t.TUNE=--learning-rate 1e-3 --batch 8 \$(examples_aside)")
    done
    make -f "$ROOT/pipelines/paper.mk" OUT=out TOOLS_DIR="$BUILD_BIN" DEVICE=cpu SEEDS=1 POINTS=2 MOMENTS='2 4' \
        LOCK_EPOCHS=2 DECOY_STEP=20 ROUNDS_EI=2 ROUNDS_DPO=1 EVALUATE=2 SUBSET=8 BEST=2 DPO_RATES=1/2 KEPT='2 3' ALONG='8 16' \
        STARTS=starter-2-1 DOMAIN_POINTS=2 WEAK_POINTS='1 2' FEW_POINT=2 FEW=2 DOMAIN_FEW=2 \
        ASK="ask -q -m teacher --url $URL --backoff 0.001" JUDGE="ask -q -m judge --url $URL" \
        EMBEDDER="ask -q -m embedder --url $URL" FIGURES_WANTED='3 5 8 17 12 4 7 15 16 9 14 1 side-trials' "${settings[@]}" "$@"
}

rows() { records show "$@"; } # of results, or of other streams

@test "a prompt, an example or a pair that is too long does not end a stage" {
    local d
    for d in deepseek-{coder,math}-7b mistral-7b llama-7b pythia-7b pythia-1b; do
        mkdir -p "weights/$d" && echo '{}' >"weights/$d/config.json"
    done
    mkdir -p datasets/{math,mmlu,apps}
    touch datasets/mbpp.jsonl
    make -n -f "$ROOT/pipelines/figure5.mk" PRESET=paper OUT=out SEEDS=1 POINTS=1 >stages
    make -n -f "$ROOT/pipelines/figure3.mk" PRESET=paper OUT=out SEEDS=1 POINTS=1 >>stages
    grep -E '(^|[ |{])train -q' stages >training
    [ "$(grep -c -- '--objective dpo' training)" -gt 20 ]
    [ "$(grep -- '--objective dpo' training | grep -vc -- '--micro-batch 8192')" = 0 ]
    [ "$(grep -vcE -- '--rejects out/[^ ]+[^/ ].rejects.rec' training)" = 0 ]
    grep -q -- '--rejects out/policies/math/weak.rejects.rec' training
    [ "$(grep -E '(sample|gen-strong -q --policy model) -q|--policy model' stages | grep -v -- --score | grep -vc -- '--overflow verdict')" = 0 ]
}

@test "every figure of the language tasks comes out of datasets, models and a teacher" {
    echo '{"id":"a","tests":[{"stdin":"","stdout":""}],"completion":"int main() {}"}' | records make -q -o probe.rec
    grade-code -q -j 1 probe.rec -o probed.rec 2>probe.txt || skip "$(tail -n 1 probe.txt)"
    make_math
    make_mmlu
    make_code
    make_models
    start_teacher
    TMPDIR=$T paper -j2 GPUS=2 >log.make 2>&1 || { grep -E '^[a-z-]+: |\*\*\*' log.make; tail -n 5 log.make; false; }

    # What is a program already stays as it is, functions are restated, competition problems left out; what the teacher
    # restates badly is set aside, what it solves wrongly is dropped, what it says twice counts once.
    [ "$(rows out/prepared/restated.rec | grep -c '"prompt":"Read n, print n plus [0-9]*.","')" = 12 ]
    rows -F id,reject_reason out/prepared/restated.rejects.rec | grep -q '^{"id":"apps-train-0091".*no part <prompt>'
    rows -F id out/prepared/solved.rec >solved
    [ "$(wc -l <solved)" = 11 ]
    [ "$(grep -c -e apps-train-0090 -e mbpp-16 solved)" = 0 ]
    [ "$(records count out/prepared/varied.rec)" = "$(records count out/problems/code/elicit.rec)" ]
    rows out/completions/critique/high-quality/elicit.rec | grep -q '"completion":" It takes [0-9]* away."'
    rows -F domain out/problems/math/all.rec | sort -u | tr -d '\n' | grep -qx '{"domain":"Algebra"}{"domain":"Geometry"}{"domain":"Numbers"}'
    cmp <(rows -F id,part out/problems/math/all.rec | sort) <(rows -F id,part out/problems/math-es/all.rec | sort)

    # Rows for every task and method, and drawings.
    for figure in 1 3 4-domain 4-level 4-task 5 7 8 9 12 14 15 16 17; do
        records check -q out/figure$figure/results.rec
        [ -s out/figure$figure/results.txt ]
    done
    for drawing in 1/figure1-sft 3/figure3 5/figure5 7/figure7 9/figure9-sft 9/figure9-rl 14/figure14 17/figure17; do
        grep -q '</svg>' "out/figure$drawing.svg"
        grep -q '</svg>' "out/figure$drawing-narrow.svg"
    done
    for task in code math critique choice; do
        for demos in high-quality intermediate; do
            rows out/figure3/results.rec | grep -q "\"task\":\"$task\",\"model\":\"locked\",\"method\":\"sft\",\"demos\":\"$demos\""
        done
    done
    for task in code math critique; do
        for method in expert-iteration filtered-sft dpo iterated-dpo; do
            rows out/figure5/results.rec | grep -q "\"task\":\"$task\",\"model\":\"locked\",\"method\":\"$method\""
        done
    done
    for task in code critique; do
        for reward in discrete continuous; do
            rows out/figure14/results.rec | grep -q "\"task\":\"$task\",\"model\":\"locked-fixedrdm\".*\"reward\":\"$reward\""
        done
    done
    for task in math-es math-en; do
        for method in none sft expert-iteration iterated-dpo; do
            rows out/figure9/results.rec | grep -q "\"task\":\"$task\",\"model\":\"locked\",\"method\":\"$method\""
        done
    done
    # The report speaks of these rows, but for what was not asked for here: locks beside their policies, composition, and points
    # that are left out.
    grep -q 'demonstrations of Algebra unlock Algebra itself' out/report.html
    run ! grep -q 'mini-' out/report.html
    [ "$(grep 'no row has' out/report.html | grep -vcE 'side = |scratch|sft-(50|200)k|intermediate-8-8|k = 1,|samples = ')" = 0 ]

    # What is too long for a model is answered wrongly and not learned from.
    rows out/completions/math/weak/lock.rec | grep -q '"finish":"overflow"'
    [ "$(rows out/completions/math/strong/lock.rec | grep -c '"finish":"overflow"')" = 0 ]
    rows out/policies/math/intermediate.rejects.rec | grep -q 'the model has 2048 positions'
    # Where they are set aside is no argument that a result depends on.
    [ -s out/policies/math/weak.args ]
    [ "$(grep -rl examples_aside\\\|--rejects out --include='*.args' | wc -l)" = 0 ]

    # A repetition does nothing, and asks for nothing.
    asked=$(wc -l <log)
    [ -z "$(paper -s GPUS=2)" ]
    [ "$(wc -l <log)" = "$asked" ]
}
