"""Evaluation: scores, baselines, probes and figures of trained models.

    metrics        scores of models on images
    baselines      scores of trivial methods
    probes         classifiers on an encoder's codes
    compression    bits per pixel, beside JPEG
    code_rates     bits of latent codes
    image_codecs   JPEG and PNG in memory
    likelihood     of images under a VAE
    latent_space   projecting, sampling and comparing codes
    projections    PCA, t-SNE, UMAP and neighbors
    samplers       samplers of codes, by name
    sample_quality  closeness of generated images to real ones
    figures        plots of numbers as PNG files
    image_figures  images as PNG files
    detection_figures  curves, scores and heat maps
    figure_layout  titles and names in figures
    run_figures    figures of a finished run
    detection      scores of detectors of defects

`metrics` and `baselines` use the same keys (`test_mse` and `pca_mse`), so that a record can show them side by
side. `latent_space` works on arrays of codes; `run_figures` takes its results and those of the models to
`figures` and `image_figures`, which know nothing of models. `samplers` sample new codes; `sample_quality`
compares features of images, for the job in `lib.worker.evaluate_job`. `probes` holds what the job in
`lib.worker.probe_job` measures.

Other packages use `autoencoder_metrics`, `classifier_metrics` and `score_classes`;
`autoencoder_baselines`, `classifier_baselines` and `table_scores`; the functions of `latent_space`,
`projections`, `samplers.base`, `sample_quality`, `probes` and `run_figures`; and the `plot_…` functions of
`figures` and `image_figures`. Nothing is imported here, so that importing one module does not load Keras,
scikit-learn and Matplotlib for all.

>>> import numpy as np
>>> from lib.evaluation.latent_space import interpolate, prior_grid
>>> interpolate(np.zeros(2), np.ones(2), steps=3).tolist()
[[0.0, 0.0], [0.5, 0.5], [1.0, 1.0]]
>>> prior_grid(2).round(2).tolist()
[[-0.67..., 0.67...], [0.67..., 0.67...], [-0.67..., -0.67...], [0.67..., -0.67...]]
"""
