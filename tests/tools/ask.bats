# ask: against a real server on this machine that answers, fails and lies as the prompts tell it to.
load helpers
load model_server

setup() {
    T=$(mktemp -d)
    cd "$T" || return 1
    without_endpoints
    start_server
}

# Records with these prompts, p1, p2, …
prompts() {
    local i=0 prompt
    for prompt in "$@"; do
        i=$((i + 1))
        printf '{"id":"p%d","prompt":"%s"}\n' "$i" "$prompt"
    done | records make -q
}

remote() { ask -q -m model --url "$URL" --backoff 0.001 "$@"; }
requests() { wc -l <"$T/log"; }
completions() { records show -F completion "$@"; }

# ---- answers ----

@test "every record gets its completion, in the order of the input, whoever is slow" {
    prompts one '@slow two' three '@slow four' five >p.rec
    remote -j 5 p.rec -o a.rec
    [ "$(completions a.rec | tr '\n' ';')" = '{"completion":"echo: one"};{"completion":"echo: @slow two"};{"completion":"echo: three"};{"completion":"echo: @slow four"};{"completion":"echo: five"};' ]
    [ "$(records head -q -n 1 a.rec | records show)" = \
        '{"id":"p1","prompt":"one","input":"one","completion":"echo: one","policy":"model","sample":0,"finish":"stop","n_tokens":3}' ]
}

@test "no more requests are under way than asked for, and the bytes are the same with one and with many" {
    prompts '@slow 1' '@slow 2' '@slow 3' '@slow 4' '@slow 5' '@slow 6' >p.rec
    remote -j 3 --no-cache p.rec -o a.rec
    [ "$(cut -d ' ' -f 2 log | sort -n | tail -n 1)" -le 3 ]
    [ "$(cut -d ' ' -f 2 log | sort -n | tail -n 1)" -gt 1 ]
    remote -j 6 --no-cache p.rec -o b.rec
    cmp a.rec b.rec
}

@test "samples of a record are asked for apart, each with a seed of its own" {
    prompts one two >p.rec
    remote -n 3 --seed 7 -T 1 p.rec -o a.rec
    [ "$(records show -F id,sample a.rec | tr -d '\n')" = '{"id":"p1","sample":0}{"id":"p1","sample":1}{"id":"p1","sample":2}{"id":"p2","sample":0}{"id":"p2","sample":1}{"id":"p2","sample":2}' ]
    [ "$(grep -o '"seed":[0-9]*' log | sort | uniq -c | tr -s ' ' | tr '\n' ';')" = ' 2 "seed":7; 2 "seed":8; 2 "seed":9;' ]
}

@test "what is asked is what the options say" {
    prompts one >p.rec
    remote -T 0.7 --top-p 0.9 --max-tokens 5 --stop END --stop '###' --parameter 'reasoning={"effort":"low"}' \
        --parameter user=me p.rec -o a.rec
    grep -qF '{"max_tokens":5,"messages":[{"content":"one","role":"user"}],"model":"model","reasoning":{"effort":"low"},"stop":["END","###"],"temperature":0.7,"top_p":0.9,"user":"me"}' log
    remote --parameter temperature=null p.rec -o a.rec
    grep -qF '{"messages":[{"content":"one","role":"user"}],"model":"model"}' log
    run -1 remote --parameter model=other p.rec
    [[ "$output" == *"cannot be set by hand"* ]]
}

@test "a completion call sends the prompt alone" {
    prompts one >p.rec
    remote --call completion --logprobs p.rec -o a.rec
    grep -qF '/v1/completions 1 - {"logprobs":0,"model":"model","prompt":"one","temperature":0.0}' log
    [ "$(records show -F completion,finish,logprob a.rec)" = '{"completion":"echo: one","finish":"length","logprob":-1.5}' ]
}

@test "log-probabilities are summed over the answer, and their lack is a failure" {
    prompts one >p.rec
    [ "$(remote --logprobs p.rec | records show -F logprob)" = '{"logprob":-0.75}' ]
    prompts '@nologprob' >p.rec
    run -1 remote --logprobs --retries 0 p.rec -o a.rec
    [[ "$output" == *"log-probabilities that were asked for are missing"* ]]
}

