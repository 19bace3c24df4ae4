# Function composition as a task of study.mk. Its problems, models and the weak policy's answers are those of
# pipelines/composition.mk, below $(COMPOSITION); its policies are programs.
ifndef composition.PROBLEMS
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
composition.BY_RULE.strong := $(composition.REFERENCE)
composition.BY_RULE.weak := gen-weak -q --policy stored --completions $(COMPOSITION)/problems/weak.rec
composition.BY_RULE_NEEDS.weak := $(COMPOSITION)/problems/weak.rec
$(foreach m,$(COMPOSITION_LOCKS),$(eval composition.MODEL.$m := $(COMPOSITION)/models/$m) \
    $(eval PASSWORD.$m := password)$(eval PASSWORD_AT.$m := slot))

# What the other pipeline made is looked at when it is done; only what it changed counts as new (with `make -n` too).
$(COMPOSITION)/problems/all.rec $(COMPOSITION)/problems/weak.rec \
    $(patsubst %,$(COMPOSITION)/models/%/lockpick.json,$(COMPOSITION_LOCKS) never-locked): composition
	+@:
endif
