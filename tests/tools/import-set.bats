# import-set: datasets as they are published, and tables, to problems.
load helpers

field() { # NAME FILE: the values of a text or number field, one a line, as JSON
    records show "$2" | grep -oE "\"$1\":(\"([^\"\\\\]|\\\\.)*\"|[0-9]+|\[[^]]*\])" | sed -E 's/^"[^"]*"://'
}

math_row() { # PROBLEM LEVEL TYPE ANSWER
    printf '{"problem":"%s","level":"%s","type":"%s","solution":"It is $\\\\boxed{%s}$."}\n' "$@"
}

# ---- MATH ----

@test "MATH: the answer alone is the reference, the level a number, the type the domain" {
    math_row 'Half of one?' 'Level 2' 'Counting & Probability' '\\frac{1}{2}' | import-set -q -F math -o m.rec
    [ "$(records show m.rec | sed -E 's/"id":"math-[0-9a-f]{16}"/ID/')" = '{ID,"task":"math","prompt":"Half of one?","reference":"\\frac{1}{2}","domain":"Counting & Probability","group":"Numbers","level":2,"solution":"It is $\\boxed{\\frac{1}{2}}$."}' ]
    math_row 'a' 'Level ?' Geometry 1 | import-set -q -F math -o m.rec
    [ -z "$(field level m.rec)" ]
}

@test "MATH: a problem has the same id in folders, lines, arrays and pages of a hub" {
    mkdir -p MATH/test/algebra
    math_row 'a' 'Level 1' Algebra 1 >one
    math_row 'b' 'Level 1' Algebra 2 >two
    sed 's/,/,\n    /g; s/{"p/{\n    "p/' one >MATH/test/algebra/1.json
    cat two >MATH/test/algebra/20.json
    import-set -q -F math MATH -o folders.rec
    cat one two | import-set -q -F math --split test -o lines.rec
    (echo '['; cat one; echo ,; cat two; echo ']') | import-set -q -F math --split test -o array.rec
    (printf '{"features":[],"rows":[{"row_idx":0,"row":'; cat one; echo '},{"row_idx":1,"row":'; cat two; echo '}]}') |
        import-set -q -F math --split test -o page.rec
    [ "$(records count folders.rec)" = 2 ]
    for form in lines array page; do
        cmp <(records show folders.rec) <(records show $form.rec)
    done
}

@test "MATH: what is wrong is said with line and field" {
    math_row a 'Level 1' Algebra 1 >m.jsonl
    math_row b 'hard' Algebra 1 >>m.jsonl
    run import-set -q -F math m.jsonl -o m.rec
    [ "$status" = 1 ]
    [[ "$output" == "import-set: m.jsonl: line 2: field 'level' is 'hard'"* ]]
    [ ! -e m.rec ]
    math_row a 'Level 1' Alchemy 1 >m.jsonl
    run import-set -q -F math m.jsonl -o m.rec
    [[ "$output" == *"line 1: field 'type': "*"no group for subject 'Alchemy'"* ]]
    echo '{"problem":"a","type":"Algebra","solution":"five"}' >m.jsonl
    run import-set -q -F math m.jsonl -o m.rec
    [[ "$output" == *"line 1: field 'solution' has no"*boxed* ]]
    echo '{"problem":"a","type":"Algebra"}' >m.jsonl
    run import-set -q -F math m.jsonl -o m.rec
    [[ "$output" == *"line 1: no field \"solution\""* ]]
}

# ---- MMLU ----

mmlu_tables() {
    mkdir -p data/dev data/test data/auxiliary_train
    printf '"Q1, here?",1,2,3,4,B\nQ0,1,2,3,4,A\n' >data/dev/abstract_algebra_dev.csv
    printf 'Q2,1,2,3,4,A\nQ3,"a ""b""",2,None,4,D\n' >data/test/abstract_algebra_test.csv
    printf 'Q4,1,2,3,4,A\nQ5,1,2,3,4,D\nQ6,1,2,3,4,C\n' >data/test/virology_test.csv
    printf 'other,1,2,3,4,A\n' >data/auxiliary_train/arc.csv
}

@test "MMLU: the tables give questions with their options, a letter, and an example of the dev split" {
    mmlu_tables
    import-set -q -F mmlu data -o c.rec
    [ "$(records show c.rec | grep -c '"subject":"abstract_algebra"')" = 2 ]
    records show c.rec | grep -F '"prompt":"Q3\nA. a \"b\"\nB. 2\nC. None\nD. 4","reference":"D","domain":"Stem","group":"Stem","subject":"abstract_algebra","choices":["A","B","C","D"],"split":"test","shot":"Q' | grep -E 'Answer: [AB]"}$'
    [ "$(records show c.rec | grep abstract | grep -o '"shot".*' | sort -u | wc -l)" = 1 ]
    run records show c.rec
    [[ "$output" != *'"prompt":"Q1'* && "$output" != *other* ]]
}