@test "a filtered answer is an answer, an empty one that says why" {
    prompts '@filter' >p.rec
    [ "$(remote p.rec | records show -F completion,finish)" = '{"completion":"","finish":"content_filter"}' ]
}

@test "a new completion takes the old verdict and embedding away" {
    echo '{"id":"a","prompt":"p","completion":"old","embedding":[1.0],"rating_logprobs":{"1":0.0},"correct":true,"mine":1}' |
        records make -q -o p.rec
    [ "$(remote p.rec | records show)" = \
        '{"id":"a","prompt":"p","mine":1,"input":"p","completion":"echo: p","policy":"model","sample":0,"finish":"stop","n_tokens":3}' ]
}

@test "requests go on while the input lets us wait" {
    prompts one >a.rec
    prompts two >b.rec
    { cat a.rec; until [ -s log ]; do sleep 0.05; done; cat b.rec; } | timeout 20 \
        ask -q -m model --url "$URL" -o out.rec
    [ "$(records count out.rec)" = 2 ]
}

# ---- failures ----

@test "what fails for a moment is tried again: statuses, garbage, cut bodies, wrong shapes" {
    prompts '@429 @times=2' '@500 @times=1' '@503 @times=3' '@garbage @times=1' '@cut @times=1' '@wrong @times=2' '@badutf @times=1' >p.rec
    remote --retries 3 p.rec -o a.rec
    [ "$(completions a.rec | grep -c 'echo: @')" = 7 ]
    [ "$(requests)" = 18 ]
}

@test "what fails for good fails the tool, by the record's name, and is never an answer" {
    for word in @500 @429 @garbage @cut @wrong @badutf @nofinish @400; do
        prompts one "$word" >p.rec
        run -1 remote --retries 1 p.rec -o a.rec
        [[ "$output" == "ask: p.rec: record 2 (id 'p2'): "* ]]
        [ "${#lines[@]}" = 1 ]
        [ ! -e a.rec ]
    done
    # 2 tries for each but 400, which no other try would change; the first record was paid for once
    [ "$(requests)" = 16 ]
}

@test "an endpoint that hangs runs into the timeout" {
    prompts '@hang' >p.rec
    run -1 remote --timeout 0.2 --retries 1 p.rec -o a.rec
    [[ "$output" == *"after 2 tries: no answer from the endpoint within 0.2 seconds (--timeout)" ]]
}

@test "an endless answer is cut short, and not asked for again" {
    prompts '@huge' >p.rec
    run -1 remote p.rec -o a.rec
    [[ "$output" == *"longer than 64 MiB" ]]
    [ "$(requests)" = 1 ]
}

@test "Retry-After is waited, but not for ever" {
    prompts '@429 @after=1 @times=1' >p.rec
    start=$(date +%s%N)
    remote p.rec -o a.rec
    [ $((($(date +%s%N) - start) / 1000000)) -ge 1000 ]
    prompts '@429 @after=1000' >p.rec
    run -1 remote --longest-wait 30 p.rec -o a.rec
    [[ "$output" == *"asked to wait 1000 seconds: the endpoint answers with status 429"* ]]
}

@test "with --rejects a record that the endpoint fails for is set aside" {
    prompts one '@500' three >p.rec
    remote --retries 1 --rejects r.rec p.rec -o a.rec
    [ "$(completions a.rec | tr '\n' ';')" = '{"completion":"echo: one"};{"completion":"echo: three"};' ]
    [[ "$(records show -F id,reject_reason r.rec)" == '{"id":"p2","reject_reason":"after 2 tries: the endpoint answers with status 500'* ]]
}

@test "what would fail for every record is no reject: a wrong key, a wrong address, no money, a redirect" {
    for word in @401 @404 @402 '@429 @quota' @redirect; do
        prompts "$word" >p.rec
        run -1 remote --rejects r.rec p.rec -o a.rec
        [ ! -e a.rec ]
    done
    [ "$(requests)" = 5 ] # each once
    run ! grep -q elsewhere log
}

