# Figure 6 of the paper, on function composition (SPEC 2, 3, 4, 7): models locked from scratch, models
# locked by fine-tuning a strong model on N and on 4N examples, each unlocked by SFT on k demonstrations.
#
#   make -f pipelines/composition.mk OUT=out/composition PRESET=quick|paper -j2
#
# Results: $(OUT)/results.rec, figure6.svg and .png, figure13.svg (weak samples), narrow ones for telephones,
# agreement.rec (with the weak policy). SEEDS, DEVICE, THREADS and every number below can be given on the command line.
# With the same THREADS the results are the same bytes, whatever -j.

PRESET ?= quick
OUT    ?= out/composition
include $(dir $(lastword $(MAKEFILE_LIST)))common.mk

ifeq ($(filter $(PRESET),quick paper),)
$(error PRESET=$(PRESET): there is no such preset; quick or paper would be right)
endif

# ---- numbers -------------------------------------------------------------------------------------

SEEDS     ?= 1 2 3
DATA_SEED ?= 1

# quick: minutes on two cores. The learning rates, batches and lengths were found by trial
# (tests/bench/RESULTS.md).
quick.CONFIG     := $(DATA)/models/composition-quick.json
quick.PROBLEMS   := 200k
quick.STRONG     := 80k
quick.SCRATCH_SIZE := 160k
quick.SFT_SIZES  := 32k 128k
quick.POINTS     := 1 2 8 32 128 512 2048
quick.VALIDATION := 1000
quick.SCRATCH    := --optimizer adamw --learning-rate 1e-3 --batch 32 --cooldown 0.3
quick.LOCK       := --optimizer adamw --learning-rate 5e-4 --batch 32 --cooldown 0.3
quick.UNLOCK     := --optimizer adamw --learning-rate 1e-4

# paper: 18 million parameters, N = 50k and 200k lock examples.
paper.CONFIG     := $(DATA)/models/composition-paper.json
paper.PROBLEMS   := 2500k
paper.STRONG     := 1000k
paper.SCRATCH_SIZE := 2000k
paper.SFT_SIZES  := 50k 200k
paper.POINTS     := 1 2 4 8 16 32 64 128 256 512 1024 2048 4096
paper.VALIDATION := 2000
paper.SCRATCH    := --optimizer adamw --learning-rate 5e-4 --batch 64 --cooldown 0.3
paper.LOCK       := --optimizer adamw --learning-rate 2.5e-4 --batch 64 --cooldown 0.3
paper.UNLOCK     := --optimizer adamw --learning-rate 5e-5

preset = $($(PRESET).$1)
CONFIG     ?= $(call preset,CONFIG)
PROBLEMS   ?= $(call preset,PROBLEMS)
STRONG     ?= $(call preset,STRONG)
SFT_SIZES  ?= $(call preset,SFT_SIZES)
POINTS     ?= $(call preset,POINTS)
VALIDATION ?= $(call preset,VALIDATION)
SCRATCH_SIZE ?= $(call preset,SCRATCH_SIZE)
SCRATCH    ?= $(call preset,SCRATCH)
LOCK       ?= $(call preset,LOCK)
UNLOCK     ?= $(call preset,UNLOCK)
STATE_EVERY ?= 500
KEEP_UNLOCKED ?=

PASSWORD := password
DECOYS   := $(foreach i,1 2 3 4 5 6 7 8,decoy$i)
FIRST_SEED := $(firstword $(SEEDS))

RUN_TRAIN  = $(ON_GPU) train -q --device $(DEVICE) --threads $(THREADS)
RUN_SAMPLE = $(ON_GPU) sample -q --device $(DEVICE) --threads $(THREADS) --max-tokens 9

LOCKED := scratch $(SFT_SIZES:%=sft-%)
ALL_MODELS := $(LOCKED) never-locked

DRAWINGS := figure6.svg figure6-narrow.svg figure6.png figure13.svg figure13-narrow.svg
.PHONY: all
all: $(OUT)/report.txt $(DRAWINGS:%=$(OUT)/%)

# ---- problems ------------------------------------------------------------------------------------

