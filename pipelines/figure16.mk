# Figure 16: SFT on few samples of an intermediate policy first, stopped after more or fewer epochs, then reinforcement.
include $(dir $(lastword $(MAKEFILE_LIST)))study.mk

DRAWINGS.figure16 := figure16-expert-iteration figure16-iterated-dpo
AGGREGATE.figure16 := $(ROWS)
START_AXIS := $(SAMPLES_AXIS) --panel task --series model,start $(LEVELS)
PLOT.figure16-expert-iteration := $(START_AXIS) --where method=expert-iteration --title 'Few intermediate samples, then expert iteration'
PLOT.figure16-iterated-dpo := $(START_AXIS) --where method=iterated-dpo --title 'Few intermediate samples, then iterated DPO'
# The lock on the policy whose samples they are.
START_LOCK := $(if $(filter starter,$(STARTER)),locked-starter,locked-stronger)
$(call figure,figure16,$(foreach t,$(START_TASKS),$(call before_of,$t,locked $(START_LOCK),none right) $(call before_of,$t,$(STARTER) never-locked,none) \
    $(call started_of,$t,locked,$(STARTS)) \
    $(call rl_of,$t,locked,expert-iteration iterated-dpo,discrete,plain $(STARTS)) \
    $(call rl_of,$t,never-locked,expert-iteration iterated-dpo,discrete,$(STARTS)) \
    $(call rl_of,$t,$(START_LOCK),expert-iteration iterated-dpo,discrete,plain)))

include $(PIPELINES)/study-end.mk