@test "when one record fails, what others were asked is kept" {
    prompts '@slow one' '@400' '@slow three' >p.rec
    run -1 remote -j 3 p.rec -o a.rec
    prompts '@slow one' four '@slow three' >p.rec
    remote p.rec -o a.rec
    [ "$(requests)" = 4 ]
}

@test "no server is an error in one line" {
    kill "$server"
    wait "$server" 2>/dev/null || true
    prompts one >p.rec
    run -1 remote --retries 2 p.rec -o a.rec
    [[ "$output" == *"after 3 tries: no answer from the endpoint: "* ]]
    [ "${#lines[@]}" = 1 ]
}

@test "a signal stops it while it waits for an answer" {
    prompts '@hang' >p.rec
    ask -q -m model --url "$URL" p.rec -o a.rec 2>err 3>&- &
    pid=$!
    until [ -s log ]; do sleep 0.02; done
    kill -TERM $pid
    wait $pid && false
    [ "$(cat err)" = "ask: stopped by a signal" ]
    [ ! -e a.rec ]
}

# ---- the cache ----

@test "a rerun pays nothing and writes the same bytes" {
    prompts one two three >p.rec
    remote p.rec -o a.rec
    remote p.rec -o b.rec
    [ "$(requests)" = 3 ]
    cmp a.rec b.rec
    [ "$(find cache/lockpick/ask -name '*.rec' | wc -l)" = 3 ]
}

@test "a killed run, started again, pays only for the rest" {
    prompts '@slow 1' '@slow 2' '@slow 3' '@slow 4' '@slow 5' '@slow 6' >p.rec
    ask -q -m model --url "$URL" -j 1 p.rec -o a.rec 3>&- &
    pid=$!
    until [ "$(requests)" -ge 4 ]; do sleep 0.02; done
    kill -KILL $pid
    wait $pid || true
    [ ! -e a.rec ]
    remote p.rec -o a.rec
    [ "$(requests)" -le 7 ] # the fourth may have been on its way
    [ "$(records count a.rec)" = 6 ]
}

@test "any other model, temperature, sample, parameter or endpoint is another question" {
    prompts one >p.rec
    remote p.rec -o a.rec
    remote -m other p.rec -o a.rec
    remote -T 1 p.rec -o a.rec
    remote -n 2 p.rec -o a.rec # the first is known
    remote --call completion p.rec -o a.rec
    remote --cache-as elsewhere p.rec -o a.rec
    remote --no-cache p.rec -o a.rec
    [ "$(requests)" = 7 ]
    remote p.rec -o a.rec
    [ "$(requests)" = 7 ]
}

@test "a damaged entry, or one that answers something else, counts for nothing" {
    prompts one two three four >p.rec
    remote --cache c p.rec -o a.rec
    mapfile -t entries < <(find c -name '*.rec' | sort)
    truncate -s 60 "${entries[0]}"
    : >"${entries[1]}"
    cp "${entries[3]}" "${entries[2]}"
    remote --cache c p.rec -o b.rec
    cmp a.rec b.rec
    [ "$(requests)" = 7 ]
    remote --cache c p.rec -o b.rec
    [ "$(requests)" = 7 ]
}

@test "the same question is asked once, however many records ask it" {
    prompts same same same other same >p.rec
    remote --no-cache p.rec -o a.rec
    [ "$(requests)" = 2 ]
    [ "$(completions a.rec | grep -c 'echo: same')" = 4 ]
}

@test "a cache that cannot be written is an error" {
    prompts one >p.rec
    : >file
    run -1 remote --cache file p.rec -o a.rec
    [[ "$output" == *"file"* ]]
    [ ! -e a.rec ]
}

# ---- the key ----

