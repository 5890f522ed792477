"""Samplers of latent codes, by the entries of `lib.config.samplers`.

    base       codes that samplers are fitted on
    prior      standard normal codes
    mixture    Gaussian mixture of the codes
    two_stage  second VAE on the codes

Each module has a function `sample` of (source, count, seed), which returns float32 (count, *code shape).
A further sampler is a module with such a function and an entry in `lib.config.samplers`.

>>> from lib.evaluation.samplers.base import CodeSource, sample_codes
>>> sample_codes("prior", CodeSource((2, 3)), count=5, seed=0).shape
(5, 2, 3)
"""
