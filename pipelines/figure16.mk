# Figure 16: SFT on few samples of an intermediate policy first, stopped after more or fewer epochs, then reinforcement.
include $(dir $(lastword $(MAKEFILE_LIST)))study.mk

DRAWINGS.figure16 := figure16
AGGREGATE.figure16 := $(ROWS)
PLOT.figure16 := $(SAMPLES_AXIS) --panel task,method --series model,start --where method=iterated-dpo --where method=expert-iteration \
    $(LEVELS) --title 'Few intermediate samples, then reinforcement'
$(call figure,figure16,$(foreach t,$(START_TASKS),$(call before_of,$t,locked locked-stronger,none right) $(call before_of,$t,intermediate never-locked,none) \
    $(call rl_of,$t,locked,expert-iteration iterated-dpo,discrete,plain $(STARTS)) \
    $(call rl_of,$t,never-locked,expert-iteration iterated-dpo,discrete,$(STARTS)) \
    $(call rl_of,$t,locked-stronger,expert-iteration iterated-dpo,discrete,plain)))

include $(PIPELINES)/study-end.mk