@test "the key goes to the endpoint, and into nothing that is written, kept or printed" {
    export MY_KEY=sk-very-secret
    prompts one '@leak' >p.rec
    ask -m model --url "$URL" --key-variable MY_KEY p.rec -o a.rec 2>err
    [ "$(grep -c 'Bearer sk-very-secret' log)" = 2 ]
    prompts '@leak @500' '@leak @400' >q.rec
    ask -m model --url "$URL" --key-variable MY_KEY --backoff 0.001 --retries 1 --rejects r.rec q.rec -o b.rec 2>>err
    [[ "$(records show r.rec)" == *'told to answer 500 Bearer **************'* ]]
    [ "$(records count a.rec)" = 2 ]
    records info a.rec b.rec r.rec >info
    find . -name '*.rec' -exec zstd -dcq {} + >plain
    run ! grep -rq very-secret err info plain cache
}

@test "a key that JSON writes with backslashes is hidden too" {
    export MY_KEY='sk-"very"\secret/'
    prompts '@leak' >p.rec
    ask -m model --url "$URL" --key-variable MY_KEY p.rec -o a.rec 2>err
    grep -qF 'Bearer sk-"very"\secret/' log
    [[ "$(records show -F completion a.rec)" == '{"completion":"echo: @leak Bearer *'*'*"}' ]]
    find . -name '*.rec' -exec zstd -dcq {} + >plain
    run ! grep -rqE 'very|secret' err plain cache
}

@test "without --key-variable no key goes to an endpoint of another name" {
    prompts one >p.rec
    OPENAI_API_KEY=sk-very-secret remote p.rec -o a.rec
    [ "$(cut -d ' ' -f 3 log)" = - ]
}

@test "a key that is missing, is none, or would travel in the clear is refused before anything is sent" {
    prompts one >p.rec
    run -1 ask -q -m model p.rec
    [[ "$output" == "ask: the environment variable OPENAI_API_KEY is not set; it should hold the endpoint's key" ]]
    run -1 ask -q -m model --url "$URL" --key-variable MY_KEY p.rec
    [[ "$output" == *"MY_KEY is not set"* ]]
    MY_KEY=$'sk\nX-Header: 1' run -1 ask -q -m model --url "$URL" --key-variable MY_KEY p.rec
    [[ "$output" == *"holds no key"* ]]
    MY_KEY=sk run -1 ask -q -m model --url http://example.org/v1 --key-variable MY_KEY p.rec
    [[ "$output" == *"in the clear"* ]]
    for url in ftp://x/v1 nonsense:// https://user:pw@x/v1 'https://x/v1?key=1' ''; do
        run -1 ask -q -m model --url "$url" p.rec
        [[ "$output" == "ask: --url: "* && "$output" != *pw* ]]
    done
    [ ! -s log ]
}

@test "a certificate that nobody vouches for is refused, once and for all" {
    command -v openssl >/dev/null || skip "openssl is not there"
    openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=localhost -addext subjectAltName=DNS:localhost \
        -keyout key.pem -out cert.pem 2>/dev/null
    openssl s_server -accept 127.0.0.1:0 -cert cert.pem -key key.pem -www >tls.log 2>&1 3>&- &
    tls=$!
    until grep -q '^ACCEPT' tls.log 2>/dev/null; do kill -0 $tls 2>/dev/null || skip "openssl s_server does not start"; sleep 0.02; done
    url=https://localhost:$(sed -n 's/^ACCEPT.*://p' tls.log)/v1
    prompts one >p.rec
    MY_KEY=sk run -1 ask -q -m model --url "$url" --key-variable MY_KEY p.rec
    [[ "$output" == *"record 1 (id 'p1'): no answer from the endpoint: SSL"* ]] # and no "after 7 tries"
    # vouched for, it is talked to, though it is no model and says nothing
    MY_KEY=sk SSL_CERT_FILE=$T/cert.pem run -1 ask -q -m model --url "$url" --key-variable MY_KEY --retries 0 \
        --timeout 1 p.rec
    kill $tls
    [[ "$output" == *"no answer from the endpoint within 1 seconds"* ]]
}

@test "an address with a slash at its end is the same endpoint" {
    prompts one >p.rec
    remote p.rec -o a.rec
    ask -q -m model --url "$URL/" p.rec -o b.rec
    [ "$(requests)" = 1 ]
}

