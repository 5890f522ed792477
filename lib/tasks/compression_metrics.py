"""Metrics of an autoencoder as a compression of images, which `lib.evaluation.compression` computes."""

from functools import partial

from lib.tasks.metrics import METRICS, Metric, Values


def _describe_bits(values: Values) -> str:
    """The bits of the codes beside those of JPEG and PNG, as far as there are any."""
    texts = [f"{values['bits_per_pixel']:.3f} bits per pixel, MSE {values['coded_mse']:.5f}"]
    if "jpeg_bits_per_pixel" in values:
        jpeg = f"{values['jpeg_bits_per_pixel']:.3f}, MSE {values['jpeg_coded_mse']:.5f}"
        texts.append(f"JPEG {jpeg}")
    if "png_bits_per_pixel" in values:
        texts.append(f"PNG {values['png_bits_per_pixel']:.3f}, no error")
    return "Codes in bits (entropy): " + "; ".join(texts)


_compression_metric = partial(
    Metric, unit="bits", decimals=3, for_baselines=False, describe=lambda values: ""
)

METRICS += [
    _compression_metric(
        key="bits_per_pixel",
        label="bits per pixel",
        meaning="entropy of the codes of test images, rounded so that their error grows by at most 5 %, by "
        "frequencies in the training images",
        describe=_describe_bits,
    ),
    _compression_metric(
        key="coded_mse", label="MSE of rounded codes", meaning="of these images", unit="", decimals=5
    ),
    _compression_metric(
        key="jpeg_bits_per_pixel",
        label="bits per pixel of JPEG",
        meaning="of the same images at the lowest quality with at most that error, without headers",
    ),
    _compression_metric(
        key="jpeg_coded_mse", label="MSE of JPEG", meaning="of these images", unit="", decimals=5
    ),
    _compression_metric(
        key="png_bits_per_pixel",
        label="bits per pixel of PNG",
        meaning="of the same images, which PNG stores without an error, without headers",
    ),
]
