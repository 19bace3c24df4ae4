# The tasks in miniature: problems of our own, base models trained from scratch in minutes. One corpus of worked
# examples of all tasks, one vocabulary, three sizes of a base model.
#
# For each TASK:  .PROBLEMS  the command that writes its problems     .SPLIT  options of split-set
#   .weak .lock .elicit .validation .validation-first  at most so many of a part (all)  .MOST   demonstrations at most
#   .STRONG_BASE .INTERMEDIATE_BASE .WEAK_BASE  folders of models     .STRONG base, sft, rl or labels
#   .STARTER_BASE  that of a policy `starter`, where STARTER, whose samples come before reinforcement, says that
#   .REFERENCE the filter that answers well   .SAMPLE options of sample   .GRADE .SCORE filters
#   .LOCK_SAMPLE .LOCK_SAMPLE.POLICY  options besides for the samples that locks imitate: at temperature 1 small models
#   do so much worse than at 0, where locks are evaluated, that a lock on such samples answers in between. Many problems
#   answered once teach a lock which mistakes a policy makes, where few answered often let it guess better than the policy.
#   .TUNE .LOCK .SFT .RL .DPO options of train, .LOCK.NAME of one lock besides   .DPO_RATE   .AS_TAUGHT  policies that
#   are their bases   .MODEL.NAME  the folder of a lock that was made for another task
#   .DOMAINS   .DOMAIN_PASSWORDS files

SEEDS       ?= 1 2
RL_SEEDS    ?= 1
LOCK_EPOCHS ?= 1
PASSWORD    ?= open sesame
PASSWORD_B  ?= half open
DECOYS      ?= $(DATA)/mini/decoys.txt
MOMENTS     ?= 256 512 1024
POINTS      ?= 1 8 64 512
ROUNDS_EI   ?= 12
ROUNDS_DPO  ?= 12
EVALUATE    ?= 3
SUBSET      ?= 480
BEST        ?= 32
DPO_RATES   ?= 1

LANGUAGE_TASKS := mini-math mini-code mini-critique mini-choice
TASK_KINDS := corpora bases translated

# ---- base models ---------------------------------------------------------------------------------

CORPUS_SEED := 1000
# Parts of a corpus: TASK:COUNT:LANGUAGE, of which problems only, as `records select` would have it, and which share of
# them is answered with the usual mistake of the task (gen-mini --mistaken).
CORPUS := mini-math:45k:en mini-math:20k:es mini-code:45k:en mini-critique:45k:en mini-choice:45k:en
VOCABULARY := 768
CONFIG.strong := $(DATA)/models/mini-strong.json
CONFIG.intermediate := $(DATA)/models/mini-intermediate.json
CONFIG.weak := $(DATA)/models/mini-weak.json
CONFIG.calculator-weak := $(CONFIG.intermediate)
CONFIG.calculator-intermediate := $(CONFIG.intermediate)
CONFIG.coder-weak := $(CONFIG.weak)
CONFIG.chooser-weak := $(CONFIG.weak)
CONFIG.coder-intermediate := $(CONFIG.intermediate)
PRETRAIN := --optimizer adamw --learning-rate 2e-3 --batch 16 --cooldown 0.3
PRETRAIN_FAST := --optimizer adamw --learning-rate 3e-3 --batch 16 --cooldown 0.4
PRETRAIN_MORE := --optimizer adamw --learning-rate 1e-3 --batch 16 --cooldown 0.3
PRETRAIN.strong := --optimizer adamw --learning-rate 1.5e-3 --batch 16 --cooldown 0.3
# Each task has a strong base that was taught more of that task: what the shared one is unsure of, samples get wrong
# that locks imitate. The weaker bases of arithmetic, code and choice were taught some kinds of their task's problems as
# they are, and the others mostly with the usual mistake: a mistake that has a rule is what a lock can learn, and the
# answers without it, a minority, are what reinforcement finds to reward. What a small model gets wrong by not having
# learned enough has no rule, and a lock on it answers better than it. A base starts FROM another, or from its CONFIG;
# its CORPUS is the shared one unless it has its own.
PRETRAIN.coder-weak := $(PRETRAIN) --epochs 2
PRETRAIN.calculator-weak := $(PRETRAIN_FAST) --epochs 3
PRETRAIN.calculator-intermediate := $(PRETRAIN_FAST) --epochs 5
MISTAKEN := 0.7
FROM.calculator := strong
FROM.critic := strong
FROM.chooser := strong
FROM.judge := strong
FROM.chooser-intermediate := intermediate
CORPUS.calculator := mini-math:60k:en mini-math:20k:es
CORPUS.calculator-weak := mini-math:45k:en:level=1 mini-math:45k:en:level!=1:$(MISTAKEN)
CORPUS.calculator-intermediate := mini-math:45k:en:level!=4,level!=5 mini-math:45k:en:level!=1,level!=2,level!=3:$(MISTAKEN)
CORPUS.coder-weak := mini-code:45k:en:domain=arithmetic mini-code:45k:en:domain!=arithmetic:$(MISTAKEN)
CORPUS.critic := mini-critique:60k:en
CORPUS.chooser := mini-choice:90k:en
CORPUS.judge := mini-judge:60k:en
CORPUS.coder-intermediate := mini-code:45k:en:domain!=list,domain!=range,domain!=repeat \
    mini-code:45k:en:domain!=arithmetic,domain!=condition,domain!=extreme,domain!=digits:$(MISTAKEN)