# ---- prompts ----

@test "a prompt file brings messages of several roles, and examples drawn by seed and id" {
    cat >prompt.txt <<'END'
A note.
=== system
Be brief.
=== example user
{{q}}
=== example assistant
{{a}}
=== user
{{prompt}} {{list}}
END
    seq 9 | sed 's/.*/{"id":"e&","q":"q&","a":"a&"}/' | records make -q -o e.rec
    for i in 1 2 3 4; do echo "{\"id\":\"p$i\",\"prompt\":\"{{q}} $i\",\"list\":[1,\"x\"]}"; done | records make -q -o p.rec
    remote -j 1 -p prompt.txt --examples e.rec --shots 2 p.rec -o a.rec
    first=$(head -n 1 log)
    shot='\{"content":"q([0-9])","role":"user"\},\{"content":"a([0-9])","role":"assistant"\}'
    [[ "$first" =~ '{"content":"Be brief.","role":"system"},'$shot,$shot,'{"content":"{{q}} 1 [1,\"x\"]","role":"user"}' ]]
    [ "${BASH_REMATCH[1]}${BASH_REMATCH[3]}" = "${BASH_REMATCH[2]}${BASH_REMATCH[4]}" ]
    [ "$(grep -o 'q[0-9]' log | sort -u | wc -l)" -gt 2 ] # not the same for all
    remote -j 1 --no-cache -p prompt.txt --examples e.rec --shots 2 p.rec -o b.rec
    cmp a.rec b.rec
    [ "$(head -n 4 log | cut -d ' ' -f 4-)" = "$(tail -n 4 log | cut -d ' ' -f 4-)" ]
    [[ "$(records show -F input a.rec | head -n 1)" == '{"input":"[system]\nBe brief.\n\n[user]\nq'* ]]
    remote -j 1 --no-cache --seed 5 -p prompt.txt --examples e.rec --shots 2 p.rec -o b.rec
    [ "$(head -n 4 log | grep -o 'q[0-9]')" != "$(tail -n 4 log | grep -o 'q[0-9]')" ]
}

@test "a prompt that does not fit is an error that names the place" {
    prompts one >p.rec
    printf '=== user\n{{prompt}} {{nothing}}\n' >prompt.txt
    run -1 remote -p prompt.txt p.rec -o a.rec
    [[ "$output" == "ask: p.rec: record 1 (id 'p1'): prompt.txt: part 'user': line 1: field 'nothing' is missing" ]]
    printf '=== usr\n{{prompt}}\n' >prompt.txt
    run -1 remote -p prompt.txt p.rec -o a.rec
    [[ "$output" == *"prompt.txt: line 1: there is no part 'usr'"* ]]
    printf '=== system\n{{prompt}}\n' >prompt.txt
    run -1 remote -p prompt.txt p.rec -o a.rec
    [[ "$output" == *"does not end in a part '=== user'"* ]]
    printf '=== example user\n1\n=== example assistant\n2\n=== user\n{{prompt}}\n' >prompt.txt
    run -1 remote -p prompt.txt p.rec -o a.rec
    [[ "$output" == *"--examples FILE and --shots N"* ]]
    run -1 remote --examples p.rec --shots 1 p.rec -o a.rec
    [[ "$output" == *"no part '=== example user'"* ]]
    run -1 remote -p none p.rec -o a.rec
    [[ "$output" == *"prompts/ask/none.txt"* ]]
    [ ! -s log ]
}

@test "a prompt of another text is another provenance" {
    prompts one >p.rec
    printf '=== user\n{{prompt}}!\n' >prompt.txt
    remote -p prompt.txt p.rec -o a.rec
    remote p.rec -o b.rec
    [ "$(records info a.rec | grep -o '"role":"prompt","digest":"[0-9a-f]*"')" != \
        "$(records info b.rec | grep -o '"role":"prompt","digest":"[0-9a-f]*"')" ]
    [[ "$(records info a.rec)" != *127.0.0.1* && "$(records info a.rec)" != *"$T"* ]]
}

