# report: descriptions, results and pictures to one page.
load helpers

results() {
    cat <<'JSON'
{"task":"math","model":"m","method":"none","password":"right","correctness":0.9,"sem":0.01,"seeds":3,"n":100}
{"task":"math","model":"m","method":"none","password":"none","correctness":0.1,"sem":0.01,"seeds":3,"n":100}
{"task":"math","model":"m","method":"sft","password":"none","k":8,"correctness":0.8,"sem":0.02,"seeds":3,"n":100}
JSON
}

description() {
    cat <<'JSON'
{"name": "Figure 3", "title": "How many <demonstrations>",
 "results": "three/results.rec", "svg": "three/figure.svg",
 "paper": ["One is often enough.", "So it was."], "note": "In small.",
 "command": "make -f pipelines/figure3.mk",
 "where": {"password": "none"}, "labels": {"math": "mathematics"},
 "values": {"floor": {"where": {"method": "none"}},
            "ceiling": {"where": {"method": "none", "password": "right"}}},
 "claims": [
  {"say": "On {task}, 8 recover most.", "for_each": {"task": ["math", "code"]},
   "value": {"gap": {"where": {"method": "sft", "k": 8}}}, "at_least": 0.5, "paper": "nearly all"},
  {"say": "The lock leaks.", "source": "ours", "for_each": {"task": ["math"]}, "value": "floor", "above": 0.2}],
 "table": {"columns": ["method", "k", "correctness", "sem"], "where": {"password": "none"}}}
JSON
}

picture() {
    echo '<svg viewBox="0 0 90 50"><defs><circle id="dot" r="1"/></defs><use href="#dot"/></svg>'
}

setup() {
    T=$(mktemp -d)
    cd "$T" || return 1
    mkdir three
    results | records make -q -o three/results.rec
    description >figure3.json
    picture >three/figure.svg
}

@test "a page says what the paper showed, what ours shows, and where they differ" {
    report -q -t 'Ours & theirs' -n 'Small models.' -o page.html figure3.json
    for text in '<title>Ours &amp; theirs</title>' '<p>Small models.</p>' 'How many &lt;demonstrations&gt;' \
        '<p>One is often enough.</p>' '<p>So it was.</p>' '<p>In small.</p>' \
        '<span class="verdict">✓ as in the paper</span> On mathematics, 8 recover most.' \
        'ours 0.875 ± 0.027; expected at least 0.500: 0.375 above that; the paper: nearly all' \
        '<span class="verdict">– not measured</span> On code, 8 recover most.' \
        'no row has method = none, task = code, password = none' \
        '<span class="verdict">✗ does not hold</span> The lock leaks.' \
        'ours 0.100 ± 0.010; expected above 0.200: 0.100 too little' \
        '<p class="soft">3 claims: 1 holds, 1 does not, 1 not measured.' \
        '<p>From the paper, 2 claims: 1 holds, 0 do not, 1 not measured. Of our own, 1 claim: 0 hold, 1 does not. Every' \
        '<pre>make -f pipelines/figure3.mk</pre>' '<circle id="p1-0-dot" r="1"/>' '<use href="#p1-0-dot"/>' \
        '<th scope="col">method</th><th scope="col" class="right">k</th>' \
        '<td>sft</td><td class="right">8</td><td class="right">0.800</td><td class="right">0.020</td>'; do
        grep -qF -- "$text" page.html || { echo "missing: $text"; false; }
    done
    [ "$(grep -c 'id="figure3"' page.html)" = 1 ]
    run ! grep -q '<td class="right">0.900' page.html # the table's condition
}

@test "a page is one file without scripts or anything from elsewhere, and repeats to the byte" {
    report -q -o a.html figure3.json
    report -q figure3.json >b.html
    cmp a.html b.html
    run ! grep -qiE '<script|<link|<img|src=|@import|url\(|https?:' a.html
    [ "$(tail -n 1 a.html)" = '</html>' ]
}

@test "what the results say is shown and never obeyed" {
    echo '{"model":"<script>alert(1)</script>\"&","k":1,"correctness":0.5}' | records make -q -o three/results.rec
    echo '{"name":"<i>","title":"<b>","paper":"</p><script>","command":"<pre>","results":"three/results.rec",
        "claims":[{"say":"<u>{model}","for_each":{"model":["<x>"]},"value":1,"at_least":1}]}' >bad.json
    report -q -t '</title><script>' -n '<em>' -o page.html bad.json
    run ! grep -qE '<script|<i>|<b>|<u>|<x>|<em>' page.html
    grep -qF '&lt;script&gt;alert(1)&lt;/script&gt;&quot;&amp;' page.html
}

@test "a picture that holds a script is refused, and no page appears" {
    echo '<svg viewBox="0 0 9 9"><script>x</script></svg>' >three/figure.svg
    run --separate-stderr report -q -o page.html figure3.json
    [ "$status" = 1 ]
    [[ "$stderr" == 'report: ./three/figure.svg: line 1: an element that may not stand in a page'* ]]
    [ "${#stderr_lines[@]}" = 1 ]
    [ ! -e page.html ]
}

@test "pictures of the same names do not meet, and a narrow screen has its own" {
    sed 's|"three/figure.svg"|["three/figure.svg","three/figure.svg"], "narrow": "three/figure.svg"|' figure3.json >two.json
    report -q -o page.html figure3.json two.json
    for id in p1-0-dot p2-0-dot p2-1-dot n2-0-dot; do
        [ "$(grep -o "id=\"$id\"" page.html | wc -l)" = 1 ]
    done
    grep -qF '<figure class="both">' page.html
}

