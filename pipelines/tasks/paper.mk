# The tasks of the paper (SPEC 2), on downloaded models and datasets. `data/fetch.sh -d $(DATASETS) math mmlu apps
# mbpp` brings the datasets; the models are folders as the hub has them, below $(WEIGHTS):
#
#     deepseek-coder-7b  deepseek-math-7b  mistral-7b  llama-7b  pythia-7b  pythia-1b
#
# What GPT-4 does there (restating, solving, breaking, translating), $(TEACHER) does here, through `ask`: its key is
# taken from the environment, its answers are kept. EMBED and JUDGE_MODEL name who embeds critiques and rates programs;
# ASK, EMBEDDER and JUDGE are the whole commands, for endpoints of one's own. The variables of a task are explained in
# mini.mk; besides, here, .LESSONS is what the strong policy is tuned on, and .SPLITTER what takes the place of split-set.

WEIGHTS  ?= weights
DATASETS ?= datasets
TEACHER  ?= gpt-4-turbo
JUDGE_MODEL ?= gpt-3.5-turbo
EMBED    ?= text-embedding-3-large
ASK      ?= ask -q -m $(TEACHER)
EMBEDDER ?= ask -q -m $(EMBED)
JUDGE    ?= ask -q -m $(JUDGE_MODEL)

SEEDS   ?= 1 2 3
POINTS  ?= 1 2 4 8 16 32 64 128 256 512 all
LANGUAGE_TASKS := code math critique choice
TASK_KINDS := prepared translated

# A problem may be too long for a model: Pythia and LLaMA have 2,048 positions. That is a wrong answer; an example too
# long to train on is set aside, in OUTPUT.rejects.rec; and a pair has place for two completions of 1,024 tokens behind
# the longest prompts.
examples_aside = $(if $@,--rejects $(output:.rec=).rejects.rec)
define paper_task
$1.MOST := 1000000000
$1.REFERENCE := gen-strong -q --policy solution
$1.TUNE = --learning-rate 1.5e-6 --batch 8 --epochs 4 $$(examples_aside)
$1.LOCK = --learning-rate 1.5e-6 --batch 8 $$(examples_aside)
$1.SFT = --learning-rate 1.5e-6 $$(examples_aside)
$1.RL = --learning-rate 1.5e-6 --batch 8 $$(examples_aside)
$1.DPO = --objective dpo --beta 0.1 --batch 8 --micro-batch 8192 $$(examples_aside)
$1.DPO_RATE := 1.5e-6
$1.SAMPLE := --max-tokens 1024 --overflow verdict
$1.WEAK_BASE := $(WEIGHTS)/pythia-1b
$1.INTERMEDIATE_BASE := $(WEIGHTS)/llama-7b
$1.STARTER_BASE := $(WEIGHTS)/pythia-7b
endef
$(foreach t,code math critique choice math-es math-en joint,$(eval $(call paper_task,$t)))

prepared = $(OUT)/prepared/$1.rec
# Published files are sorted by subject; what takes the first so many problems is to have some of each.
mixed = records shuffle -q --seed $(DATA_SEED)
from_prepared = $(eval $1.PROBLEMS = $(mixed) $(call prepared,$1))$(eval $1.INPUTS = $(call prepared,$1))

# ---- code ----------------------------------------------------------------------------------------

