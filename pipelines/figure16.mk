# Figure 16: SFT on few samples of an intermediate policy first, stopped after more or fewer epochs, then reinforcement.
include $(dir $(lastword $(MAKEFILE_LIST)))study.mk

DRAWINGS.figure16 := figure16-expert-iteration figure16-iterated-dpo
AGGREGATE.figure16 := $(ROWS)
START_AXIS := $(SAMPLES_AXIS) --panel task --series model,start $(LEVELS)
PLOT.figure16-expert-iteration := $(START_AXIS) --where method=expert-iteration --title 'Few intermediate samples, then expert iteration'
PLOT.figure16-iterated-dpo := $(START_AXIS) --where method=iterated-dpo --title 'Few intermediate samples, then iterated DPO'
$(call figure,figure16,$(foreach t,$(START_TASKS),$(call before_of,$t,locked locked-stronger,none right) $(call before_of,$t,intermediate never-locked,none) \
    $(call rl_of,$t,locked,expert-iteration iterated-dpo,discrete,plain $(STARTS)) \
    $(call rl_of,$t,never-locked,expert-iteration iterated-dpo,discrete,$(STARTS)) \
    $(call rl_of,$t,locked-stronger,expert-iteration iterated-dpo,discrete,plain)))

include $(PIPELINES)/study-end.mk
