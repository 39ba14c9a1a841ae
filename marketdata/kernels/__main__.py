"""Compiles all kernels, so that the first start of a service is fast: `python -m marketdata.kernels`."""

import importlib
import pkgutil

import marketdata.kernels

if __name__ == "__main__":
    for module in pkgutil.iter_modules(marketdata.kernels.__path__, "marketdata.kernels."):
        importlib.import_module(module.name)
