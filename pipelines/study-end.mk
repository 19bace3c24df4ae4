# The end of a pipeline that includes study.mk: rules for all that was asked for.

ifndef STUDY_END
STUDY_END := yes

# Each stage reads what its kind needs and its arguments; the recipe is its kind's.
stage_rule = $(eval $1.stamp: $(filter-out ;,$(NEEDS.$1)) $(call arguments,$1,$(call arguments.$(call kind,$1),$1,$(call \
    part,$1,2),$(call part,$1,3),$(call part,$1,4))))
$(foreach s,$(filter $(KINDS:%=$(OUT)/%/%),$(STAGES) $(MODELS)),$(call stage_rule,$s))
define kind_rule
$(patsubst %,%.stamp,$(filter $(OUT)/$1/%,$(STAGES) $(MODELS))):
	$$(recipe.$1)
endef
$(foreach k,$(KINDS),$(if $(filter $(OUT)/$k/%,$(STAGES) $(MODELS)),$(eval $(call kind_rule,$k))))

# Figures: of all records of their files, or of those that SOURCE.NAME passes on.
define figure_rules
$(OUT)/$1/results.rec.stamp: $(FILES.$1) $(call arguments,$(OUT)/$1/results.rec,$(AGGREGATE.$1) $(FILES.$1))
	$$(or $$(SOURCE.$1),records cat -q $$(FILES.$1)) | records set -q experiment=$1 | aggregate -q $$(AGGREGATE.$1) -o $$(new)
	$$(settle)
$(OUT)/$1/results.txt.stamp: $(OUT)/$1/results.rec
	aggregate -q --show $$< >$$(new)
	$$(settle)
$(foreach d,$(DRAWINGS.$1),$(call drawing_rule,$1,$d))
endef
define drawing_rule

$(OUT)/$1/$2.svg.stamp: $(OUT)/$1/results.rec $(call arguments,$(OUT)/$1/$2.svg,$(PLOT.$2) $(LABELS))
	plot -q $$(PLOT.$2) $$(LABELS) --format svg -o $$(new) $$<
	$$(settle)

$(OUT)/$1/$2-narrow.svg.stamp: $(OUT)/$1/results.rec $(call arguments,$(OUT)/$1/$2-narrow.svg,$(PLOT.$2) $(LABELS))
	plot -q $$(PLOT.$2) $$(LABELS) --size 390 --format svg -o $$(new) $$<
	$$(settle)

endef
$(foreach f,$(FIGURES),$(eval $(call figure_rules,$f)))

include $(PIPELINES)/stages.mk

# A round whose model is gone cannot be gone on from (stages.mk has forgotten what is lost by now).
CHAINS := $(sort $(dir $(filter $(OUT)/rl/%,$(STAGES))))
BROKEN := $(if $(CHAINS),$(shell $(PIPELINES)/broken-chains $(foreach c,$(CHAINS),$c$(call rounds_of,$(call part,$c,4)))))

# What all that was asked for takes: the stages and the numbers that they depend on, counted by pipelines/cost.
.PHONY: facts cost
# Passes that options of train ask for.
epochs_in = $(or $(patsubst --epochs=%,%,$(filter --epochs=%,$(subst --epochs ,--epochs=,$1))),1)
task_facts = $(info = task $1 $($1.COUNT) $($1.TOKENS) $(notdir $($1.STRONG_BASE) $($1.WEAK_BASE) $($1.INTERMEDIATE_BASE)) \
    $($1.STRONG) $(if $($1.LESSONS),10,1) $(if $($1.SCORE),rated,-) $(if $(findstring --embed,$($1.GRADE)),embedded,-) $(call epochs_in,$($1.TUNE)) $(notdir $($1.STARTER_BASE)))$(info = \
    bounds $1 $(foreach b,weak lock elicit validation validation-first MOST SUBSET BEST,$(if $($1.$b),$b=$($1.$b))))
lock_facts = $(info = lock $1 $2 $(call epochs_in,$(call locking,$1,$2)))
facts:
	@$(info = moments $(MOMENTS))$(info = along $(ALONG))$(info = lock-epochs $(LOCK_EPOCHS))$(info = rounds $(ROUNDS_EI) \
	    $(ROUNDS_DPO) $(EVALUATE))$(info = drawn $(SUBSET) $(BEST))$(foreach t,$(COUNTED_TASKS),$(call task_facts,$t))$(foreach \
	    m,$(COUNTED_MODELS),$(info = model $(subst :, ,$m)))$(foreach l,$(COUNTED_LESSONS),$(info = lessons $(subst :, ,$l)))$(foreach \
	    s,$(filter $(OUT)/locks/%,$(MODELS)),$(call lock_facts,$(call part,$s,2),$(call part,$s,3)))$(foreach s,$(STAGES) $(MODELS),$(info $(patsubst %.rec,%,$(s:$(OUT)/%=%)))):
cost:
	@$(MAKE) -s --no-print-directory -f $(firstword $(MAKEFILE_LIST)) facts | $(PIPELINES)/cost

endif