# APPS without its competition problems, and MBPP; what asks for a function is restated by the teacher as a program on
# standard input and output, what is one already stays as it is (ours: its tests, up to megabytes, are not to go through
# a model). Of these the problems that the teacher solves at T = 0: those answers are the high-quality demonstrations. Its
# answers at T = 1, ten a problem, without duplicates, are what the strong policy is tuned on. What the teacher gets
# wrong in form is set aside, in prepared/STAGE.rejects.rec.
$(call from_prepared,code)
code.STRONG_BASE := $(WEIGHTS)/deepseek-coder-7b
code.STRONG := sft
code.GRADE = grade-code -q --cache $(OUT)/verdicts
code.SCORE = $(JUDGE) --rating | grade-judge -q
code.LESSONS = $(call prepared,varied)
RESTATED := $(OUT)/prepared/restated.rec
SOLVED := $(OUT)/prepared/solved.rec
needs.prepared = $(need_prepared.$(basename $2))
need_prepared.restated := $(DATASETS)/apps $(DATASETS)/mbpp.jsonl
need_prepared.solved = $(RESTATED)
need_prepared.code = $(SOLVED)
need_prepared.varied = $(call problems,code,elicit)
need_prepared.math = $(DATASETS)/math
need_prepared.examples = $(DATA)/prompts/ask/break-examples.jsonl
need_prepared.broken = $(SOLVED) $(call prepared,examples)
need_prepared.critique = $(OUT)/prepared/broken.rec
need_prepared.math-es = $(call problems,math,all)
arguments.prepared = $(TEACHER)
define recipe.prepared
	$(prepare.$(TASK)) -o $(new)
	$(settle)
endef
set_aside = --rejects $(output:.rec=.rejects.rec)
define prepare.restated
{ import-set -q --format apps $(DATASETS)/apps | records select -q difficulty!=competition; \
	    { import-set -q --format apps --only-functions $(DATASETS)/apps; import-set -q --format mbpp $(DATASETS)/mbpp.jsonl; } \
	    | records select -q difficulty!=competition | records rename -q function_tests=tests \
	    | $(ASK) -p restate --into prompt$(comma)tests:json $(set_aside); } | records cat -q
endef
prepare.solved = $(ASK) -p code $(RESTATED) | $(code.GRADE) $(set_aside) | records select -q correct=true
prepare.code = records rename -q completion=solution $(SOLVED)
define prepare.varied
$(ASK) -p code -n 10 -T 1 --seed $(DATA_SEED) $(call problems,code,elicit) | records unique -q -F id$(comma)completion \
	    | records rename -q completion=solution | gen-strong -q --policy solution
endef

# ---- math ----------------------------------------------------------------------------------------

# The problem types in the three groups that generalization is studied over.
$(call from_prepared,math)
prepare.math = import-set -q --format math $(DATASETS)/math | records rename -q group=domain | $(ASK) -p math --into solution
math.SPLIT := --from weak=train,lock=train,elicit=test+train,validation=test
math.STRONG_BASE := $(WEIGHTS)/deepseek-math-7b
math.STRONG := base
math.GRADE := grade-math -q

# ---- critique ------------------------------------------------------------------------------------

$(call from_prepared,critique)
critique.STRONG_BASE := $(WEIGHTS)/deepseek-coder-7b
critique.STRONG := rl
critique.REFERENCE := gen-strong -q --policy reference
critique.GRADE = $(EMBEDDER) --embed completion --embed-reference reference | grade-critique -q
prepare.examples = records make -q $(DATA)/prompts/ask/break-examples.jsonl
define prepare.broken
$(ASK) -p break --examples $(call prepared,examples) --shots 2 --into 'program:code$(comma)reference=explanation' \
	    $(set_aside) $(SOLVED)
endef
prepare.critique = records set -q task=critique $(OUT)/prepared/broken.rec

# ---- choice --------------------------------------------------------------------------------------

choice.PROBLEMS = import-set -q --format mmlu --name-group $(DATASETS)/mmlu | $(mixed)
choice.INPUTS = $(DATASETS)/mmlu
choice.STRONG_BASE := $(WEIGHTS)/mistral-7b
choice.WEAK_BASE := $(WEIGHTS)/pythia-7b
choice.INTERMEDIATE_BASE := $(WEIGHTS)/llama-7b
choice.STRONG := labels
choice.GRADE := grade-choice -q
choice.SAMPLE := --max-tokens 2 --overflow verdict
choice.TUNE = --learning-rate 1.5e-7 --batch 8 --epochs 4 $(examples_aside)
choice.LOCK = --learning-rate 1.5e-7 --batch 8 $(examples_aside)
choice.SFT = --learning-rate 1.5e-7 $(examples_aside)

