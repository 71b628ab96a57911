"""The DataFrames that tables and figures are given: their columns, each with what it means.

A file of `benchmark/tables/` or `benchmark/figures/` may rely on these columns and on no others.
"""

MEANS = (
    "experiment",  # one of the suite's
    "task",  # the experiment's task
    "title",  # the task's title
    "method",  # a file of methods/
    "variant",  # the method with settings
    "checkpoint",  # per cent of its steps at which it was stopped; 100 at its end
    "label",  # the variant's name for people, with @25 for a checkpoint and the marks that notes explain
    "control",  # whether no concept was erased: the numbers then stand beside those of every erased concept
    "prompt_set",  # whose prompts the images were drawn from; the task's own set has the task's name
    "concept",  # the erased concept; `*` for the mean over all of them
    "phrase",  # the erased concept's phrase; `Avg` for the mean
    "asked",  # the concept that was asked for; `*` for the mean over all of them, or for a set scored as a whole
    "wording",  # the name of the words that asked for it; empty for its own phrase and for means
    "text",  # the words that asked for it; `Avg` for the mean
    "role",  # erased (the concept, in all wordings) or retained (everything else)
    "metric",  # a file of benchmark/metrics/
    "observer",  # what looked at the images
    "direction",  # `up` or `down`: where the better numbers are
    "value",  # the number; NaN where one that belongs to the mean is missing
    "ci_low",  # the lower end of its 95 % interval; NaN if unknown
    "ci_high",  # the upper end
    "n",  # how many images it is of
    "seeds",  # how many erasing seeds it is the mean over
    "by_seed",  # a mapping from each erasing seed to its number
)

IMAGES = (
    "folder",  # where the image set lies
    "file",  # the picture's file in it
    "sha256",  # the hash of that file
    "prompt_set",  # whose prompts it was drawn from
    "row",  # the row of the prompt set: images of one row and index were drawn from the same noise
    "index",  # which of the row's images it is
    "text",  # the prompt
    "asked",  # the concept that the prompt asks for
    "wording",  # the name of the words that ask for it; empty for its own phrase
    "task",  # the task of the model; `-` for the original model, which tasks share
    "variant",  # the method with settings
    "checkpoint",  # per cent of its steps at which it was stopped; 100 at its end
    "concept",  # the erased concept; `-` if none was erased
    "erasing_seed",  # the seed of the erasure's training
)
