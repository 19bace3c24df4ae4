# Reinforcement on function composition, on the models that figure 6 locked: as they are, and after fine-tuning on few
# demonstrations. The weak policy there is a program that never errs on what is not hidden and always on what is, so
# hidden answers turn up only by accident, or after demonstrations.
include $(dir $(lastword $(MAKEFILE_LIST)))study.mk
include $(PIPELINES)/tasks/composition.mk

DRAWINGS.composition-rl := composition-rl
AGGREGATE.composition-rl := $(ROWS) --subset all,locked
PLOT.composition-rl := $(SAMPLES_AXIS) --panel model --series method,start --where subset=locked --where method=expert-iteration --where method=iterated-dpo \
    $(LEVELS) --title 'Reinforcement on composition, problems that the lock covers'
$(call figure,composition-rl,$(call before_of,composition,$(COMPOSITION_LOCKS),none right) $(call before_of,composition,never-locked,none) \
    $(call rl_of,composition,$(COMPOSITION_LOCKS),expert-iteration iterated-dpo,discrete,plain $(COMPOSITION_STARTS)))

include $(PIPELINES)/study-end.mk
