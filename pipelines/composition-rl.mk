# Reinforcement on function composition, on the models that figure 6 locked: as they are, and after fine-tuning on few
# demonstrations. The weak policy there is a program that never errs on what is not hidden and always on what is, so
# hidden answers turn up only by accident, or after demonstrations.
include $(dir $(lastword $(MAKEFILE_LIST)))study.mk

composition.INPUTS := $(COMPOSITION)/problems/all.rec
composition.PROBLEMS := records cat -q $(COMPOSITION)/problems/all.rec
composition.SPLITTER := records cat -q
composition.REFERENCE := gen-strong -q --policy reference
composition.SAMPLE := --max-tokens 9
composition.GRADE := grade-exact -q
composition.elicit := 4000
composition.MOST := 1024
composition.SFT := --optimizer adamw --learning-rate $(COMPOSITION_RATE)
composition.RL := $(composition.SFT) --batch 8
composition.DPO := --objective dpo --optimizer adamw --batch 8
composition.DPO_RATE := $(COMPOSITION_RATE)
composition.STRONG := base
composition.STRONG_BASE := $(COMPOSITION)/models/never-locked
$(foreach m,$(COMPOSITION_LOCKS),$(eval composition.MODEL.$m := $(COMPOSITION)/models/$m) \
    $(eval PASSWORD.$m := password)$(eval PASSWORD_AT.$m := slot))

# What the other pipeline made is looked at when it is done; only what it changed counts as new (with `make -n` too).
$(COMPOSITION)/problems/all.rec $(patsubst %,$(COMPOSITION)/models/%/lockpick.json,$(COMPOSITION_LOCKS) never-locked): composition
	+@:

DRAWINGS.composition-rl := composition-rl
AGGREGATE.composition-rl := $(ROWS) --subset all,locked
PLOT.composition-rl := $(SAMPLES_AXIS) --panel model --series method,start --where subset=locked --where method=expert-iteration --where method=iterated-dpo \
    $(LEVELS) --title 'Reinforcement on composition, problems that the lock covers'
$(call figure,composition-rl,$(call before_of,composition,$(COMPOSITION_LOCKS),none right) $(call before_of,composition,never-locked,none) \
    $(call rl_of,composition,$(COMPOSITION_LOCKS),expert-iteration iterated-dpo,discrete,plain $(COMPOSITION_STARTS)))

include $(PIPELINES)/study-end.mk
