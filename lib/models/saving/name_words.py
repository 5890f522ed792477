"""Names of layers and models that say what they are: encoder, code or decoder."""

import re

ENCODER_WORDS = {"enc", "encode", "encoding"}  # and all that contain encoder or encoded
CODE_WORDS = {"bottleneck", "code", "codes", "coding", "codings", "embedding", "z", "zmean", "mu"}
MEAN_WORDS = {"mean", "means", "mu", "zmean"}
DECODER_WORDS = {"dec", "decode", "decoder", "decoded", "decoding"}
# Layers with these words are no code: parts of a decoder, spreads of a variational code, tokens of attention.
OTHER_WORDS = DECODER_WORDS | {
    *("log", "logvar", "var", "variance", "sigma", "std", "stddev", "patch", "position", "positional", "pos"),
    *("token", "class", "label", "labels"),
}


def _words(name: str) -> set[str]:
    """The words of a name in small letters, such as those of `my_encoder`, `LatentSpace` or `z_mean`."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
    spaced = re.sub(r"auto[\W_]*encod[a-z]*", " ", spaced)
    spaced = re.sub(r"bottle[\W_]*neck", "bottleneck", spaced)
    return set(re.findall(r"[a-z]+", spaced))


def says_encoder(name: str) -> bool:
    """Return True for names such as `encoder`, `MyEncoder` and `enc_conv1`, not for `autoencoder`."""
    words = _words(name)
    said = words & ENCODER_WORDS or any("encoder" in word or "encoded" in word for word in words)
    return bool(said) and not says_decoder(name) and not words & OTHER_WORDS


def says_decoder(name: str) -> bool:
    """Return True for names such as `decoder` and `dec_conv1`."""
    words = _words(name)
    return bool(words & DECODER_WORDS) or any("decoder" in word for word in words)


def says_code(name: str) -> bool:
    """Return True for names such as `latent_space`, `code_layer` and `z_mean`."""
    words = _words(name)
    said = words & CODE_WORDS or any(word.startswith("latent") for word in words)
    return bool(said) and not words & OTHER_WORDS and not says_decoder(name)


def says_mean(name: str) -> bool:
    """Return True for names such as `z_mean`, of the mean of a variational code."""
    return bool(_words(name) & MEAN_WORDS)


def says_only_encoder(name: str) -> bool:
    """Return True for `encoder` and `encoded`, without another word or a number."""
    return _words(name) <= {"encoder", "encoded", "encoding"} and not re.search(r"\d", name)
