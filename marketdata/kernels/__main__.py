"""Compile all kernels now, so that no service has to at its first start: `python -m marketdata.kernels`."""

import importlib
import pkgutil

import marketdata.kernels

if __name__ == "__main__":
    for module in pkgutil.iter_modules(marketdata.kernels.__path__, "marketdata.kernels."):
        importlib.import_module(module.name)
