# Side trials: how many are kept by expert iteration, other passwords, locks on uniformly random answers and tokens.
include $(dir $(lastword $(MAKEFILE_LIST)))study.mk

DRAWINGS.side-trials := side-kept side-locks
AGGREGATE.side-trials := $(ROWS)
PLOT.side-kept := $(SAMPLES_AXIS) --series method $(foreach n,$(KEPT),--where method=expert-iteration-$n) \
    $(foreach l,$(LEVELS),$(if $(filter --%,$l),$l,$l$(comma)task=$(KEPT_TASK)$(comma)model=locked)) \
    --title 'Expert iteration, by how many are kept'
PLOT.side-locks := $(K_AXIS) --panel task --series model --where method=sft --where demos=high-quality --where password=none $(DEMOS_LEVELS) \
    --title 'Other passwords; locks on random answers and tokens'
$(call figure,side-trials,$(call before_of,$(KEPT_TASK),locked $(OTHER_PASSWORDS),none right) \
    $(call rl_of,$(KEPT_TASK),locked,$(KEPT:%=expert-iteration-%),discrete,plain) \
    $(call sft_of,$(KEPT_TASK),locked $(OTHER_PASSWORDS),high-quality,any,$(POINTS)) \
    $(call before_of,$(UNIFORM_TASK),locked locked-uniform,none right) \
    $(call sft_of,$(UNIFORM_TASK),locked locked-uniform,high-quality,any,$(POINTS)) \
    $(call before_of,$(UNIFORM_TOKENS_TASK),locked locked-fixedrdm locked-uniform-tokens,none right) \
    $(call sft_of,$(UNIFORM_TOKENS_TASK),locked locked-fixedrdm locked-uniform-tokens,high-quality,any,$(POINTS)))

include $(PIPELINES)/study-end.mk
