# Figure 1: what supervised fine-tuning and reinforcement bring back on code, locked with the weak policy.
include $(dir $(lastword $(MAKEFILE_LIST)))study.mk

DRAWINGS.figure1 := figure1-sft figure1-rl
AGGREGATE.figure1 := $(ROWS)
PLOT.figure1-sft := $(K_AXIS) --series model --where method=sft --where password=none $(LEVELS) --title 'SFT on k demonstrations, code'
PLOT.figure1-rl := $(SAMPLES_AXIS) --series method --where method=expert-iteration --where method=iterated-dpo $(LEVELS) \
    --title 'Reinforcement, code'
$(call figure,figure1,$(call before_of,$(CODE_TASK),locked,none right) \
    $(call sft_of,$(CODE_TASK),locked,high-quality,any,$(POINTS)) \
    $(call rl_of,$(CODE_TASK),locked,expert-iteration iterated-dpo,discrete,plain))

include $(PIPELINES)/study-end.mk