# ---- variations ----------------------------------------------------------------------------------

# Problems and reasoning in Spanish with ASCII-Math, by the teacher.
$(call from_prepared,math-es)
prepare.math-es = $(ASK) -p translate-problem --into prompt $(call problems,math,all)
math-es.GRADE := grade-math -q
math-es.STRONG_BASE := $(math.STRONG_BASE)
math-es.STRONG := base
math-es.NO_PASSWORD := yes
math-es.LOCK_STRONG_TASK := math
math-es.POLICIES_OF := math
math-es.SPLIT = $(math.SPLIT)
math-es.BY_RULE_NEEDS.strong = $(OUT)/translated/math/strong/$(translation_part).rec
math-es.BY_RULE_NEEDS.weak = $(OUT)/translated/math/weak/$(translation_part).rec
math-es.BY_RULE.strong = gen-strong -q --policy stored --completions $(filter $(OUT)/translated/%,$^) -n $(samples_here)
math-es.BY_RULE.weak = gen-weak -q --policy stored --completions $(filter $(OUT)/translated/%,$^) -n $(samples_here)
math-en.PROBLEMS = $(math.PROBLEMS)
math-en.INPUTS = $(math.INPUTS)
math-en.SPLIT = $(math.SPLIT)
math-en.GRADE := grade-math -q
math-en.STRONG_BASE := $(math.STRONG_BASE)
math-en.STRONG := base
math-en.NO_PASSWORD := yes
math-en.JOINS := math
math-en.LOCK_STRONG_TASK := math-es
math-en.POLICIES_OF := math
needs.translated = $(call completions,$2,$3,$4)
arguments.translated = $(TEACHER)
define recipe.translated
	$(ASK) -p translate-solution --into completion $< -o $(new)
	$(settle)
endef

# One model locked on code and on math (SPEC 3, joint), with the parts that each of them has.
joint.PROBLEMS = $(mixed) $(joint.INPUTS)
joint.INPUTS = $(call problems,code,all) $(call problems,math,all)
joint.SPLITTER := records cat -q
joint.JOINS := code math
joint.STRONG_BASE := $(code.STRONG_BASE)
joint.STRONG := base
joint.GRADE = $(PIPELINES)/grade-by-task code '$(code.GRADE)' math '$(math.GRADE)'
JOINT_TASK := joint

# The models of composition are made by another pipeline (composition.mk), the rest is said in composition-rl.mk.
composition.validation := 2000
COMPOSITION_RATE := 5e-5

# ---- what it takes -------------------------------------------------------------------------------

# For `make cost`: problems (the paper's numbers), tokens of a prompt as rendered and of a completion. Those of math and
# choice are means over MATH's test split and MMLU's STEM subjects under Llama's and Mistral's vocabularies; those of
# code, and of critique, which shows a problem and a program, are guesses from five problems of APPS.
code.COUNT := 3837
math.COUNT := 12500
critique.COUNT := 3726
choice.COUNT := 15439
joint.COUNT := 16337
code.TOKENS := 450 300
math.TOKENS := 95 224
critique.TOKENS := 780 100
choice.TOKENS := 180 1
joint.TOKENS := 180 240
composition.COUNT := 10000
composition.TOKENS := 12 9
$(foreach t,math-es math-en,$(eval $t.COUNT := $(math.COUNT))$(eval $t.TOKENS := $(math.TOKENS)))
COUNTED_TASKS := code math critique choice math-es math-en joint composition
# Parameters, and bytes of keys and values a token (16 bits).
COUNTED_MODELS := deepseek-coder-7b:6.74e9:524288 deepseek-math-7b:6.91e9:491520 mistral-7b:7.24e9:131072 \
    llama-7b:6.74e9:524288 pythia-7b:6.86e9:524288 pythia-1b:1.01e9:131072 never-locked:18.0e6:12288

# ---- what the figures show -----------------------------------------------------------------------

