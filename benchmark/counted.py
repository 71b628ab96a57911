"""Which code of the core counts: what determines bytes, stage by stage, and what does not."""

from __future__ import annotations

# The code that determines bytes, stage by stage: files of benchmark/, or single definitions in them. Plugins and what
# they import come on top.
CHECKING = "base.py compatible.py parts.py trial.py"
_SCHEDULE = (
    "compatible.py:schedule compatible.py:KEPT compatible.py:OVERRIDDEN compatible.py:BETAS compatible.py:prediction"
    " compatible.py:reduction"
)
DRAWING = (
    f"generate.py sampling.py guidance.py apply.py diffusion.py {_SCHEDULE} guard.py:_kept manifest.py"
    " devices.py:device weights.py:base weights.py:read_delta groups.py:OWN"
)
ERASING = (
    f"erase.py guard.py:untouched guard.py:_kept workbench.py diffusion.py {_SCHEDULE} devices.py:device"
    " manifest.py:picture records.py:Request weights.py:save_delta weights.py:UNSEALED groups.py:OWN weights.py:_file"
)
TRAINING = "train_classifier.py devices.py:device manifest.py:picture weights.py:write_tensors weights.py:_file"
READING = (
    "prompts.py:_from_file prompts.py:_prompt prompts.py:_whole prompts.py:_number prompts.py:LARGEST"
    " prompts.py:_prefix prompts.py:write prompt_set.py:COLUMNS"
)
ATTACKING = (
    f"attack.py apply.py guidance.py workbench.py diffusion.py {_SCHEDULE} guard.py:_kept devices.py:device"
    " weights.py:read_delta groups.py:OWN"
)
ADOPTING = f"adopt.py diffusion.py {_SCHEDULE} manifest.py weights.py:save_delta weights.py:UNSEALED weights.py:_file"
LOOKING = "observe.py evidence.py devices.py:device manifest.py:picture manifest.py:ROUNDING"
SCORING = (
    "score.py scores.py:COLUMNS scores.py:OPTIONAL scores.py:write versions.py evidence.py"
    " manifest.py:Image prompts.py:read prompts.py:_value prompts.py:of_model prompts.py:_count prompts.py:role_of"
    " records.py:Task"
)
VIEWING = (
    "view.py typeset.py plot.py marks.py notes.py words.py summary.py frames.py scores.py score_names.py handed.py"
    " versions.py evidence.py manifest.py:picture"
)

# Files that count for nothing: they determine no byte, or what they make of a run stands in causes as values, or causes
# name their definitions one by one.
APART = (
    "causes checkpoint cli code config contract counted devices errors files grid groups hub inventory job lease"
    " looking parts plugins prompt_set prompts protocols ranges records selection source strict suite task texts trial"
    " variants versions"
)
