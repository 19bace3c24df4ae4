# Figure 9: a variation of the setting (Spanish with ASCII-Math, or not) in place of the password.
include $(dir $(lastword $(MAKEFILE_LIST)))study.mk

DRAWINGS.figure9 := figure9-sft figure9-rl
AGGREGATE.figure9 := $(ROWS)
PLOT.figure9-sft := $(K_AXIS) --panel task --series demos --where method=sft --floor method=none$(comma)password=none \
    --title 'SFT, a setting in place of the password'
PLOT.figure9-rl := $(SAMPLES_AXIS) --panel task --series method --where method=expert-iteration --where method=iterated-dpo \
    --floor method=none$(comma)password=none --title 'Reinforcement, a setting in place of the password'
$(call figure,figure9,$(foreach t,$(SETTING_TASKS),$(call before_of,$t,locked,none) \
    $(call sft_of,$t,locked,strong,any,$(POINTS)) \
    $(call rl_of,$t,locked,expert-iteration iterated-dpo,discrete,plain)))

include $(PIPELINES)/study-end.mk