@test "MMLU: without a dev split one question of each subject is set aside, whatever their order" {
    mmlu_tables
    import-set -q -F mmlu data/test/virology_test.csv -o a.rec
    [ "$(records count a.rec)" = 2 ]
    mkdir other
    tac data/test/virology_test.csv >other/virology_test.csv
    import-set -q -F mmlu --split test other -o b.rec
    cmp <(records show a.rec | sort) <(records show b.rec | sort)
    import-set -q -F mmlu --no-shot data/test/virology_test.csv -o c.rec
    [ "$(records count c.rec)" = 3 ]
    run ! grep -q shot <(records show c.rec)
}

@test "MMLU: lines and hub rows give the problems of the tables, with the group named where asked" {
    mmlu_tables
    import-set -q -F mmlu --no-shot data/test/virology_test.csv -o a.rec
    for i in 4:0:A 5:3:D 6:2:C; do
        IFS=: read -r q n l <<<"$i"
        echo "{\"question\":\"Q$q\",\"subject\":\"virology\",\"choices\":[\"1\",\"2\",\"3\",\"4\"],\"answer\":$n}" >>hub_test.jsonl
        echo "{\"question\":\"Q$q\",\"options\":[\"1\",\"2\",\"3\",\"4\"],\"answer\":\"$l\",\"topic\":\"virology\"}" >>lines_test.jsonl
    done
    for form in hub lines; do
        import-set -q -F mmlu --no-shot ${form}_test.jsonl -o b.rec
        cmp <(records show a.rec) <(records show b.rec)
    done
    import-set -q -F mmlu --name-group hub_test.jsonl -o g.rec
    [ "$(records show g.rec | grep -c '"prompt":"Category: Bio\\nQ.*"shot":"Category: Bio\\nQ')" = 2 ]
}

@test "MMLU: the same question twice is one, and a missing value is the word it was" {
    line='{"question":"Q","options":[NaN,"NaN"],"answer":"A","topic":"virology"}'
    printf '%s\n%s\n' "$line" "$line" >t.jsonl
    run import-set -F mmlu --no-shot t.jsonl -o c.rec
    [ "$status" = 0 ]
    [[ "$output" == *"1 problems"*"1 doubles left out"* ]]
    records show c.rec | grep -qF '"prompt":"Q\nA. None\nB. NaN"'
}

@test "MMLU: an answer that is no option, or options that are none, are errors" {
    echo '{"question":"Q","options":["1","2"],"answer":"C","topic":"virology"}' >t.jsonl
    run import-set -q -F mmlu t.jsonl -o c.rec
    [ "$status" = 1 ]
    [[ "$output" == *"line 1: field 'answer' is none of the 2 options"* ]]
    echo '{"question":"Q","options":[1,2],"answer":"A","topic":"virology"}' >t.jsonl
    run import-set -q -F mmlu t.jsonl -o c.rec
    [[ "$output" == *"line 1: field 'options': option 1 is no text"* ]]
    echo 'Q,1,2,3,A' >virology_test.csv
    run import-set -q -F mmlu virology_test.csv -o c.rec
    [[ "$output" == *"virology_test.csv: line 1: 5 fields; 6,"* ]]
}

# ---- APPS, MBPP, HumanEval ----

apps_problem() { # NUMBER INPUT_OUTPUT
    mkdir -p "train/$1"
    echo "Question $1" >"train/$1/question.txt"
    printf '%s' "$2" >"train/$1/input_output.json"
    echo '{"difficulty":"interview","url":"u"}' >"train/$1/metadata.json"
    echo '["print(1)","print(2)"]' >"train/$1/solutions.json"
}