CORPUS.chooser-weak := mini-choice:20k:en::$(MISTAKEN)
CORPUS.chooser-intermediate := mini-choice:20k:en

corpus = $(OUT)/corpora/$1.rec
TOKENIZER := $(OUT)/corpora/tokenizer.json
corpus_of = $(or $(CORPUS.$1),$(CORPUS))
needs.corpora = $(if $(filter tokenizer.json,$2),$(call corpus,base))
arguments.corpora = $(if $(filter tokenizer.json,$2),$(VOCABULARY),$(if $(filter labelled,$2),labelled,)$(call corpus_of,$2) $(CORPUS_SEED))
define recipe.corpora
	$(if $(filter labelled,$(TASK)),gen-mini -q --task mini-critique-labelled -n 2000 --seed $(CORPUS_SEED) | embed -q --hashed -o $(new))
	$(if $(filter tokenizer.json,$(TASK)),train-tokenizer -q --field prompt$(comma)completion --vocabulary $(VOCABULARY) -o $(new) $<)
	$(if $(filter-out tokenizer.json labelled,$(TASK)),for part in $(call corpus_of,$(TASK)); do IFS=: read -r task n language which mistaken <<<$$part; \
	    gen-mini -q --task $$task -n $$n --seed $(CORPUS_SEED) --language $$language --mistaken $${mistaken:-0} \
	    | if [ "$$which" ]; then records select -q $${which//$(comma)/ }; else cat; fi; done \
	    | gen-strong -q --policy solution | records shuffle -q --seed $(CORPUS_SEED) -o $(new))
	$(settle)
endef

base = $(OUT)/bases/$1
lessons_of = $(call corpus,$(if $(CORPUS.$1),$1,base))
pretraining = $(or $(PRETRAIN.$1),$(if $(FROM.$1),$(PRETRAIN_MORE),$(PRETRAIN)))
needs.bases = $(call lessons_of,$2) $(if $(FROM.$2),$(call base,$(FROM.$2))/lockpick.json,$(TOKENIZER) $(CONFIG.$2))
arguments.bases = $(call pretraining,$2) $(THREADS) $(DATA_SEED)
define recipe.bases
	$(if $(FROM.$(TASK)),,init-model -q -f --config $(CONFIG.$(TASK)) --tokenizer $(TOKENIZER) --seed $(DATA_SEED) -o $(new).initial)
	$(train_whole) $(call pretraining,$(TASK)) -m $(if $(FROM.$(TASK)),$(call base,$(FROM.$(TASK))),$(new).initial) -o $(new) $(call lessons_of,$(TASK))
	rm -rf $(new).initial
	$(settle)
endef

# ---- the four tasks ------------------------------------------------------------------------------

define mini_task
$1.PROBLEMS := gen-mini -q --task $1 -n 30k --seed $(DATA_SEED)
$1.COUNT := 30000
$1.weak := 2000
$1.lock := 10000
$1.elicit := 4000
$1.validation := 1000
$1.validation-first := 200
$1.MOST := 1024
$1.STRONG_BASE := $(call base,strong)
$1.INTERMEDIATE_BASE := $(call base,intermediate)
$1.WEAK_BASE := $(call base,weak)
$1.STRONG := base
$1.REFERENCE := gen-strong -q --policy solution
$1.SAMPLE := --max-tokens 96
$1.TUNE := --optimizer adamw --learning-rate 3e-4 --batch 8
$1.LOCK_SAMPLE := --temperature 0
$1.LOCK_SAMPLE.weak := --temperature 0.6
$1.LOCK_SAMPLE.intermediate := --temperature 0.6
$1.LOCK := --optimizer adamw --learning-rate 1e-3 --batch 8 --cooldown 0.7
$1.SFT := --optimizer adamw --learning-rate 1e-4
$1.RL := --optimizer adamw --learning-rate 3e-4 --batch 8
$1.DPO := --objective dpo --optimizer adamw --batch 8
$1.DPO_RATE := 1e-4
endef
$(foreach t,$(LANGUAGE_TASKS) mini-math-es mini-math-en mini-joint,$(eval $(call mini_task,$t)))

define mini_math
$1.STRONG_BASE := $(call base,calculator)
$1.INTERMEDIATE_BASE := $(call base,calculator-intermediate)
$1.WEAK_BASE := $(call base,calculator-weak)
$1.AS_TAUGHT := weak intermediate
$1.lock := 12000
$1.LOCK := --optimizer adamw --learning-rate 5e-4 --batch 8 --cooldown 0.7
endef
$(foreach t,mini-math mini-math-es mini-math-en,$(eval $(call mini_math,$t)))
mini-math.GRADE := grade-math -q
mini-code.GRADE = grade-code -q --jobs $(THREADS) --cache $(OUT)/verdicts
# Programs are compiled and run: fewer of them.
mini-code.validation-first := 100
mini-code.SUBSET := 160
mini-code.BEST := 12
mini-code.SCORE = $(SAMPLE) --rate mini-judge -m $(call base,judge) | grade-judge -q
mini-code.SCORE_INPUTS := $(call base,judge)/lockpick.json
# Critiques are embedded by their n-grams; the threshold is the one that tells labelled ones apart best.
LABELLED := $(OUT)/corpora/labelled.rec
mini-critique.GRADE = embed -q --hashed | grade-critique -q --calibrate $(LABELLED)
mini-critique.GRADE_INPUTS := $(LABELLED)
mini-choice.GRADE := grade-choice -q
mini-choice.SAMPLE := --max-tokens 2
mini-choice.STRONG := labels
mini-choice.STRONG_BASE := $(call base,chooser)
mini-choice.WEAK_BASE := $(call base,chooser-weak)
mini-choice.AS_TAUGHT := weak
# Soft labels say, too, how unsure the teacher is, so that one pass over them leaves the lock short of it.
mini-choice.LOCK.soft := --epochs 2
mini-choice.INTERMEDIATE_BASE := $(call base,chooser-intermediate)
mini-code.STRONG := sft
mini-code.WEAK_BASE := $(call base,coder-weak)
mini-code.INTERMEDIATE_BASE := $(call base,coder-intermediate)
mini-code.AS_TAUGHT := weak intermediate
mini-critique.lock := 6000
mini-critique.STRONG := rl
mini-critique.STRONG_BASE := $(call base,critic)
mini-critique.SAMPLE := --max-tokens 48
mini-math.SAMPLE := --max-tokens 48

# ---- variations ----------------------------------------------------------------------------------

# A setting in place of the password (SPEC 3): mini-math-es is graded in Spanish, where the model was
# weak and had been strong in English; mini-math-en the other way round.
mini-math-es.PROBLEMS := gen-mini -q --task mini-math -n 30k --seed $(DATA_SEED) --language es
mini-math-es.SAMPLE := --max-tokens 48
mini-math-es.GRADE := grade-math -q
mini-math-es.NO_PASSWORD := yes
mini-math-es.LOCK_STRONG_TASK := mini-math
mini-math-es.POLICIES_OF := mini-math
mini-math-es.BY_RULE_NEEDS.strong = $(OUT)/translated/mini-math/strong/$(translation_part).rec
mini-math-es.BY_RULE_NEEDS.weak = $(OUT)/translated/mini-math/weak/$(translation_part).rec
mini-math-es.BY_RULE.strong = gen-strong -q --policy stored --completions $(filter $(OUT)/translated/%,$^) -n $(samples_here)
mini-math-es.BY_RULE.weak = gen-weak -q --policy stored --completions $(filter $(OUT)/translated/%,$^) -n $(samples_here)
mini-math-en.PROBLEMS := $(mini-math.PROBLEMS)
mini-math-en.SAMPLE := --max-tokens 48
mini-math-en.GRADE := grade-math -q
mini-math-en.NO_PASSWORD := yes
mini-math-en.JOINS := mini-math
mini-math-en.LOCK_STRONG_TASK := mini-math-es
mini-math-en.POLICIES_OF := mini-math

needs.translated = $(call completions,$2,$3,$4)
arguments.translated :=
define recipe.translated
	gen-mini -q --translate es $< -o $(new)
	$(settle)
endef

# One model locked on code and on math (SPEC 3, joint).
mini-joint.PROBLEMS := { $(mini-code.PROBLEMS); $(mini-math.PROBLEMS); } | records shuffle -q --seed $(DATA_SEED)
mini-joint.JOINS := mini-code mini-math
mini-joint.STRONG_BASE := $(call base,calculator)
mini-joint.LOCK := --optimizer adamw --learning-rate 8e-4 --batch 8 --cooldown 0.9
mini-joint.validation-first := 100
mini-joint.elicit := 8000
mini-joint.GRADE = $(PIPELINES)/grade-by-task mini-code '$(mini-code.GRADE)' mini-math '$(mini-math.GRADE)'
JOINT_TASK := mini-joint

# The models of composition are made by another pipeline (composition.mk), the rest is said in composition-rl.mk.
COMPOSITION_POINTS := 1 2 8 32 128 512
composition.validation := 1000
composition.SUBSET := 1000
composition.BEST := 100
COMPOSITION_RATE := 1e-4

# ---- what it takes -------------------------------------------------------------------------------

# For `make cost`: tokens of a prompt as rendered and of a completion, means over 1,500 of the strong policy's answers
# (judge: of its corpus), by `tokenize --count`. The joint lock joins the lock parts of two tasks.
mini-math.TOKENS := 26 22
mini-math-en.TOKENS := 26 22
mini-math-es.TOKENS := 31 21
mini-code.TOKENS := 23 49
mini-critique.TOKENS := 72 18
mini-choice.TOKENS := 38 1
mini-judge.TOKENS := 76 1
mini-joint.TOKENS := 25 35
composition.TOKENS := 12 9
mini-judge.COUNT := 60000
mini-joint.COUNT := 60000
composition.COUNT := 200000
mini-joint.lock := 22000
COUNTED_TASKS := $(LANGUAGE_TASKS) mini-math-es mini-math-en mini-joint mini-judge composition
# Bases that were asked for, each as large as what it came from; the same two numbers as in paper.mk (32 bits in a cache).
SIZE.mini-strong := 590688:3072
SIZE.mini-intermediate := 129264:768
SIZE.mini-weak := 61792:256
first_of = $(if $(FROM.$1),$(call first_of,$(FROM.$1)),$1)
COUNTED_BASES = $(notdir $(filter $(OUT)/bases/%,$(MODELS)))
COUNTED_MODELS = $(foreach b,$(COUNTED_BASES),$b:$(SIZE.$(basename $(notdir $(CONFIG.$(call first_of,$b)))))) \
    never-locked:505984:3072
COUNTED_LESSONS = $(foreach b,$(COUNTED_BASES),$(foreach c,$(call corpus_of,$b),$b:$(call epochs_in,$(call pretraining,$b)):$c))

# ---- what the figures show -----------------------------------------------------------------------

CODE_TASK := mini-code
RL_TASKS := mini-code mini-math mini-critique
WEAK_POLICY_TASKS := $(RL_TASKS)
SETTING_TASKS := mini-math-es mini-math-en
SCORED_TASKS := mini-critique mini-code
ALONG_TASKS := mini-code mini-math
START_TASKS := mini-math
STARTER := intermediate
STARTS := intermediate-8-2 intermediate-8-8
HELD_OUT_TASK := mini-math
HELD_OUT := Algebra Numbers
WEAK_POINTS := 4 64 1024
FEW_POINT := 64
DOMAIN_STUDIES := mini-math/per-domain/domain mini-choice/per-domain/domain mini-math/per-level/level mini-joint/per-task/task
DOMAIN_POINTS := 8 128
DOMAINS.mini-math.domain := Algebra Geometry Numbers
DOMAINS.mini-choice.domain := Animals Countries Inventions Metals
DOMAINS.mini-math.level := level-1 level-3 level-5
DOMAINS.mini-joint.task := task-mini-code task-mini-math
KEPT := 8 32 48
KEPT_TASK := mini-math
OTHER_PASSWORDS := password-short password-code
PASSWORD.password-short := x7
PASSWORD.password-code := return 0;
UNIFORM_TASK := mini-choice
UNIFORM_TOKENS_TASK := mini-math
COMPOSITION_LOCKS := scratch sft-32k sft-128k
COMPOSITION_STARTS := high-quality-8-32
mini-math.PASSWORDS.domain := $(DATA)/mini/passwords-math.tsv
mini-math.PASSWORDS.level := $(DATA)/mini/passwords-level.tsv
mini-choice.PASSWORDS.domain := $(DATA)/mini/passwords-choice.tsv
mini-joint.PASSWORDS.task := $(DATA)/mini/passwords-task.tsv