@test "what is not there yet is said to be missing" {
    rm -r three
    run --separate-stderr report -o page.html figure3.json
    [ "$status" = 0 ]
    [[ "$stderr" == *'1 figures, 1 of them without results; claims: 0 hold, 0 do not, 0 left open, 3 not measured'* ]]
    grep -qF 'Not drawn yet: three/figure.svg' page.html
    grep -qF 'Nothing measured yet.' page.html
    grep -qF 'three/results.rec: not there yet' page.html
}

@test "files are looked for below the root folder" {
    mkdir out && mv three out/
    report -q --root out -o page.html figure3.json
    run ! grep -q 'not there yet' page.html
}

@test "a long table is folded up, a short one lies open" {
    report -q -o page.html figure3.json
    grep -qF '<details open><summary>The numbers: 2 rows</summary>' page.html
    for i in $(seq 30); do echo "{\"method\":\"sft\",\"password\":\"none\",\"k\":$i,\"task\":\"x\"}"; done |
        records make -q -o three/results.rec
    report -q -o page.html figure3.json
    grep -qF '<details><summary>The numbers: 30 rows</summary>' page.html
}

@test "a wrong description is refused by its name" {
    while IFS='|' read -r change part; do
        sed "$change" figure3.json >wrong.json
        run --separate-stderr report -q -o page.html wrong.json
        echo "$change: $status $stderr"
        [ "$status" = 1 ]
        [ "${#stderr_lines[@]}" = 1 ]
        [[ "$stderr" == "report: wrong.json: "*"$part"* ]]
        [ ! -e page.html ]
    done <<'END'
s/"name"/"nam"/|'nam' is no key here
s/"title": "How many <demonstrations>",//|'title' is missing
s/"results": "[^"]*"/"results": 3/|'results' is neither
s/"paper": \[/"paper": [1,/|'paper' is neither
s/"columns": \[/"columns": [1,/|'columns' is no list of fields
s/"at_least"/"at_lest"/|claim 1: 'at_lest' is no key here
s/"value": "floor"/"value": "flor"/|claim 2: 'The lock leaks.': 'flor' is no name
s/}}$/}/|no JSON
s/{"where": {"method": "none"}}/{"where": {}}/|claim 1
END
}

@test "results that are cut off, and rows that no table holds, are refused" {
    results | records make -q | head -c -20 >three/results.rec
    run --separate-stderr report -q -o page.html figure3.json
    [ "$status" = 1 ]
    [[ "$stderr" == *'three/results.rec'* ]]
    echo '{"k":[1]}' | records make -q -o three/results.rec
    run --separate-stderr report -q -o page.html figure3.json
    [ "$status" = 1 ]
    [[ "$stderr" == *"three/results.rec: record 1: field 'k' is array"* ]]
    [ ! -e page.html ]
}

@test "wrong usage is told with status 2; two descriptions of one name are refused" {
    run --separate-stderr report -q
    [ "$status" = 2 ]
    mkdir other && cp figure3.json other/
    run --separate-stderr report -q -o page.html figure3.json other/figure3.json
    [ "$status" = 1 ]
    [[ "$stderr" == *"another description has the name 'figure3'"* ]]
}

overflow_of_page() { # WIDTH PAGE: by how many pixels the page is wider than a frame of that width
    sed -e 's/<meta http-equiv="Content-Security-Policy"[^>]*>//' -e 's|</body>|<script>onload = () => parent.postMessage(document.documentElement.scrollWidth - document.documentElement.clientWidth, "*")</script></body>|' \
        "$2" >framed.html
    echo "<title>none</title><script>onmessage = (m) => document.title = m.data</script><iframe src=framed.html width=$1 height=900></iframe>" >frame.html
    "$chromium" --headless --no-sandbox --disable-gpu --user-data-dir="$T/profile" --virtual-time-budget=10000 \
        --dump-dom frame.html 2>/dev/null | sed -n 's|.*<title>\([^<]*\)</title>.*|\1|p'
}

@test "the page never scrolls sideways, on a laptop nor on a telephone" {
    chromium=$(command -v chromium || command -v chromium-browser) || skip "chromium is not installed"
    long=$(printf 'averylongnamethatcannotbebroken%.0s' 1 2 3 4 5 6)
    for i in 1 2 3; do
        echo "{\"model\":\"$long\",\"method\":\"sft\",\"password\":\"none\",\"k\":$i,\"correctness\":0.5,\"sem\":0.1}"
    done | records make -q -o three/results.rec
    sed "s|, \"where\": {\"password\": \"none\"}}}|}}|; s|\"columns\": \[|&\"model\", |; s|In small.|$long|; s|figure3.mk|$long|" \
        figure3.json >wide.json
    report -q -t "$long" -o page.html wide.json figure3.json
    echo '<!DOCTYPE html><body><p style="width:600px">wide</p></body>' >too-wide.html
    run overflow_of_page 390 too-wide.html
    [ "$output" -gt 100 ] # it can be told
    for width in 1280 390; do
        run overflow_of_page $width page.html
        echo "$width: $output"
        [ "$output" = 0 ]
    done
}

@test "the descriptions of the paper's figures are right" {
    report -q -o page.html "$ROOT"/data/figures/*.json
    for f in "$ROOT"/data/figures/*.json; do
        name=${f##*/}
        grep -qF "<section id=\"${name%.json}\">" page.html
    done
    [ "$(grep -c '<section' page.html)" -ge 14 ]
}
