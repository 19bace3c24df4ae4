# tokenize: text to ids and back.
load helpers

tokenizer() { # a tokenizer of the golden vectors
    echo "$ROOT/tests/golden/tokenizers/$1"
}

@test "each line of text becomes a line of ids, which become the text again" {
    printf 'Hello world\n\n  the weak  policy ü 你\n' >in.txt
    for name in llama deepseek sp-llama; do
        tokenize -t "$(tokenizer $name)" in.txt -o ids.txt
        [ "$(wc -l <ids.txt)" = 3 ]
        [ -z "$(tr -d '0-9 \n' <ids.txt)" ]
        tokenize -t "$(tokenizer $name)" -d --skip-special ids.txt | cmp - in.txt
    done
}

@test "the last line needs no newline, and several files are read in turn" {
    printf 'one\ntwo' >a.txt
    echo three >b.txt
    [ "$(tokenize -t "$(tokenizer qwen2)" a.txt b.txt | wc -l)" = 3 ]
    [ "$(echo three | tokenize -t "$(tokenizer qwen2)")" = "$(tokenize -t "$(tokenizer qwen2)" b.txt)" ]
}

@test "an input can be one text, byte for byte" {
    printf 'two\n\nlines\n' >in.txt
    tokenize -t "$(tokenizer qwen2)" -w in.txt >ids.txt
    [ "$(wc -l <ids.txt)" = 1 ]
    tokenize -t "$(tokenizer qwen2)" -w -d ids.txt | cmp - in.txt
    tokenize -t "$(tokenizer qwen2)" -w <in.txt | cmp - ids.txt
}

@test "special tokens are added and recognized unless told otherwise" {
    llama=$(tokenizer llama)
    [ "$(echo '' | tokenize -t "$llama")" = 1 ]
    [ "$(echo '' | tokenize -t "$llama" --bare)" = "" ]
    [ "$(echo '</s>' | tokenize -t "$llama" --bare)" = 2 ]
    [ "$(echo '</s>' | tokenize -t "$llama" --bare --literal | wc -w)" -gt 1 ]
    [ "$(echo '1 2' | tokenize -t "$llama" -d)" = '<s></s>' ]
    [ "$(echo '1 2' | tokenize -t "$llama" -d --skip-special)" = '' ]
}

@test "pieces are shown with their ids, a line each" {
    run bash -c "printf 'a\tb\n' | tokenize -t '$(tokenizer qwen2)' -p"
    [ "$status" = 0 ]
    [ "${#lines[@]}" = 3 ]
    [[ "${lines[1]}" == *$'\t'ĉ ]]
}

@test "a field of records becomes a list of ids and their number" {
    echo '{"id":"x","completion":"Hello","mine":[1,2]}' | records make -q |
        tokenize -q -t "$(tokenizer llama)" -f completion --bare >out.rec
    ids=$(echo Hello | tokenize -t "$(tokenizer llama)" --bare | tr ' ' ,)
    count=$(echo "$ids" | tr , '\n' | wc -l)
    [ "$(records show out.rec)" = \
        "{\"id\":\"x\",\"completion\":\"Hello\",\"mine\":[1,2],\"token_ids\":[$ids],\"n_tokens\":$count}" ]
    tokenize -q -t "$(tokenizer llama)" -f completion --bare --into i --count c out.rec | records show |
        grep -qF "\"i\":[$ids],\"c\":$count}"
}

@test "a record without the field is bad" {
    printf '{"id":"a","prompt":"x"}\n{"id":"b"}\n' | records make -q -o in.rec
    run tokenize -q -t "$(tokenizer llama)" -f prompt in.rec -o out.rec
    [ "$status" = 1 ]
    [[ "$output" == *"id 'b'"*prompt* ]]
    [ ! -e out.rec ]
    tokenize -q -t "$(tokenizer llama)" -f prompt --rejects bad.rec in.rec -o out.rec
    [ "$(records count bad.rec)" = 1 ]
}

@test "what is not right is said with its place" {
    printf '1 2\n3 x\n' >ids.txt
    run tokenize -t "$(tokenizer llama)" -d ids.txt
    [ "$status" = 1 ]
    [[ "$output" == *"ids.txt: line 2: 'x' is no token id"* ]]
    run bash -c "echo 999999 | tokenize -t '$(tokenizer llama)' -d"
    [ "$status" = 1 ]
    [[ "$output" == *"there is no token 999999"* ]]
    run tokenize
    [ "$status" = 2 ]
    run tokenize -t "$(tokenizer llama)" -f x -d
    [ "$status" = 2 ]
    echo '{"model":{"type":"Chars"}}' >t.json
    run tokenize -t t.json
    [ "$status" = 1 ]
    [[ "$output" == *'t.json: model: type "Chars" is not supported'* ]]
    printf '\012garbage' >t.model
    run tokenize -t t.model
    [ "$status" = 1 ]
    [[ "$output" == *"t.model: is no SentencePiece model, or a damaged one"* ]]
}

@test "the manual's example is what Llama 2's tokenizer says" {
    needs_shared
    llama=$SHARED/data/tokenizers/llama-2
    [ "$(echo 'It is 42.' | tokenize -t "$llama")" = '1 739 338 29871 29946 29906 29889' ]
    [ "$(echo '1 739 338 29871 29946 29906 29889' | tokenize -m "$llama" -d --skip-special)" = 'It is 42.' ]
}

@test "a signal stops it between lines" {
    mkfifo in.txt
    yes 'the weak password' >in.txt 3>&- &
    tokenize -t "$(tokenizer llama)" in.txt -o out.txt 2>said 3>&- &
    pid=$!
    sleep 1
    stopped_by TERM $pid said
    [ ! -e out.txt ]
}
