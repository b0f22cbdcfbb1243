"""The built-in data sets. Whatever else mentions one takes it from its entry."""

from dropleak.data import digits
from dropleak.data.dataset import Dataset
from dropleak.data.downloads import Download

_CIFAR = "https://www.cs.toronto.edu/~kriz/"
_MNIST = "https://ossci-datasets.s3.amazonaws.com/mnist/"
_FASHION = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"
_IDX = "{train,t10k}-{images-idx3,labels-idx1}-ubyte.gz"

DATASETS = {
    "digits": Dataset(
        train=1437,
        test=360,
        channels=1,
        size=32,
        load=digits.load,
        method=r"scikit-learn's \cite{pedregosa2011scikit} handwritten digits "
        r"\cite{alpaydin1998optical}",
    ),
    "cifar10": Dataset(
        train=50_000,
        test=10_000,
        channels=3,
        size=32,
        load=Download("CIFAR10", _CIFAR, "cifar-10-python.tar.gz"),
        method=r"CIFAR-10 \cite{krizhevsky2009learning}",
    ),
    "cifar100": Dataset(
        train=50_000,
        test=10_000,
        channels=3,
        size=32,
        load=Download("CIFAR100", _CIFAR, "cifar-100-python.tar.gz"),
        method=r"CIFAR-100 \cite{krizhevsky2009learning}",
    ),
    "mnist": Dataset(
        train=60_000,
        test=10_000,
        channels=1,
        size=28,
        load=Download("MNIST", _MNIST, f"MNIST/raw/{_IDX}"),
        method=r"MNIST \cite{lecun1998gradient}",
    ),
    "fashion_mnist": Dataset(
        train=60_000,
        test=10_000,
        channels=1,
        size=28,
        load=Download("FashionMNIST", _FASHION, f"FashionMNIST/raw/{_IDX}"),
        method=r"Fashion-MNIST \cite{xiao2017fashion}",
    ),
    "svhn": Dataset(
        train=73_257,
        test=26_032,
        channels=3,
        size=32,
        load=Download("SVHN", "http://ufldl.stanford.edu/housenumbers/", "{train,test}_32x32.mat"),
        method=r"SVHN \cite{netzer2011reading}",
    ),
}