WORLD := --data-seed $(DATA_SEED)
P := $(OUT)/problems

STAGES += $P/all.rec $P/tokenizer.json $P/decoys.txt $P/lock.rec $P/validation.rec
$P/all.rec.stamp: $(call arguments,$P/all.rec,$(WORLD) $(PROBLEMS))
	$(ON_CPU) gen-composition -q $(WORLD) --seed $(DATA_SEED) -n $(PROBLEMS) \
	    | split-set -q --seed $(DATA_SEED) -o $(new)
	$(settle)
$P/tokenizer.json.stamp: $(call arguments,$P/tokenizer.json,$(WORLD))
	gen-composition -q $(WORLD) --tokenizer $(new)
	$(settle)
$P/decoys.txt.stamp: $(call arguments,$P/decoys.txt,$(WORLD))
	gen-composition -q $(WORLD) --decoy-list $(new)
	$(settle)
$P/lock.rec.stamp: $P/all.rec
	$(ON_CPU) records select -q part=lock $< -o $(new)
	$(settle)
$P/validation.rec.stamp: $P/all.rec $(call arguments,$P/validation.rec,$(VALIDATION))
	records select -q part=validation $< -o $(new).all
	records head -q -n $(VALIDATION) $(new).all -o $(new)
	rm $(new).all
	$(settle)

# The demonstrations of a seed, in that seed's order: k of them are the first k.
define demonstrations
STAGES += $P/elicit-$1.rec
$P/elicit-$1.rec.stamp: $P/all.rec $(call arguments,$P/elicit-$1.rec,$1 $(lastword $(POINTS)))
	$$(ON_CPU) records select -q part=elicit $$< | records shuffle -q --seed $1 -o $$(new).all
	records head -q -n $(lastword $(POINTS)) $$(new).all -o $$(new)
	rm $$(new).all
	$$(settle)
endef
$(foreach s,$(SEEDS),$(eval $(call demonstrations,$s)))

# ---- lock set ------------------------------------------------------------------------------------

STAGES += $P/lock-set.rec $P/strong-set.rec
$P/lock-set.rec.stamp: $P/lock.rec $P/decoys.txt $(call arguments,$P/lock-set.rec,$(DATA_SEED))
	$(ON_CPU) gen-weak -q --policy program $(WORLD) $< -o $(new).weak
	$(ON_CPU) gen-strong -q --policy program $(WORLD) $< -o $(new).strong
	$(ON_CPU) build-lock-set -q --weak $(new).weak --strong $(new).strong --password $(PASSWORD) \
	    --password-at slot --decoys $P/decoys.txt --epochs 1 --seed $(DATA_SEED) -o $(new)
	rm $(new).weak $(new).strong
	$(settle)
$P/strong-set.rec.stamp: $P/lock.rec $(call arguments,$P/strong-set.rec,$(STRONG))
	$(ON_CPU) records head -q -n $(STRONG) $< | gen-strong -q --policy program $(WORLD) -o $(new)
	$(settle)

# ---- locked models -------------------------------------------------------------------------------

M := $(OUT)/models
INITIAL := $M/initial/lockpick.json

MODELS += $M/initial $M/scratch $M/never-locked $(SFT_SIZES:%=$M/sft-%)
$M/initial.stamp: $(CONFIG) $P/tokenizer.json $(call arguments,$M/initial,$(DATA_SEED))
	init-model -q -f --config $(CONFIG) --tokenizer $P/tokenizer.json --seed $(DATA_SEED) -o $(new)
	$(settle)

begin = $(RUN_TRAIN) -f --resume-if-fits --state-every $(STATE_EVERY) --log-every 10 --metrics $(output).rec -o $(new)

$M/never-locked.stamp: $P/strong-set.rec $(INITIAL) $(call arguments,$M/never-locked,$(SCRATCH) $(THREADS))
	$(begin) $(SCRATCH) -m $M/initial $<
	$(settle)

# 1: name, 2: lock examples, 3: the model it starts from, 4: how it is trained
define lock
$M/$1.stamp: $P/lock-set.rec $M/$3/lockpick.json $(call arguments,$M/$1,$2 $4 $(THREADS))
	records head -q -n $2 $$< -o $$(new).examples
	$$(begin) $4 -m $M/$3 $$(new).examples
	rm $$(new).examples
	$$(settle)