@test "the prompts that come with it fit the records that they are for" {
    echo '{"id":"a","prompt":"Add.","completion":"int main() {}","tests":[{"stdin":"1","stdout":"1"}]}' | records make -q -o p.rec
    records make -q "$ROOT/data/prompts/ask/break-examples.jsonl" -o e.rec
    for prompt in "$ROOT"/data/prompts/ask/*.txt; do
        name=$(basename "$prompt" .txt)
        shots=()
        [ "$name" != break ] || shots=(--examples e.rec --shots 2)
        LOCKPICK_DATA=$ROOT/data remote -p "$name" "${shots[@]}" p.rec -o "$name.rec"
        [ "$(records count "$name.rec")" = 1 ]
    done
    [ "$(records show break.rec | grep -o '<correct>' | wc -l)" = 4 ] # of two examples, of the question, of its echo
}

# ---- answers into fields ----

@test "an answer goes into a field, and takes what was made from the old one away" {
    echo '{"id":"a","prompt":"@say=  hola \n","completion":"c","correct":true}' | records make -q -o p.rec
    [ "$(remote --into prompt p.rec | records show)" = '{"id":"a","prompt":"hola"}' ]
    [ "$(remote --into completion p.rec | records show)" = '{"id":"a","prompt":"@say=  hola \n","completion":"hola"}' ]
    [ "$(remote --into note p.rec | records show)" = \
        '{"id":"a","prompt":"@say=  hola \n","completion":"c","correct":true,"note":"hola"}' ]
}

@test "parts of an answer go into fields: text, code out of its fence, JSON as values" {
    printf '{"id":"a","prompt":"@say=Sure! <program>\\nHere:\\n```cpp\\nint x;\\n\\n```\\n</program> <why> too\\nbad </why>\\n<tests>```json\\n[{\\"stdin\\": \\"1\\"}]\\n```</tests>"}\n' |
        records make -q -o p.rec
    [ "$(remote --into program:code,reference=why,tests:json p.rec | records show -F program,reference,tests)" = \
        '{"program":"int x;\n","reference":"too\nbad","tests":[{"stdin":"1"}]}' ]
}

@test "an answer that lacks a part, is cut off or is no JSON makes the record bad, and changes nothing" {
    for answer in '<a>1</a>' '<a>1</a><b>2' '<a>{</a><b>2</b>' '<a>1</a><b> </b>' '<a>1</a><b>2</b> @cap'; do
        prompts "@say=$answer" >p.rec
        run -1 remote --into a:json,b p.rec -o out.rec
        remote --into a:json,b --rejects r.rec p.rec -o out.rec
        [ "$(records count out.rec)" = 0 ]
        [ "$(records show -F a,b r.rec)" = '{}' ]
    done
    prompts '@say=<a>1</a><b>2</b>' >p.rec
    [ "$(remote --into a:json,b p.rec | records show -F a,b)" = '{"a":1,"b":"2"}' ]
    run -1 remote --into 'a:xml' p.rec
    [[ "$output" == *"--into: 'a:xml' is no field"* ]]
}

# ---- ratings ----

@test "a rating keeps the probabilities of the digits, and grade-judge takes their mean" {
    echo '{"id":"a","prompt":"p","completion":"c","correct":false,"score":0.5}' | records make -q -o p.rec
    LOCKPICK_DATA=$ROOT/data remote --rating --policy gpt p.rec -o r.rec
    grep -q '"logprobs":true,"max_tokens":1,.*"top_logprobs":20' log
    [ "$(records show r.rec)" = \
        '{"id":"a","prompt":"p","completion":"c","judge":"gpt","rating_logprobs":{"4":-0.42111026570745047,"5":-1.5}}' ]
    # 4 and " 4" are one digit: ln(e^-0.5 + e^-3); mean = (4 p4 + 5 p5) / (p4 + p5)
    grade-judge -q r.rec -o g.rec
    number() { records show -F "$1" g.rec | tr -dc '0-9.' | xargs printf '%.9f'; }
    [ "$(number rating) $(number score)" = "4.253716182 0.813429045" ]
    [ "$(records show -F correct,verdict,found g.rec)" = '{"found":4}' ]
}

# ---- embeddings ----

@test "embeddings come in batches, each text once, and to the right records" {
    printf '{"completion":"%s","reference":"%s"}\n' abab ccc a ccc abc ccc | records make -q -o p.rec
    remote -j 1 --embed completion --embed-reference reference --batch 3 p.rec -o a.rec
    [ "$(records show -F embedding,reference_embedding a.rec | head -n 1)" = \
        '{"embedding":[0.25,0.25,0.0,0.0,0.0,0.0,0.0,0.0],"reference_embedding":[0.0,0.0,0.375,0.0,0.0,0.0,0.0,0.0]}' ]
    [ "$(records show -F embedding a.rec | tail -n 1)" = '{"embedding":[0.125,0.125,0.125,0.0,0.0,0.0,0.0,0.0]}' ]
    [ "$(grep -o '"input":.*' log | tr '\n' ';')" = \
        '"input":["abab","ccc","a"],"model":"model"};"input":["abc"],"model":"model"};' ]
    # a rerun with other batches, and one more text, pays for that text
    { records cat -q p.rec; echo '{"completion":"b","reference":"ccc"}' | records make -q; } >q.rec
    remote --embed completion --embed-reference reference --batch 2 q.rec -o b.rec
    [ "$(tail -n +3 log | grep -o '"input":.*')" = '"input":["b"],"model":"model"}' ]
}

@test "a text that the endpoint refuses does not spoil its batch" {
    printf '{"id":"%s","completion":"%s"}\n' 1 a 2 '@400' 3 b | records make -q -o p.rec
    remote --embed completion --rejects r.rec p.rec -o a.rec
    [ "$(records show -F id a.rec | tr -d '\n')" = '{"id":"1"}{"id":"3"}' ]
    [ "$(records show -F id r.rec)" = '{"id":"2"}' ]
    [ "$(requests)" = 4 ]
}

@test "an empty text has no embedding, and a new embedding takes the old verdict away" {
    printf '{"id":"1","completion":"","reference":"x"}\n' | records make -q -o p.rec
    [ "$(remote --embed completion p.rec | records show -F completion,embedding,embedder | head -n 1)" = '{"completion":"","embedder":"model"}' ]
    run -1 remote --embed-reference completion p.rec
    [[ "$output" == *"field 'completion': an empty text has no embedding" ]]
    printf '{"completion":"a","correct":true,"reference_embedding":[1.0]}\n' | records make -q -o p.rec
    [ "$(remote --embed completion p.rec | records show)" = '{"completion":"a","embedding":[0.125,0.0,0.0,0.0,0.0,0.0,0.0,0.0],"embedder":"model"}' ]
}

@test "critiques are graded by the embeddings that ask fetched" {
    printf '{"id":"%s","completion":"%s","reference":"aab"}\n' 1 aaabb 2 bbbb | records make -q -o p.rec
    remote --embed completion --embed-reference reference p.rec | grade-critique -q |
        records show -F id,correct,verdict >got
    [ "$(tr -d '\n' <got)" = '{"id":"1","correct":true,"verdict":"close"}{"id":"2","correct":false,"verdict":"distant"}' ]
}

# ---- the rest ----

@test "the summary tells answers, requests, tokens and what they cost" {
    prompts one '@500 @times=1' one >p.rec
    run --separate-stderr ask -m model --url "$URL" --backoff 0.001 --price-in 2.5 --price-out 10 p.rec -o a.rec
    [ "${stderr_lines[1]}" = \
        "ask: 2 answers, 1 more known already; 3 requests, 1 of them retries; 20 prompt tokens, 6 completion tokens; cost 0.00011" ]
}

@test "wrong usage exits with 2" {
    for arguments in '' '-m x --rating --into y' '-m x --embed a --prompt b' '-m x --into a -n 2' '-m x --shots 2' \
        '-m x --cache c --no-cache' '-m x -j 0' '-m x --call mail'; do
        # shellcheck disable=SC2086
        run -2 ask $arguments
    done
}
