"""Many pictures: a work list, a manifest of what came of it, and who does the work.

The rooms above say what one picture's work is; here it is a function of one job. Both
runners take jobs as they are needed and give back each with what came of it, once.
"""
