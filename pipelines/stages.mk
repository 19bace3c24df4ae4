# The end of every pipeline: outputs follow from their stamps (see common.mk).

$(STAGES): %: %.stamp ; @:
$(MODELS:%=%/lockpick.json): %/lockpick.json: %.stamp ; @:

# A stamp whose output is gone counts for nothing.
LOST := $(foreach s,$(STAGES),$(if $(wildcard $s),,$s.stamp)) \
        $(foreach m,$(MODELS),$(if $(wildcard $m/lockpick.json),,$m.stamp))
LOST := $(wildcard $(LOST))
$(if $(LOST),$(shell rm -f $(LOST)))

# `make -s SHOW=yes` prints a line for each stage that is done, and no commands.
ifneq ($(SHOW),)
export SHOW_STAGES := $(words $(STAGES) $(MODELS))
export OUT
# Another pipeline's stages below this one's folder are not of that number.
export SHOW_NESTED := $(filter-out $(OUT),$(COMPOSITION))
endif