@test "APPS: folders become programs with tests; functions and the untested are left out and counted" {
    apps_problem 0000 '{"inputs":["1\n",["2","3"]],"outputs":["x\n",["y","z"]]}'
    apps_problem 0001 '{"fn_name": "f", "inputs": [[123456789012345678901234567890]], "outputs": [1]}'
    apps_problem 0002 '{"inputs":[],"outputs":[]}'
    apps_problem 0003 ''
    run import-set -F apps train -o a.rec
    [ "$status" = 0 ]
    [[ "$output" == *"1 problems"*"1 asking for a function left out, 2 without tests left out"* ]]
    [ "$(records show a.rec)" = '{"id":"apps-train-0000","task":"code","prompt":"Question 0000\n","difficulty":"interview","tests":[{"stdin":"1\n","stdout":"x\n"},{"stdin":"2\n3\n","stdout":"y\nz\n"}],"solution":"print(1)","split":"train"}' ]
    import-set -q -F apps train/0000 -o one.rec
    cmp <(records show a.rec) <(records show one.rec)
    echo '{"id":7,"question":"Q","solutions":"[\"p\"]","input_output":"{\"inputs\":[\"1\"],\"outputs\":[\"2\"]}","difficulty":"d"}' >train/test.jsonl
    import-set -q -F apps train -o both.rec
    [ "$(records show both.rec | tail -n 1)" = '{"id":"apps-test-0007","task":"code","prompt":"Q","difficulty":"d","tests":[{"stdin":"1","stdout":"2"}],"solution":"p","split":"test"}' ]
    rm train/test.jsonl
    import-set -q -F apps --functions train -o f.rec
    [ "$(records count f.rec)" = 2 ]
    records show f.rec | grep -qF '"function":"f","function_tests":"{\"fn_name\"'
    run import-set -F apps --only-functions train -o o.rec
    [[ "$output" == *"1 problems"*"2 asking for a program left out, 1 without tests left out"* ]]
    cmp <(records show o.rec) <(records show f.rec | grep function)
}

@test "APPS: damaged tests are an error with problem and field" {
    apps_problem 0000 '{"inputs":["1"],"outputs":[]}'
    run import-set -q -F apps train -o a.rec
    [ "$status" = 1 ]
    [[ "$output" == *"train/0000: field 'input_output': 1 inputs, but 0 outputs"* ]]
    apps_problem 0000 '{"inputs":["1"],"outp'
    run import-set -q -F apps train -o a.rec
    [[ "$output" == *"train/0000: field 'input_output': column"* ]]
    apps_problem 0000 '{"inputs":["1"],"outputs":["1"]}'
    printf 'caf\xe9' >train/0000/question.txt
    run import-set -q -F apps train -o a.rec
    [[ "$output" == *"train/0000/question.txt: field 'question': byte 4 is no UTF-8"* ]]
    import-set -q -F apps --rejects r.rec train -o a.rec
    [ "$(records count r.rec)" = 1 ]
}

@test "MBPP and HumanEval: the assertions come along, and other languages than C++ are refused" {
    echo '{"text":"Add.","code":"def f","task_id":7,"test_setup_code":"","test_list":["assert 1","assert 2"]}' |
        import-set -q -F mbpp -o b.rec
    [ "$(records show b.rec)" = '{"id":"mbpp-7","task":"code","prompt":"Add.","function_tests":"assert 1\nassert 2\n","solution":"def f"}' ]
    echo '{"name":"H1","language":"cpp","prompt":"int f() {","tests":"}\nint main(){}","stop_tokens":["\n}"]}' |
        import-set -q -F humaneval -o h.rec
    [ "$(records show h.rec)" = '{"id":"H1","task":"code","prompt":"int f() {","tests":[{"harness":"}\nint main(){}"}],"stop_tokens":["\n}"]}' ]
    echo '{"name":"H1","language":"rs","prompt":"fn","tests":"x"}' >rs.jsonl
    run import-set -q -F humaneval rs.jsonl -o h2.rec
    [ "$status" = 1 ]
    [[ "$output" == *"line 1: field 'language' is 'rs'"* ]]
}

# ---- tables of one's own ----

@test "tables: columns become fields by --map, quotes hold newlines, marks and carriage returns go" {
    printf '\xef\xbb\xbfquestion,right,lvl,mine\r\n"1, or\r\n""2""?",b,3,x\r\n' >t.csv
    import-set -q -F csv --task math -m prompt=question -m reference=right -m level=lvl t.csv -o c.rec
    [ "$(records show c.rec | sed -E 's/,"id".*//')" = '{"prompt":"1, or\n\"2\"?","reference":"b","level":3,"mine":"x","task":"math"' ]
    printf 'a\tb\tA,B\n' | import-set -q -F tsv --columns prompt,reference,choices --task choice -o t.rec
    [ "$(field choices t.rec)" = '["A","B"]' ]
    echo '{"q":"a","reference":"2","id":5,"deep":{"x":[1]}}' | import-set -q -F json -m prompt=q -o j.rec
    [ "$(records show j.rec)" = '{"prompt":"a","reference":"2","id":"5","deep":{"x":[1]}}' ]
}