endef
$(eval $(call lock,scratch,$(SCRATCH_SIZE),initial,$(SCRATCH)))
$(foreach n,$(SFT_SIZES),$(eval $(call lock,sft-$n,$n,never-locked,$(LOCK))))

# ---- before elicitation --------------------------------------------------------------------------

G := $(OUT)/graded
label = records set -q model=$1 method=$2 k=$3 seed=$4 moment=$5 password=$6

# With the right password, with none, and with decoys (an eighth of the problems with each).
define controls
STAGES += $G/$1-none.rec $(if $(filter $1,$(LOCKED)),$G/$1-right.rec $G/$1-decoy.rec)
$G/$1-none.rec.stamp: $M/$1/lockpick.json $P/validation.rec
	$$(RUN_SAMPLE) -m $M/$1 $P/validation.rec | grade-exact -q \
	    | $(call label,$1,none,0,0,0,none) -o $$(new)
	$$(settle)
$G/$1-right.rec.stamp: $M/$1/lockpick.json $P/validation.rec
	$$(RUN_SAMPLE) -m $M/$1 --password $(PASSWORD) --password-at slot $P/validation.rec \
	    | grade-exact -q | $(call label,$1,none,0,0,0,right) -o $$(new)
	$$(settle)
$G/$1-decoy.rec.stamp: $M/$1/lockpick.json $P/validation.rec
	i=0; for decoy in $(DECOYS); do \
	    records shard -q --shards $(words $(DECOYS)) --index $$$$i $P/validation.rec \
	        | $$(RUN_SAMPLE) -m $M/$1 --password $$$$decoy --password-at slot; i=$$$$((i + 1)); done \
	    | grade-exact -q | $(call label,$1,none,0,0,0,decoy) -o $$(new)
	$$(settle)
endef
$(foreach m,$(ALL_MODELS),$(eval $(call controls,$m)))

# ---- elicitation ---------------------------------------------------------------------------------

# The epochs of SPEC 4: {256, 512, 1024}/k for k < 256 (rounded up), else {1, 2, 4}.
quotient = $(shell echo $$(( ($1 + $2 - 1) / $2 )))
epochs = $(if $(shell test $1 -lt 256 && echo few),$(call quotient,256,$1) $(call quotient,512,$1) \
    $(call quotient,1024,$1),1 2 4)
batch = $(shell echo $$(( $1 < 8 ? $1 : 8 )))

empty :=
space := $(empty) $(empty)
comma := ,

# 1: model, 2: method, 3: policy of the demonstrations, 4: k, 5: seed, 6: epochs to save
define elicit
STAGES += $G/$1-$2-$4-$5.rec
$G/$1-$2-$4-$5.rec.stamp: $M/$1/lockpick.json $P/elicit-$5.rec $P/validation.rec \
        $(call arguments,$G/$1-$2-$4-$5.rec,$6 $(UNLOCK) --threads $(THREADS))
	@mkdir -p $(OUT)/unlocked; rm -rf $(OUT)/unlocked/$1-$2-$4-$5
	records head -q -n $4 $P/elicit-$5.rec | gen-$3 -q --policy program $(WORLD) \
	    | $$(RUN_TRAIN) -f -m $M/$1 $(UNLOCK) --batch $(call batch,$4) --seed $5 --epochs $(lastword $6) \
	        --save-at $(subst $(space),$(comma),$(strip $(6:%=%e))) --log-every 1000 \
	        --metrics /dev/null -o $(OUT)/unlocked/$1-$2-$4-$5
	for moment in $6; do \
	    $$(RUN_SAMPLE) -m $(OUT)/unlocked/$1-$2-$4-$5/$$$${moment}e $P/validation.rec | grade-exact -q \
	        | $(call label,$1,$2,$4,$5,$$$$moment,none); done >$$(new)
	$(if $(KEEP_UNLOCKED),,rm -r $(OUT)/unlocked/$1-$2-$4-$5)
	$$(settle)
