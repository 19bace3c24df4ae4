# Figure 14: discrete and continuous rewards.
include $(dir $(lastword $(MAKEFILE_LIST)))study.mk

DRAWINGS.figure14 := figure14
AGGREGATE.figure14 := $(ROWS)
PLOT.figure14 := $(SAMPLES_AXIS) --panel task,model --series method,reward --where method=expert-iteration --where method=iterated-dpo \
    $(LEVELS) --title 'Discrete and continuous rewards'
$(call figure,figure14,$(foreach t,$(SCORED_TASKS),$(call before_of,$t,locked locked-fixedrdm,none right) \
    $(call rl_of,$t,locked locked-fixedrdm,expert-iteration iterated-dpo,discrete continuous,plain)))

include $(PIPELINES)/study-end.mk