@test "tables: rows that are too short, damaged or alike are errors with line and field" {
    printf 'prompt,reference\na,b\nc\n' >t.csv
    run import-set -q -F csv t.csv -o c.rec
    [ "$status" = 1 ]
    [ "$output" = "import-set: t.csv: line 3: 1 fields; 2, as there are columns, would be right" ]
    printf 'prompt,reference\na,b\n"x\ny",\xff\n' >t.csv
    run import-set -q -F csv t.csv -o c.rec
    [[ "$output" == *"t.csv: line 3: field 'reference': byte 1 is no UTF-8"* ]]
    printf 'prompt,reference\na,"b\n' >t.csv
    run import-set -q -F csv t.csv -o c.rec
    [[ "$output" == *"t.csv: line 2: the file ends inside of quotes"* ]]
    printf 'id,prompt\n1,a\n1,b\n' >t.csv
    run import-set -q -F csv t.csv -o c.rec
    [[ "$output" == *"t.csv: line 3: field 'id': '1' stands for another problem already"* ]]
    printf 'a,a\n1,b\n' >t.csv
    run import-set -q -F csv t.csv -o c.rec
    [[ "$output" == *"t.csv: line 1: the column 'a' comes twice"* ]]
    printf 'prompt\na\n' >t.csv
    run import-set -q -F csv -m reference=answer t.csv -o c.rec
    [[ "$output" == *"t.csv: line 2: no column 'answer', which --map names"* ]]
    printf '{"prompt":"a","reference":"b\xff"}\n' >t.jsonl
    run import-set -q -F json t.jsonl -o c.rec
    [[ "$output" == *"t.jsonl: line 1: column 29: field 'reference' is no UTF-8"* ]]
    [ ! -e c.rec ]
}

@test "bad rows can be set aside, with the reason, up to a number" {
    printf 'prompt,reference\na,b\nc\nd,e\n' >t.csv
    import-set -q -F csv --rejects r.rec t.csv -o c.rec
    [ "$(records count c.rec)" = 2 ]
    [ "$(records show r.rec)" = '{"line":"c","reject_reason":"t.csv: line 3: 1 fields; 2, as there are columns, would be right"}' ]
    run import-set -q -F csv --rejects r.rec --max-rejects 0 t.csv -o d.rec
    [ "$status" = 1 ]
    [ ! -e d.rec ]
}

@test "a page that a hub cut short is refused" {
    echo '{"rows":[{"row_idx":0,"row":{"prompt":"a"},"truncated_cells":["prompt"]}]}' >p.json
    run import-set -q -F json p.json -o c.rec
    [ "$status" = 1 ]
    [[ "$output" == *"p.json: row 1: the hub cut 1 of its fields short"* ]]
}

@test "wrong usage, empty folders and files that are not there are refused" {
    run import-set x.json
    [ "$status" = 2 ]
    [[ "$output" == *"--format is needed"* ]]
    run import-set -F math -m a=b
    [ "$status" = 2 ]
    run import-set -F csv -m a
    [ "$status" = 2 ]
    mkdir empty
    run import-set -q -F math empty -o c.rec
    [ "$status" = 1 ]
    [[ "$output" == *"empty: no problem of format math in this folder"* ]]
    run import-set -q -F math nowhere.jsonl -o c.rec
    [ "$status" = 1 ]
    [ ! -e c.rec ]
}

# ---- the published files themselves ----

@test "the published files are read whole" {
    needs_shared
    import-set -q -F math "$SHARED/data/math/test.jsonl" -o m.rec
    [ "$(records count m.rec)" = 5000 ]
    [ "$(field level m.rec | sort | uniq -c | tr -s ' ' | tr '\n' ';')" = ' 437 1; 894 2; 1131 3; 1214 4; 1324 5;' ]
    [ "$(field id m.rec | sort -u | wc -l)" = 5000 ]
    run import-set -F mmlu "$SHARED/data/mmlu_stem/test.jsonl" -o c.rec
    [[ "$output" == *"2988 problems"*"12 doubles left out, 18 set aside as examples"* ]]
    [ "$(field domain c.rec | sort | uniq -c | tr -s ' ' | tr '\n' ';')" = ' 452 "Bio"; 2536 "Stem";' ]
    import-set -q -F mbpp "$SHARED/data/mbpp/mbpp.jsonl" -o b.rec
    [ "$(records count b.rec)" = 974 ]
    import-set -q -F humaneval "$SHARED/data/humaneval/humaneval-cpp.jsonl" -o h.rec
    [ "$(records count h.rec)" = 161 ]
    run import-set -F apps "$SHARED/data/apps" -o a.rec
    [[ "$output" == *"3 problems"*"2 asking for a function left out"* ]]
    [ "$(field id a.rec | tr '\n' ' ')" = '"apps-train-0001" "apps-train-0111" "apps-train-2287" ' ]
}