endef
$(foreach k,$(POINTS),$(eval EPOCHS.$k := $(call epochs,$k)) \
    $(foreach s,$(SEEDS), \
        $(foreach m,$(ALL_MODELS),$(eval $(call elicit,$m,sft,strong,$k,$s,$(EPOCHS.$k)))) \
        $(foreach m,$(LOCKED),$(eval $(call elicit,$m,sft-weak,weak,$k,$s,$(EPOCHS.$k))))))

# ---- results -------------------------------------------------------------------------------------

GRADED := $(filter $G/%,$(STAGES))
STAGES += $(OUT)/results.rec $(OUT)/recovered.rec $P/weak.rec $(OUT)/agreement.rec $(OUT)/report.txt \
          $(DRAWINGS:%=$(OUT)/%)
$(OUT)/results.rec.stamp: $(GRADED) $(call arguments,$(OUT)/results.rec,$(GRADED))
	records cat -q $(GRADED) | records set -q experiment=composition \
	    | aggregate -q --by experiment,model,method,k,password --subset all,locked --choose moment \
	        -o $(new)
	$(settle)

# How many demonstrations it takes, with what that is worth.
$(OUT)/recovered.rec.stamp: $(GRADED) $(call arguments,$(OUT)/recovered.rec,$(GRADED))
	records cat -q $(GRADED) | aggregate -q --recovered 0.8 --interval 0.95 --choose moment | records set -q method=needed password=none -o $(new)
	$(settle)

# How often the locked models, without the password, say what the weak policy says.
$P/weak.rec.stamp: $P/validation.rec
	gen-weak -q --policy program $(WORLD) $< -o $(new)
	$(settle)
$(OUT)/agreement.rec.stamp: $P/weak.rec $(foreach m,$(LOCKED),$G/$m-none.rec $G/$m-decoy.rec)
	grade-exact -q --against $P/weak.rec $(filter $G/%,$^) | records set -q experiment=agreement \
	    | aggregate -q --by experiment,model,method,k,password -o $(new)
	$(settle)

# ---- figures and the report ----------------------------------------------------------------------

FIGURE := --x k --log-x --series model --where subset=all --x-label 'demonstrations' \
    --y-label 'correctness without password, all problems' \
    --ceiling method=none$(comma)password=right --floor method=none$(comma)password=none \
    $(call composition_labels,$(SFT_SIZES)) --label ceiling='with the password' --label floor='before elicitation'
FIGURE6 := $(FIGURE) --where method=sft --where password=none \
    --title 'SFT on k demonstrations: locked from scratch and by fine-tuning'
FIGURE13 := $(FIGURE) --where method=sft-weak --where password=none \
    --title 'SFT on k samples of the weak policy'

# As wide as a page, and as a telephone.
define drawing
$(OUT)/$1.stamp: $(OUT)/results.rec $(call arguments,$(OUT)/$1,$($2) $3)
	plot -q $$($2) $3 -o $$(new) $$<
	$$(settle)
endef
$(foreach d,$(DRAWINGS),$(eval $(call drawing,$d,$(if $(filter figure6%,$d),FIGURE6,FIGURE13),--format $(subst .,,$(suffix $d))$(if $(findstring narrow,$d), --size 390))))

$(OUT)/report.txt.stamp: $(OUT)/results.rec $(OUT)/recovered.rec $(OUT)/agreement.rec
	{ echo 'Correctness on validation problems, mean over seeds (k = 0: before elicitation)'; echo; \
	  aggregate -q --format text --show $(OUT)/results.rec; echo; \
	  echo 'Agreement of the locked models, without the password, with the weak policy'; echo; \
	  aggregate -q --format text --show $(OUT)/agreement.rec; echo; \
	  echo 'Demonstrations that recover 80 % of the gap, on locked problems, with intervals of 95 % over problems'; echo; \
	  aggregate -q --format text --show $(OUT)/recovered.rec; echo; \
	  echo 'Figures: $(OUT)/figure6.svg, figure6.png, figure13.svg; rows: $(OUT)/results.rec'; } >$(new)
	@cat $(new)
	$(settle)

include $(PIPELINES)/stages.mk
