# Figure 5: reinforcement, by weak policy and task; beside it the strong base, never locked, under the same training.
include $(dir $(lastword $(MAKEFILE_LIST)))study.mk

DRAWINGS.figure5 := figure5
AGGREGATE.figure5 := $(ROWS)
PLOT.figure5 := $(SAMPLES_AXIS) --panel task,model --series method --where password=none \
    --where method=expert-iteration --where method=filtered-sft --where method=dpo --where method=iterated-dpo $(LEVELS) \
    --title 'Reinforcement'
$(call figure,figure5,$(foreach t,$(RL_TASKS),$(call before_of,$t,locked locked-stronger locked-fixedrdm,none right) $(call before_of,$t,never-locked,none) \
    $(call rl_of,$t,never-locked locked locked-stronger locked-fixedrdm,expert-iteration filtered-sft dpo iterated-dpo,discrete,plain)))

include $(PIPELINES)/study-end.mk