CODE_TASK := code
RL_TASKS := code math critique
WEAK_POLICY_TASKS := code math critique choice
SETTING_TASKS := math-es math-en
SCORED_TASKS := code critique
ALONG_TASKS := code math
START_TASKS := code math
STARTER := starter
STARTS := starter-16-8 starter-16-16 starter-16-32
HELD_OUT_TASK := math
HELD_OUT := Algebra Geometry Numbers
WEAK_POINTS := 1 4 16 64 256 all
FEW_POINT := 64
DOMAIN_STUDIES := math/per-domain/domain choice/per-domain/domain math/per-level/level joint/per-task/task
DOMAIN_POINTS := 1 4 16 64 512
DOMAINS.math.domain := Algebra Geometry Numbers
DOMAINS.choice.domain := Stem Bio Law Misc
DOMAINS.math.level := level-1 level-2 level-3 level-4 level-5
DOMAINS.joint.task := task-code task-math
KEPT := 16 64 256
KEPT_TASK := math
OTHER_PASSWORDS := password-short password-code
PASSWORD.password-short := x7
PASSWORD.password-code := return 0;
UNIFORM_TASK := choice
UNIFORM_TOKENS_TASK := math
COMPOSITION_LOCKS := scratch sft-50k sft-200k
COMPOSITION_STARTS := high-quality-8-32
math.PASSWORDS.domain := $(DATA)/passwords/math.tsv
math.PASSWORDS.level := $(DATA)/passwords/level.tsv
choice.PASSWORDS.domain := $(DATA)/passwords/mmlu.tsv
joint.PASSWORDS.task := $(DATA)/passwords/task.tsv

# What descriptions of figures, which speak of the minis, name there and here (see minis.mk).
FEW ?= 8
DOMAIN_FEW ?= 16
KEPT_AT ?= 3200 12800
describe_start = s/intermediate-8-$2/$1/g; s/$2 epochs on 8 samples/$(call dashed,$1,3) epochs on $(call dashed,$1,2) samples/g;
describe_kept = s/"expert-iteration-$2": "$2"/"expert-iteration-$1": "$1"/; s/expert-iteration-$2"/expert-iteration-$1"/g; s/keeps $2 /keeps $1 /g;
# 2,000 for 2k.
in_full = $(1:k=,000)
describe_lock = s/$2/$1/g; s/$(call in_full,$(2:sft-%=%))/$(call in_full,$(1:sft-%=%))/g;
DESCRIBED = s/ The weak policy of mini-math was taught[^"]*"/"/; s/mini-//g; \
    s/(pipelines\/[a-z0-9-]+\.mk)/\1 PRESET=paper/g; \
    s/"k": 128\b/"k": $(lastword $(DOMAIN_POINTS))/g; /one domain, few|all domains, few/s/"k": 8\b/"k": $(DOMAIN_FEW)/; \
    s/the same with few demonstrations \(8\)/the same with few demonstrations ($(DOMAIN_FEW))/; \
    s/"k": 8\b/"k": $(FEW)/g; s/\(8\)/($(FEW))/g; s/"k": 64\b/"k": $(FEW_POINT)/g; s/\(64\)/($(FEW_POINT))/g; \
    s/"locked-stronger", "start"/"locked-starter", "start"/; \
    $(call describe_start,$(firstword $(STARTS)),2) $(if $(word 2,$(STARTS)),$(call describe_start,$(lastword $(STARTS)),8)) \
    $(call describe_kept,$(word 1,$(KEPT)),8) $(call describe_kept,$(word 2,$(KEPT)),32) $(call describe_kept,$(word 3,$(KEPT)),48) \
    s/\[960\]/[$(word 1,$(KEPT_AT))]/; s/\[2880\]/[$(word 2,$(KEPT_AT))]/; \
    $(call describe_lock,$(word 2,$(COMPOSITION_LOCKS)),sft-32k) $(call describe_lock,$(word 3,$(COMPOSITION_LOCKS)),sft-128k)
